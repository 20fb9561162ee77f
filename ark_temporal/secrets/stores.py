"""Where a worker finds the values behind the names of Secrets and ConfigMaps."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from ark_temporal.secrets.errors import SecretError

ObjectKind = Literal["Secret", "ConfigMap"]

MAX_VALUE_BYTES = 1024 * 1024
"""The most that one file of a mounted Secret or ConfigMap may hold; Kubernetes has the same limit."""

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
"""What the name of a namespace or an object can be; nothing that leads to another folder."""


class SecretStore(Protocol):
    """Something that knows the values of Secrets and ConfigMaps."""

    async def read(self, kind: ObjectKind, namespace: str, name: str) -> Mapping[str, str] | None:
        """The values of one object by key, or None where it is not known here."""
        ...


class MappingStore:
    """Values held in memory: the Secret and ConfigMap documents next to a manifest, for `run` and `dev`."""

    def __init__(self, objects: Mapping[tuple[ObjectKind, str, str], Mapping[str, str]]) -> None:
        self._objects = objects

    async def read(self, kind: ObjectKind, namespace: str, name: str) -> Mapping[str, str] | None:
        """The values of one object by key, or None where it is not known here."""
        return self._objects.get((kind, namespace, name))


class DirectoryStore:
    """Values in files, as Kubernetes mounts them: `<root>/<namespace>/<name>/<key>` or `<root>/<name>/<key>`.

    Files are read at each use, so that a rotated Secret is seen without a restart.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def read(self, kind: ObjectKind, namespace: str, name: str) -> Mapping[str, str] | None:
        """The values of one object by key, or None where it is not known here.

        Raises:
            SecretError: A file is larger than Kubernetes allows, or is not text.
        """
        if not (_NAME.fullmatch(namespace) and _NAME.fullmatch(name)):
            return None
        return await asyncio.to_thread(self._read, kind, namespace, name)

    def _read(self, kind: ObjectKind, namespace: str, name: str) -> Mapping[str, str] | None:
        for folder in (self._root / namespace / name, self._root / name):
            found = values_in(folder, f'{kind} "{namespace}/{name}"')
            if found is not None:
                return found
        return None


def values_in(folder: Path, of: str) -> Mapping[str, str] | None:
    """The values of a folder, one in each file; None where there is no such folder.

    Args:
        folder: As Kubernetes mounts a Secret.
        of: Whose values they are, for errors.

    Raises:
        SecretError: A file is larger than Kubernetes allows, is not text, or may not be read.
    """
    try:
        files = sorted(file for file in folder.iterdir() if _is_value(file))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SecretError(f"The folder of {of} cannot be read ({error.strerror}). Mend its rights.") from None
    read = {file.name: read_value(file, of) for file in files}
    return {key: value for key, value in read.items() if value is not None}


def read_value(file: Path, of: str) -> str | None:
    """The text of a file without the line break at its end; None where there is no such file.

    Args:
        file: The file.
        of: Whose value it is, for errors.

    Raises:
        SecretError: It is larger than Kubernetes allows, is not text, or may not be read.
    """
    what = f"The file {file.name} of {of}"
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_VALUE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SecretError(f"{what} cannot be read ({error.strerror}). Mend its rights.") from None
    if len(content) > MAX_VALUE_BYTES:
        raise SecretError(f"{what} has more than {MAX_VALUE_BYTES} bytes; make it smaller or take it away.")
    try:
        return content.decode().replace("\r\n", "\n").rstrip("\n")
    except UnicodeDecodeError:
        raise SecretError(f"{what} is not UTF-8 text; only text can be a key or a prompt.") from None


def _is_value(file: Path) -> bool:
    """Kubernetes keeps its own bookkeeping beside the keys, in names that begin with two dots."""
    return not file.name.startswith("..") and file.is_file()


def with_mounted(stores: Sequence[SecretStore], directory: Path | None) -> list[SecretStore]:
    """These stores, and behind them the directory of mounted Secrets and ConfigMaps, if there is one."""
    return [*stores, *([DirectoryStore(directory)] if directory is not None else [])]
