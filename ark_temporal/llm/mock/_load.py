"""Reading a mock script, with errors that say where and what to do."""

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from ark_temporal.llm.mock.script import (
    MockRule,
    MockScript,
    ScriptDefaults,
    ScriptedFailure,
    ScriptedToolCall,
    ScriptedUsage,
)

MAX_SCRIPT_BYTES = 4_000_000

_MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): MockScript,
    ("rules",): MockRule,
    ("rules", "fail"): ScriptedFailure,
    ("rules", "toolCalls"): ScriptedToolCall,
    ("rules", "usage"): ScriptedUsage,
    ("defaults",): ScriptDefaults,
}
_Place = tuple[int | str, ...]


def load_mock_script(path: Path | str) -> MockScript:
    """Read a script from a YAML or JSON file.

    Args:
        path: The file.

    Raises:
        ValueError: It cannot be read or is no mock script; one full sentence for each thing that is wrong.
    """
    file = Path(path)
    text = _read(file)
    try:
        data, node = _parse(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        raise ValueError(f"{where}: The mock script is not valid YAML or JSON: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"{file}: The mock script is not valid YAML or JSON: {error}.") from None
    if data is None:
        raise ValueError(f'{file}: The mock script is empty; write at least "rules:" or "replies:".')
    try:
        return MockScript.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        lines = [_sentence(file, node, each) for each in error.errors(include_url=False)]
        raise ValueError("\n".join(lines)) from None


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_SCRIPT_BYTES:
            raise ValueError(f"{file}: The mock script is larger than {MAX_SCRIPT_BYTES} bytes; split it.")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"{file}: The mock script cannot be read ({error.strerror}); check the path after --mock-script."
        ) from None
    except UnicodeDecodeError:
        raise ValueError(f"{file}: The mock script is not UTF-8; save it as UTF-8.") from None


class _JsonTypesLoader(yaml.SafeLoader):
    """YAML whose plain words are text: no dates, and `yes`, `no`, `on`, `off` are not booleans."""


_JsonTypesLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:timestamp" and (tag != "tag:yaml.org,2002:bool" or first in "tTfF")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parse(text: str) -> tuple[JsonValue, yaml.Node | None]:
    """The value, and the YAML nodes that know its lines."""
    try:
        return json.loads(text), None
    except json.JSONDecodeError:
        loader: Any = _JsonTypesLoader(text)  # its methods have no types
    try:
        node: yaml.Node | None = loader.get_single_node()
        if node is None:
            return None, None
        for key in _repeated_keys(node):
            raise yaml.MarkedYAMLError(None, None, f"the key {key.value!r} is there twice", key.start_mark)
        return loader.construct_document(node), node
    finally:
        loader.dispose()


def _repeated_keys(root: yaml.Node) -> Iterator[yaml.ScalarNode]:
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                waiting.append(value)
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        yield key
                    keys.add(key.value)


def _sentence(file: Path, root: yaml.Node | None, error: ErrorDetails) -> str:
    place = error["loc"]
    mark = _mark(root, place)
    where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
    return f"{where}: {_dotted(place) or 'The mock script'}: {_reason(error, place)}"


def _reason(error: ErrorDetails, place: _Place) -> str:
    if error["type"] == "extra_forbidden":
        return _unknown_key(place)
    if error["type"] == "missing":
        return "It is required; add it."
    if error["type"] == "value_error":
        return f"{error['msg'].removeprefix('Value error, ')}."
    message = error["msg"].removeprefix("Input ").replace("tuple", "list")
    given = error["input"]
    shown = "" if isinstance(given, dict | list) else f", not {given!r}"
    return f"{message[0].upper()}{message[1:]}{shown}{_nearest_value(error)}.".replace(
        "Should", "It should", 1
    )


def _nearest_value(error: ErrorDetails) -> str:
    """A hint where one of several words is expected."""
    if error["type"] != "literal_error":
        return ""
    words: list[str] = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected")))
    near = get_close_matches(str(error["input"]), words, n=1, cutoff=0.5)
    return f'; the nearest is "{near[0]}"' if near else ""


def _unknown_key(place: _Place) -> str:
    names = tuple(str(key) for key in place[:-1] if isinstance(key, str))
    model = _MODELS.get(names)
    known = [field.alias or name for name, field in model.model_fields.items()] if model else []
    near = get_close_matches(str(place[-1]), known, n=1, cutoff=0.5)
    if near:
        return f'There is no such key; the nearest is "{near[0]}".'
    return f"There is no such key; known are {', '.join(known)}."


def _dotted(place: _Place) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)
    return text.removeprefix(".")


def _mark(root: yaml.Node | None, place: _Place) -> Any:
    """Where the last part of the place that exists begins; None for JSON."""
    node, mark = root, root.start_mark if root else None
    for key in place:
        found = _step(node, key)
        if found is None:
            break
        node, mark = found
    return mark


def _step(node: yaml.Node | None, key: int | str) -> tuple[yaml.Node, Any] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item = node.value[key]
        return item, item.start_mark
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return value, name.start_mark
    return None
