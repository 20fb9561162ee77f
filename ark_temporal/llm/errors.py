"""One vocabulary for what goes wrong with a model call, stable across providers and releases."""

from typing import Literal

ModelErrorType = Literal[
    "ModelRateLimited",
    "ModelOverloaded",
    "ModelUnavailable",
    "ModelConnectionError",
    "ModelTimeout",
    "ModelBadReply",
    "ModelReplyTooLarge",
    "ModelAuthenticationError",
    "ModelPermissionError",
    "ModelNotFound",
    "ModelBadRequest",
    "ModelContextTooLong",
    "ModelQuotaExhausted",
    "ModelRefused",
    "ModelCredentialsMissing",
]
"""The `type` of an error. It is public: it stands in histories and in run records."""


class ModelError(Exception):
    """A model call that gave no usable answer.

    Attributes:
        type: Stable name of the kind of failure.
        retryable: Whether the same call may succeed later. Temporal does the retrying.
        retry_after: Seconds the provider asked to wait, if it did.
        status: HTTP status, if there was one.
    """

    def __init__(
        self,
        type: ModelErrorType,
        message: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.type: ModelErrorType = type
        self.retryable = retryable
        self.retry_after = retry_after
        self.status = status
