"""How values become payloads: pydantic's JSON, the large ones kept outside of history."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, ExternalStorage, StorageDriver

from ark_temporal.storage.directory import DirectoryDriver

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


_CONVERTER = DataConverter(payload_converter_class=SharedPayloadConverter)


def data_converter(storage: StorageDriver | None) -> DataConverter:
    """The converter of every client and worker of ours; all of them need the same storage."""
    if storage is None:
        return _CONVERTER
    return replace(
        _CONVERTER,
        external_storage=ExternalStorage(drivers=[storage], payload_size_threshold=STORED_FROM_BYTES),
    )


def parse_storage(where: str) -> StorageDriver:
    """The storage that `--storage` names: a directory, as a path or a `file:` URL.

    Raises:
        ValueError: It is some other URL, or one of another machine.
    """
    parts = urlsplit(where)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise ValueError(
                f"Payload storage {where} names no directory of this machine: write file:///path."
            )
        return DirectoryDriver(Path(url2pathname(parts.path)))
    if "://" in where:
        raise ValueError(
            f"Payload storage {parts.scheme}:// is not supported yet: give a directory that every worker and "
            "client can reach, as a path or a file:// URL."
        )
    return DirectoryDriver(Path(where).expanduser().absolute())
