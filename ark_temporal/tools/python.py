"""Tools that are Python functions on the worker."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, TypeVar, overload

from pydantic import JsonValue

from ark_temporal.tools._python_loading import installed_objects, members, named_objects
from ark_temporal.tools._python_results import answer, error_answer
from ark_temporal.tools._python_running import Failure, Runner
from ark_temporal.tools._python_signature import (
    Signature,
    WrongArgumentsError,
    described,
    first_paragraph,
    read_signature,
)
from ark_temporal.tools._python_types import RetryableToolError, ToolContext, ToolsError
from ark_temporal.tools.arguments import check_size
from ark_temporal.tools.types import Effect, ToolAnswer, ToolError, ToolInfo

__all__ = ["PythonTool", "PythonTools", "RetryableToolError", "ToolContext", "ToolsError", "tool"]

_F = TypeVar("_F", bound=Callable[..., Any])

_MARK: Final = "__ark_tool__"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_MAX_THREADS: Final = 32


@dataclass(frozen=True)
class PythonTool:
    """A Python function as a tool.

    Attributes:
        info: As models and runs see it.
        function: What is called.
        timeout_seconds: The longest that one call takes.
    """

    info: ToolInfo
    function: Callable[..., Any]
    timeout_seconds: float
    _signature: Signature


@overload
def tool(function: _F, /) -> _F: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect = "unsafe",
    timeout_seconds: float = 60,
) -> Callable[[_F], _F]: ...
def tool(
    function: _F | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect = "unsafe",
    timeout_seconds: float = 60,
) -> _F | Callable[[_F], _F]:
    """Make a function a tool that agents can call. The function itself stays as it is.

    Its parameters are the tool's arguments. Their descriptions come from `Annotated[..., Field(...)]` or
    from the `Args:` of the docstring. A parameter of type `ToolContext` is filled in. A function that is
    not asynchronous runs in a thread.

    Args:
        function: Synchronous or asynchronous, with typed parameters.
        name: Its own name if None.
        description: The first paragraph of its docstring if None.
        effect: What a call may do to the world: `read` may be repeated freely, `idempotent` with the same
            `ToolContext.idempotency_key`, `unsafe` not at all.
        timeout_seconds: The longest that one call takes.

    Raises:
        ToolsError: The function cannot be called with named JSON values.
    """

    def mark(target: _F) -> _F:
        setattr(target, _MARK, _described_tool(target, name, description, effect, timeout_seconds))
        return target

    return mark if function is None else mark(function)


class PythonTools:
    """The Python tools of a worker."""

    def __init__(
        self, functions: Iterable[Callable[..., Any]] = (), *, max_threads: int = _MAX_THREADS
    ) -> None:
        """Offer functions that are marked with `tool`; at most so many that block run at once.

        Raises:
            ToolsError: One is not marked, or two have the same name.
        """
        self._tools: dict[str, PythonTool] = {}
        self._runner = Runner(max_threads)
        for function in functions:
            self._add(_marked(function))

    @classmethod
    def load(cls, modules: Sequence[str] = (), *, entry_points: bool = True) -> "PythonTools":
        """Collect tools by name.

        Args:
            modules: Each `package.module`, `path/to/file.py`, or one of them with `:attribute` for one
                function or a list of them.
            entry_points: Whether to take those that installed packages offer as `ark_temporal.tools`.

        Raises:
            ToolsError: Something cannot be imported, holds no tool, or two tools have the same name.
        """
        tools = cls()
        for origin, found in [*named_objects(modules), *(installed_objects() if entry_points else ())]:
            named = members(origin, found)
            marked = [*filter(_is_marked, named)] if isinstance(found, ModuleType) else [*named]
            if not marked:
                raise ToolsError(f"There is no tool in {origin}. Mark its functions with @tool.")
            for function in marked:
                tools._add(_marked(function))
        return tools

    def infos(self) -> tuple[ToolInfo, ...]:
        """All tools, in the order in which they were found."""
        return tuple(each.info for each in self._tools.values())

    def get(self, name: str) -> PythonTool | None:
        """The tool of a name."""
        return self._tools.get(name)

    async def call(self, name: str, arguments: Mapping[str, JsonValue], context: ToolContext) -> ToolAnswer:
        """Call a tool once.

        Returns:
            What it returned, as text. Wrong arguments and whatever it raised are errors for the model.

        Raises:
            ToolError: It is not there, took too long, returned too much, or raised a `ToolError` itself.
        """
        known = self._tools.get(name)
        if known is None:
            raise ToolError(
                "ToolNotConfigured",
                f'This worker has no Python tool "{name}". Start it with --tools, or install the '
                "package that offers it.",
                sent=False,
                retryable=True,
            )
        problem = check_size(arguments)
        if problem is not None:
            return ToolAnswer(content=problem, is_error=True)
        try:
            values = known._signature.read(arguments)
        except WrongArgumentsError as error:
            return ToolAnswer(content=str(error), is_error=True)
        except Exception as error:  # noqa: BLE001 - validators are code of the tool's author
            return error_answer(name, error)
        values.update(dict.fromkeys(known._signature.contexts, context))
        result = await self._runner.run(name, known.function, values, known.timeout_seconds)
        if not isinstance(result, Failure):
            return answer(name, result)
        if isinstance(result.error, ToolError):
            raise result.error
        return error_answer(name, result.error)

    def _add(self, found: PythonTool) -> None:
        other = self._tools.setdefault(found.info.name, found)
        if other is not found:
            raise ToolsError(
                f'Two Python tools are named "{found.info.name}": {described(other.function)} and '
                f"{described(found.function)}. Give one of them another name, with @tool(name=...)."
            )


def _described_tool(
    function: Callable[..., Any],
    name: str | None,
    description: str | None,
    effect: Effect,
    timeout_seconds: float,
) -> PythonTool:
    if not inspect.isfunction(function):
        raise ToolsError(f"@tool is for functions, and {function!r} is none.")
    where = described(function)
    name = name if name is not None else function.__name__
    if not _NAME.fullmatch(name) or "__" in name:
        raise ToolsError(
            f"{where} is named {name!r}. A tool's name has up to 64 letters, digits, '-' and '_'; it begins "
            "with neither digit nor '-' and has no '__', which ends the name of an MCP server. Give it "
            "another, with @tool(name=...)."
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolsError(f"{where} yields its results one by one. Let it return a list.")
    if not timeout_seconds > 0:
        raise ToolsError(f"{where} has a timeout of {timeout_seconds!r} seconds. It has to be more than 0.")
    signature = read_signature(function)
    info = ToolInfo(
        name=name,
        description=description if description is not None else first_paragraph(function),
        input_schema=signature.schema,
        effect=effect,
        timeout_seconds=timeout_seconds,
    )
    return PythonTool(info, function, timeout_seconds, signature)


def _is_marked(found: object) -> bool:
    return inspect.isfunction(found) and hasattr(found, _MARK)


def _marked(function: object) -> PythonTool:
    found = getattr(function, _MARK, None)
    if not isinstance(found, PythonTool):
        raise ToolsError(f"{function!r} is no tool. Mark the function with @tool.")
    if found.function is not function:
        raise ToolsError(
            f"{described(found.function)} is wrapped by another decorator. Write @tool above it, so that the "
            "tool is what the decorator makes."
        )
    return found
