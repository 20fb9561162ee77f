"""Whether a JSON Schema is JSON, is a schema, and needs nothing from elsewhere."""

import json
from collections.abc import Iterator
from typing import cast

from pydantic import JsonValue

from ark_temporal.manifests.base import JsonSchemaText
from ark_temporal.manifests.checks.patterns import PATTERN_HINT, pattern_problem
from ark_temporal.manifests.diagnostics import quoted
from ark_temporal.manifests.nodes import MappingNode, Node, SequenceNode
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.manifests.yaml_reader import read_yaml

_DATA = frozenset({"const", "default", "enum", "examples"})


def check_schema(text: JsonSchemaText | None, path: Path) -> Iterator[Finding]:
    """Findings about one schema, at the place in its text where that is known."""
    if text is None:
        return
    try:
        schema = text.parsed
    except json.JSONDecodeError as error:
        message = f"The JSON Schema is not JSON: {error.msg}."
        yield Finding(path, "schema-not-json", message, offset=error.pos)
        return
    except ValueError as error:
        yield Finding(path, "schema-not-json", f"The JSON Schema is not JSON: {error}")
        return
    if not isinstance(schema, dict | bool):
        yield Finding(path, "schema-invalid", "A JSON Schema is an object, or true or false.")
        return
    references = list(_references(schema, schema))
    for inner, reference in references:
        yield _at(text, path, inner, "schema-reference", _about_reference(reference))
    if not references:
        yield from _against_metaschema(text, schema, path)


def _against_metaschema(text: JsonSchemaText, schema: JsonValue, path: Path) -> Iterator[Finding]:
    # jsonschema takes longer to import than everything else here to run.
    from jsonschema import Draft202012Validator, FormatChecker, SchemaError
    from jsonschema.validators import validator_for

    try:
        definition = cast(dict[str, object], schema)
        patterns = FormatChecker(())
        patterns.checks("regex", raises=ValueError)(_is_pattern)
        dialect = validator_for(definition, default=Draft202012Validator)
        dialect.check_schema(definition, format_checker=patterns)  # pyright: ignore[reportCallIssue]
    except SchemaError as error:
        within: Path = tuple(error.absolute_path)
        where = f" at `{'.'.join(map(str, within))}`" if within else ""
        if isinstance(error.cause, ValueError):
            pattern = f"{quoted(str(error.instance))}{where}"
            message = f"The pattern {pattern} is not in RE2's syntax: {error.cause}."
            yield _at(text, path, within, "invalid-pattern", message, PATTERN_HINT)
            return
        message = f"This is not a valid JSON Schema{where}: {_shortened(error.message)}."
        yield _at(text, path, within, "schema-invalid", message)
    except RecursionError:
        yield Finding(path, "schema-invalid", "The JSON Schema is nested too deeply.")


def _is_pattern(value: object) -> bool:
    """Whether RE2, which matches patterns where it matters, can read one; Python's engine is not asked.

    Raises:
        ValueError: It cannot; the message says why.
    """
    said = pattern_problem(value) if isinstance(value, str) else ""
    if said:
        raise ValueError(said)
    return True


def _shortened(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _references(schema: JsonValue, root: JsonValue) -> Iterator[tuple[Path, str]]:
    """The `$ref`s that point out of the schema or to nothing in it."""
    rest: list[tuple[Path, JsonValue]] = [((), schema)]
    while rest:
        path, value = rest.pop()
        if isinstance(value, list):
            rest += [((*path, index), item) for index, item in enumerate(value)]
        elif isinstance(value, dict):
            target = value.get("$ref")
            if isinstance(target, str) and not _resolves(target, root):
                yield (*path, "$ref"), target
            rest += [((*path, key), item) for key, item in value.items() if key not in _DATA]


def _resolves(target: str, root: JsonValue) -> bool:
    if not target.startswith("#/"):
        return target.startswith("#")
    for raw in target[2:].split("/"):
        part = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(root, dict) and part in root:
            root = root[part]
        elif isinstance(root, list) and part.isdecimal() and int(part) < len(root):
            root = root[int(part)]
        else:
            return False
    return True


def _about_reference(reference: str) -> str:
    if reference.startswith("#"):
        return f'The JSON Schema refers to "{reference}", which it does not hold.'
    return (
        f'The JSON Schema refers to "{reference}"; only references inside the schema ("#/...") are followed.'
    )


def _at(text: JsonSchemaText, path: Path, inner: Path, code: str, message: str, hint: str = "") -> Finding:
    """A finding about a part of a schema, whether that is written as text or as YAML."""
    documents = read_yaml(str(text)).documents
    node: Node | None = documents[0] if documents else None
    for segment in inner:
        if isinstance(node, MappingNode) and isinstance(segment, str):
            node = node.get(segment)
        elif isinstance(node, SequenceNode) and isinstance(segment, int) and segment < len(node.items):
            node = node.items[segment]
        else:
            node = None
    return Finding(path, code, message, hint, offset=node.start if node else None, inner=inner)
