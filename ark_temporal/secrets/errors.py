"""What is said when a Secret cannot be read: names and reasons, no values."""

from typing import Literal

SecretErrorType = Literal["SecretUnavailable", "SecretMisconfigured"]
"""The `type` of an error. It is public: it stands in histories and in run records."""


class SecretError(ValueError):
    """A Secret that is there, or may be, and cannot be read now. Its message holds no value.

    Attributes:
        type: Stable name of the kind of failure.
        retryable: Whether it may be readable later. Temporal does the retrying.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.type: SecretErrorType = "SecretUnavailable" if retryable else "SecretMisconfigured"
        self.retryable = retryable
