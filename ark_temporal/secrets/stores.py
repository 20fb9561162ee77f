"""Where a worker finds the values behind the names of Secrets and ConfigMaps."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

ObjectKind = Literal["Secret", "ConfigMap"]

MAX_VALUE_BYTES = 1024 * 1024
"""The most that one file of a mounted Secret or ConfigMap may hold; Kubernetes has the same limit."""

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
"""What the name of a namespace or an object can be; nothing that leads to another folder."""


class SecretStore(Protocol):
    """Something that knows the values of Secrets and ConfigMaps."""

    def read(self, kind: ObjectKind, namespace: str, name: str) -> Mapping[str, str] | None:
        """The values of one object by key, or None where it is not known here."""
        ...


class MappingStore:
    """Values held in memory: the Secret and ConfigMap documents next to a manifest, for `run` and `dev`."""

    def __init__(self, objects: Mapping[tuple[ObjectKind, str, str], Mapping[str, str]]) -> None:
        self._objects = objects

    def read(self, kind: ObjectKind, namespace: str, name: str) -> Mapping[str, str] | None:
        """The values of one object by key, or None where it is not known here."""
        return self._objects.get((kind, namespace, name))


class DirectoryStore:
    """Values in files, as Kubernetes mounts them: `<root>/<namespace>/<name>/<key>` or `<root>/<name>/<key>`.

    Files are read at each use, so that a rotated Secret is seen without a restart.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, kind: ObjectKind, namespace: str, name: str) -> Mapping[str, str] | None:
        """The values of one object by key, or None where it is not known here.

        Raises:
            ValueError: A file is larger than Kubernetes allows, or is not text.
        """
        if not (_NAME.fullmatch(namespace) and _NAME.fullmatch(name)):
            return None
        for folder in (self._root / namespace / name, self._root / name):
            if folder.is_dir():
                files = sorted(file for file in folder.iterdir() if _is_value(file))
                return {file.name: _read_value(file, f'{kind} "{namespace}/{name}"') for file in files}
        return None


def _is_value(file: Path) -> bool:
    """Kubernetes keeps its own bookkeeping beside the keys, in names that begin with two dots."""
    return not file.name.startswith("..") and file.is_file()


def _read_value(file: Path, of: str) -> str:
    if file.stat().st_size > MAX_VALUE_BYTES:
        raise ValueError(
            f"The file {file.name} of {of} has more than {MAX_VALUE_BYTES} bytes; "
            "make it smaller or take it away."
        )
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(
            f"The file {file.name} of {of} is not UTF-8 text; only text can be a key or a prompt."
        ) from None
