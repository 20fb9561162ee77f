"""Finding Python tools: in modules, in files, and in installed packages."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from ark_temporal.tools._python_types import ToolsError

ENTRY_POINT_GROUP: Final = "ark_temporal.tools"


def named_objects(names: Iterable[str]) -> Iterator[tuple[str, object]]:
    """What `module`, `module:attribute`, `file.py` and `file.py:attribute` stand for, each with its origin.

    Raises:
        ToolsError: One of them cannot be imported, or has no such attribute.
    """
    for name in names:
        target, _, attribute = name.partition(":") if not Path(name).is_file() else (name, "", "")
        module = _file(name, Path(target)) if target.endswith(".py") else _module(name, target)
        found: object = module
        for part in filter(None, attribute.split(".")):
            try:
                found = getattr(found, part)
            except AttributeError:
                raise ToolsError(f'"{target}" of --tools {name} has no attribute "{attribute}".') from None
        yield f"--tools {name}", found


def installed_objects() -> Iterator[tuple[str, object]]:
    """What installed packages offer under the entry point group, each with its origin.

    Raises:
        ToolsError: One of them cannot be imported.
    """
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda each: (each.name, each.value)):
        origin = f'the entry point "{point.name} = {point.value}" of the package {_package(point)}'
        try:
            found = cast(object, point.load())
        except (Exception, SystemExit) as error:
            raise _not_imported(origin, error) from error
        yield origin, found


def members(origin: str, found: object) -> Iterator[object]:
    """The objects that may be tools: those of a module, of a list, or the one itself."""
    match found:
        case ModuleType():
            yield from vars(found).values()
        case list() | tuple() | set() | frozenset():
            yield from cast("Iterable[object]", found)
        case _ if callable(found):
            yield found
        case _:
            raise ToolsError(f"What {origin} names is no module, function or list of functions.")


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "(unknown)"


def _module(name: str, target: str) -> ModuleType:
    if not all(part.isidentifier() for part in target.split(".")):
        raise ToolsError(
            f"--tools {name} is neither a module nor a Python file. Write package.module, "
            "package.module:function or path/to/file.py."
        )
    try:
        return importlib.import_module(target)
    except (Exception, SystemExit) as error:
        raise _not_imported(f"--tools {name}", error) from error


def _file(name: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise ToolsError(f"--tools {name}: there is no file {path}.")
    # Not the file's own name: it may be that of an installed module.
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(f"ark_tools_{path.stem}_{digest}", path)
    if spec is None or spec.loader is None:
        raise ToolsError(f"--tools {name}: {path} cannot be loaded as Python.")
    if spec.name in sys.modules:  # like any module, it runs once in a process
        return sys.modules[spec.name]
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise _not_imported(f"--tools {name}", error) from error
    return module


def _not_imported(origin: str, error: BaseException) -> ToolsError:
    if isinstance(error, ToolsError):
        return ToolsError(f"{origin[:1].upper()}{origin[1:]} cannot be used. {error}")
    mend = ""
    if isinstance(error, ModuleNotFoundError):
        mend = " Install it, give the path of its file, or add its folder to PYTHONPATH."
    return ToolsError(
        f"{origin[:1].upper()}{origin[1:]} cannot be imported: {type(error).__name__}: {_text(error)}.{mend}"
    )


def _text(error: Any) -> str:
    return str(error).removesuffix(".")
