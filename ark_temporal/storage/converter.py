"""How values become payloads: pydantic's JSON, encrypted where there are keys, kept outside where large."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    ExternalStorage,
    StorageDriver,
)

from ark_temporal.storage.encryption import EncryptionCodec, Keyring, refuse_encrypted

STORED_FROM_BYTES = 64 * 1024
"""Payloads of this size and more go to the storage. Small enough that many of them fit one gRPC message."""

STORED_UP_TO_BYTES = 64 * 1024 * 1024
"""The largest prompt or result of a run that has payload storage."""


class SharedPayloadConverter(PydanticPayloadConverter):
    """The pydantic converter, one for the whole process.

    The SDK makes a converter for every payload that may be stored outside. It has no state but its cache of
    type adapters, and filling that anew each time costs more than the conversion.
    """

    _instance: ClassVar["SharedPayloadConverter | None"] = None

    def __new__(cls) -> "SharedPayloadConverter":
        """The one there is."""
        if cls._instance is None:
            instance = super().__new__(cls)
            PydanticPayloadConverter.__init__(instance)
            cls._instance = instance
        return cls._instance

    def __init__(self) -> None:
        """Nothing: `__new__` has set it up once."""

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type[Any]] | None = None
    ) -> list[Any]:
        """Values out of payloads, which no codec has left encrypted.

        Raises:
            EncryptionError: One is encrypted, so there is no key here.
        """
        refuse_encrypted(payloads)
        return super().from_payloads(payloads, type_hints)


_CONVERTER = DataConverter(payload_converter_class=SharedPayloadConverter)


def data_converter(storage: StorageDriver | None, keyring: Keyring | None = None) -> DataConverter:
    """The converter of every client and worker of ours; all of them need the same storage and keys.

    With keys, failures are encrypted too: their messages may quote what a model was told.
    """
    converter = _CONVERTER
    if keyring is not None:
        converter = replace(
            converter,
            payload_codec=EncryptionCodec(keyring),
            failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
        )
    if storage is not None:
        external = ExternalStorage(drivers=[storage], payload_size_threshold=STORED_FROM_BYTES)
        converter = replace(converter, external_storage=external)
    return converter
