"""What goes wrong with the storage. No message has a credential in it."""

from temporalio.exceptions import ApplicationError


class StorageError(RuntimeError):
    """Base of what goes wrong with the storage."""


class PayloadMissingError(StorageError):
    """A payload that a history refers to is not in the storage, or is not what it was."""


class StorageUnavailableError(StorageError):
    """The storage does not answer, or refuses us. Trying again may help; Temporal does."""


def refuse_oversize(size: int, limit: int, place: str) -> None:
    """Let no value into the storage that is larger than it takes.

    Raises:
        ApplicationError: It is too large; trying again would not help.
    """
    if size > limit:
        raise ApplicationError(
            f"A value has {size} bytes, more than the {limit} that {place} takes. Make it smaller.",
            type="PayloadTooLarge",
            non_retryable=True,
        )
