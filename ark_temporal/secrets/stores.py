"""Where a worker finds the values behind the names of Secrets and ConfigMaps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

ObjectKind = Literal["Secret", "ConfigMap"]

MAX_VALUE_BYTES = 1024 * 1024
"""The most that one file of a mounted Secret or ConfigMap may hold; Kubernetes has the same limit."""


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
        for folder in (self._root / namespace / name, self._root / name):
            if _is_below(folder, self._root) and folder.is_dir():
                return {file.name: _read_value(file) for file in sorted(folder.iterdir()) if _is_value(file)}
        return None


def _is_below(folder: Path, root: Path) -> bool:
    """Names come from manifests: one with `..` in it must not lead out of the root."""
    return ".." not in folder.relative_to(root).parts


def _is_value(file: Path) -> bool:
    """Kubernetes keeps its own bookkeeping beside the keys, in names that begin with two dots."""
    return not file.name.startswith("..") and file.is_file()


def _read_value(file: Path) -> str:
    if file.stat().st_size > MAX_VALUE_BYTES:
        raise ValueError(f"The secret file {file.name} is larger than {MAX_VALUE_BYTES} bytes.")
    try:
        return file.read_text(encoding="utf-8").rstrip("\n")
    except UnicodeDecodeError:
        raise ValueError(f"The secret file {file.name} is not UTF-8 text.") from None
