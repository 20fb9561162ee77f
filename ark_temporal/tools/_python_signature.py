"""What a Python function takes, as JSON Schema and as a check of a model's arguments."""

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, create_model
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema, core_schema

from ark_temporal.tools._python_types import ToolContext, ToolsError
from ark_temporal.tools.arguments import place, wrong_arguments

_MAX_PROBLEMS: Final = 5
_SECTION = re.compile(r"(Args|Arguments|Parameters):\s*")
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")


class WrongArgumentsError(ValueError):
    """Arguments that a function does not take; the message is for the model."""


@dataclass(frozen=True)
class Signature:
    """What a function takes.

    Attributes:
        schema: JSON Schema of its arguments.
        contexts: Parameters that are filled in with a `ToolContext`.
    """

    schema: dict[str, JsonValue]
    contexts: tuple[str, ...]
    _model: type[BaseModel]
    _names: Mapping[str, str]

    def read(self, arguments: Mapping[str, JsonValue]) -> dict[str, Any]:
        """The function's keyword arguments, with its defaults.

        Raises:
            WrongArgumentsError: They are not what it takes.
        """
        try:
            # As JSON: what JSON cannot say, such as dates and tuples, is then read from what it can.
            checked = self._model.model_validate_json(json.dumps(arguments))
        except ValidationError as error:
            raise WrongArgumentsError(wrong_arguments(self._problems(error))) from None
        return {name: getattr(checked, field) for field, name in self._names.items()}

    def _problems(self, error: ValidationError) -> Iterator[str]:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        for each in found[:_MAX_PROBLEMS]:
            message = each["msg"].removesuffix(".")
            if each["type"] == "extra_forbidden" and len(each["loc"]) == 1:
                message = f"there is no such argument; known are: {', '.join(self._names.values()) or 'none'}"
            yield f"Argument {place(each['loc'])}: {message}."
        if len(found) > _MAX_PROBLEMS:
            yield "And more."


def read_signature(function: Callable[..., Any]) -> Signature:
    """Find out what a function takes.

    Raises:
        ToolsError: It takes something that a model cannot give by name and as JSON.
    """
    where = described(function)
    hints = _hints(function, where)
    names: dict[str, str] = {}
    fields: dict[str, Any] = {}
    contexts: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        _check_kind(parameter, where)
        if name not in hints:
            raise ToolsError(
                f"{where}: the parameter {name!r} has no type. Annotate it, as in `{name}: str`."
            )
        if _is_context(hints[name]):
            contexts.append(name)
            continue
        field = f"argument_{len(names)}"
        names[field] = name
        # By alias, since a model's own fields may not be called `json`, `copy` or `_private`.
        hint = Annotated[hints[name], Field(alias=name)]
        fields[field] = (hint, ... if parameter.default is parameter.empty else parameter.default)
    try:
        model = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)
        schema = model.model_json_schema(schema_generator=_Schema)
    except (PydanticUserError, PydanticUndefinedAnnotation, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ToolsError(f"{where}: a parameter has a type that cannot be given as JSON: {reason}") from None
    _describe(schema, function)
    return Signature(schema, tuple(contexts), model, names)


def first_paragraph(function: Callable[..., Any]) -> str:
    """What the docstring of a function says before its first blank line."""
    text = inspect.getdoc(function) or ""
    return " ".join(text.strip().partition("\n\n")[0].split())


def described(function: Callable[..., Any]) -> str:
    """A function as messages name it."""
    return f"The tool {function.__module__}.{function.__qualname__}"


def _hints(function: Callable[..., Any], where: str) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ToolsError(
            f"{where}: an annotation names {error.name!r}, which is not known at run time. Import it outside "
            "of `if TYPE_CHECKING:` and outside of functions."
        ) from None
    except (TypeError, SyntaxError) as error:
        raise ToolsError(f"{where}: an annotation is no type: {error}") from None


def _check_kind(parameter: inspect.Parameter, where: str) -> None:
    match parameter.kind:
        case inspect.Parameter.VAR_POSITIONAL | inspect.Parameter.VAR_KEYWORD:
            raise ToolsError(
                f"{where}: a model cannot be told what {parameter} takes. Name each argument, or take one "
                "that is a list or a dict."
            )
        case inspect.Parameter.POSITIONAL_ONLY:
            raise ToolsError(
                f"{where}: the parameter {parameter.name!r} can only be given by its position, and models "
                "give arguments by name. Remove the `/`."
            )
        case _:
            return


def _is_context(hint: object) -> bool:
    if get_origin(hint) is Annotated:
        return _is_context(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return any(_is_context(each) for each in get_args(hint))
    return hint is ToolContext


class _Schema(GenerateJsonSchema):
    """Without titles, which only repeat names, and without complaints about defaults that are no JSON."""

    ignored_warning_kinds = {"non-serializable-default", "skipped-choice"}  # noqa: RUF012 - as the base has it

    def field_title_should_be_set(self, schema: CoreSchema | core_schema.ModelField | Any) -> bool:
        return False


def _describe(schema: dict[str, Any], function: Callable[..., Any]) -> None:
    """Put what the docstring says about arguments where no annotation says it."""
    schema.pop("title", None)
    schema.setdefault("properties", {})
    for name, text in _documented_arguments(inspect.getdoc(function) or ""):
        if name in schema["properties"]:
            schema["properties"][name].setdefault("description", text)


def _documented_arguments(docstring: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the `Args:` section of a Google docstring."""
    lines = iter(docstring.splitlines())
    for line in lines:
        if _SECTION.fullmatch(line):
            break
    depth, name, words = 0, "", list[str]()
    for line in lines:
        text = line.strip()
        if not text:
            continue
        indent = len(line) - len(line.lstrip())
        if indent == 0:
            break
        depth = depth or indent
        entry = _ENTRY.fullmatch(text) if indent <= depth else None
        if entry is None:
            words.append(text)
            continue
        if name:
            yield name, " ".join(words).strip()
        name, words = entry[1], [entry[2]]
    if name:
        yield name, " ".join(words).strip()
