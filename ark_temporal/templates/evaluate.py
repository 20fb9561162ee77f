"""Walking a syntax tree with data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from ark_temporal.templates import syntax
from ark_temporal.templates.errors import UnplacedError
from ark_temporal.templates.functions import FUNCTIONS, SHORT_CIRCUITS
from ark_temporal.templates.json_text import plain
from ark_temporal.templates.limits import ITEMS_PER_OPERATION, Budget, Buffer
from ark_temporal.templates.printing import text_form
from ark_temporal.templates.strings import well_formed
from ark_temporal.templates.values import Untrusted, Value, described, origins, sorted_keys, truth

if TYPE_CHECKING:
    from pydantic import JsonValue


class _Absent(Enum):
    """Tells "nothing is piped in" from a piped value that is None."""

    ABSENT = auto()


_ABSENT: Final = _Absent.ABSENT


class _Flow(Enum):
    """How a body ended."""

    ON = auto()
    BREAK = auto()
    CONTINUE = auto()


class Evaluation:
    """One rendering of a tree.

    Attributes:
        offset: Where in the source the evaluation is; after a `UnplacedError`, where it failed.
    """

    def __init__(
        self,
        tree: syntax.Tree,
        data: Mapping[str, Value],
        budget: Budget,
        wrap: Callable[[Untrusted], str] | None,
    ) -> None:
        self.offset = 0
        self._tree = tree
        self._data = data
        self._budget = budget
        self._wrap = wrap
        self._output = Buffer(budget)
        self._variables: list[tuple[str, Value]] = [("$", data)]

    def run(self) -> str:
        """The output.

        Raises:
            UnplacedError: The template fails at `offset`.
        """
        self._walk(self._tree.body, self._data)
        return well_formed(self._output.text())

    def value(self, pipeline: syntax.Pipeline) -> JsonValue:
        """The value of one pipeline, as JSON has it.

        Raises:
            UnplacedError: The pipeline fails at `offset`.
        """
        value = self._pipeline(pipeline, self._data)
        self.offset = pipeline.offset
        return plain(value, self._budget)

    # Nodes.

    def _walk(self, body: syntax.Body, dot: Value) -> _Flow:
        for node in body:
            self._budget.spend()
            match node:
                case syntax.Text():
                    self._output.write(node.text)
                case syntax.Action():
                    self._action(node.pipeline, dot)
                case syntax.Conditional() | syntax.Range():
                    flow = self._block(node, dot)
                    if flow is not _Flow.ON:
                        return flow
                case syntax.Invoke():
                    self._invoke(node, dot)
                case syntax.Break():
                    return _Flow.BREAK
                case syntax.Continue():
                    return _Flow.CONTINUE
        return _Flow.ON

    def _action(self, pipeline: syntax.Pipeline, dot: Value) -> None:
        value = self._pipeline(pipeline, dot)
        if pipeline.variables:
            return
        self.offset = pipeline.offset
        text = text_form(value, self._budget)
        sources = origins(value, self._budget) if self._wrap is not None else ()
        if self._wrap is not None and sources:
            text = self._wrap(Untrusted(well_formed(text), ",".join(sources)))
        self._budget.spend_on_text(len(text))
        self._output.write(text)

    def _block(self, node: syntax.Conditional | syntax.Range, dot: Value) -> _Flow:
        """Walk a block; the variables that it declares end with it."""
        mark = len(self._variables)
        self.offset = node.offset
        self._budget.enter()
        flow = (
            self._conditional(node, dot) if isinstance(node, syntax.Conditional) else self._range(node, dot)
        )
        self._budget.leave()
        del self._variables[mark:]
        return flow

    def _conditional(self, node: syntax.Conditional, dot: Value) -> _Flow:
        for branch in node.branches:
            self._budget.spend()
            value = self._pipeline(branch.pipeline, dot)
            if truth(value):
                return self._walk(branch.body, value if node.rebinds else dot)
        return self._walk(node.otherwise, dot)

    def _range(self, node: syntax.Range, dot: Value) -> _Flow:
        value = self._pipeline(node.pipeline, dot)
        mark = len(self._variables)
        self.offset = node.pipeline.offset
        turned = False
        for key, item in _turns(value, len(node.pipeline.variables), self._budget):
            turned = True
            self._budget.spend()
            self._loop_variables(node.pipeline, mark, key, item)
            flow = self._walk(node.body, item)
            del self._variables[mark:]
            if flow is _Flow.BREAK:
                break
        if turned:
            return _Flow.ON
        flow = self._walk(node.otherwise, dot)
        # As in Go, a break in the else part leaves this range, and a continue the one around it.
        return _Flow.ON if flow is _Flow.BREAK else flow

    def _loop_variables(self, pipeline: syntax.Pipeline, mark: int, key: Value, item: Value) -> None:
        names = pipeline.variables
        values = (key, item) if len(names) > 1 else (item,)
        if pipeline.assigns:
            for name, value in zip(names, values, strict=False):
                self._assign(name, value)
        elif names:
            # The pipeline has just declared them, so they are the last ones.
            self._variables[mark - len(names) : mark] = list(zip(names, values, strict=True))

    def _invoke(self, node: syntax.Invoke, dot: Value) -> None:
        self.offset = node.offset
        body = self._tree.definitions.get(node.name)
        if body is None:
            raise UnplacedError(f'There is no template "{node.name}"; add a {{{{define "{node.name}"}}}}.')
        argument = None if node.pipeline is None else self._pipeline(node.pipeline, dot)
        outer, self._variables = self._variables, [("$", argument)]
        self.offset = node.offset
        self._budget.enter()
        self._walk(body, argument)
        self._budget.leave()
        self._variables = outer

    # Pipelines.

    def _pipeline(self, pipeline: syntax.Pipeline, dot: Value) -> Value:
        value: Value | _Absent = _ABSENT
        for command in pipeline.commands:
            value = self._command(command, dot, value)
        result = None if value is _ABSENT else value
        for name in pipeline.variables:
            if pipeline.assigns:
                self._assign(name, result)
            else:
                self._variables.append((name, result))
        return result

    def _command(self, command: syntax.Command, dot: Value, piped: Value | _Absent) -> Value:
        self._budget.spend()
        first = command.operands[0]
        if isinstance(first, syntax.Function):
            return self._call(first, command.operands[1:], dot, piped)
        if len(command.operands) > 1 or piped is not _ABSENT:
            self.offset = first.offset
            raise UnplacedError(
                "Arguments are given to something that is no function; only functions take them."
            )
        if isinstance(first, syntax.Nil):
            self.offset = first.offset
            raise UnplacedError("nil alone is no command; it can only be an argument.")
        return self._operand(first, dot)

    def _operand(self, operand: syntax.Operand, dot: Value) -> Value:
        match operand:
            case syntax.Field():
                return self._fields(dot, operand.path, operand.offset)
            case syntax.Literal():
                return operand.value
            case syntax.Dot():
                return dot
            case syntax.Variable():
                value = self._variable(operand)
                return self._fields(value, operand.path, operand.offset) if operand.path else value
            case syntax.Pipeline():
                self._budget.enter()
                value = self._pipeline(operand, dot)
                self._budget.leave()
                return value
            case syntax.Function():
                return self._call(operand, (), dot, _ABSENT)
            case syntax.Chain():
                return self._fields(self._operand(operand.base, dot), operand.path, operand.offset)
            case syntax.Nil():
                return None

    def _fields(self, value: Value, path: Sequence[str], offset: int) -> Value:
        for key in path:
            if value is None:
                return None
            # Nearly all maps are dicts, which this finds much faster than asking the abstract class.
            if not isinstance(value, (dict, Mapping)):
                self.offset = offset
                raise UnplacedError(f".{key} is looked up in {described(value)}; only maps have fields.")
            value = value.get(key)
        return value

    def _call(
        self,
        function: syntax.Function,
        operands: Sequence[syntax.Operand],
        dot: Value,
        piped: Value | _Absent,
    ) -> Value:
        name = function.name
        if name in SHORT_CIRCUITS:
            return self._short_circuit(function, operands, dot, piped)
        arguments = [self._operand(operand, dot) for operand in operands]
        if piped is not _ABSENT:
            arguments.append(piped)
        self.offset = function.offset
        self._budget.spend(1 + len(arguments))
        return FUNCTIONS[name](name, arguments, self._budget)

    def _short_circuit(
        self,
        function: syntax.Function,
        operands: Sequence[syntax.Operand],
        dot: Value,
        piped: Value | _Absent,
    ) -> Value:
        if not operands and piped is _ABSENT:
            self.offset = function.offset
            raise UnplacedError(f"{function.name} takes at least 1 argument, not 0.")
        value: Value = None
        for operand in operands:
            self._budget.spend()
            value = self._operand(operand, dot)
            if truth(value) == (function.name == "or"):
                return value
        return value if piped is _ABSENT else piped

    # Variables.

    def _variable(self, variable: syntax.Variable) -> Value:
        return self._variables[self._place(variable.name, variable.offset)][1]

    def _assign(self, name: str, value: Value) -> None:
        self._variables[self._place(name, self.offset)] = (name, value)

    def _place(self, name: str, offset: int) -> int:
        for place in range(len(self._variables) - 1, -1, -1):
            if self._variables[place][0] == name:
                return place
        self.offset = offset
        raise UnplacedError(
            f"The variable {name} is not declared yet; declare it with {{{{ {name} := ... }}}}."
        )


def _turns(value: Value, variables: int, budget: Budget) -> Iterable[tuple[Value, Value]]:
    """The keys and elements that a `range` goes through."""
    if value is None:
        return ()
    if isinstance(value, (list, tuple)):
        return enumerate(value)
    if isinstance(value, Mapping):
        budget.spend(len(value) // ITEMS_PER_OPERATION)
        return ((key, value[key]) for key in sorted_keys(value))
    if isinstance(value, int) and not isinstance(value, bool):
        if variables > 1:
            raise UnplacedError("A range over an integer has no second variable; declare one.")
        return ((None, turn) for turn in range(value))
    raise UnplacedError(f"range cannot loop over {described(value)}; it takes a list, a map or an integer.")
