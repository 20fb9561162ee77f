"""Tokens to a syntax tree, with the checks that Go makes before it runs a template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from ark_temporal.templates import literals, syntax
from ark_temporal.templates.errors import PlacedError, UnplacedError
from ark_temporal.templates.functions import nearest_function
from ark_temporal.templates.lexer import Kind, Token, tokens
from ark_temporal.templates.limits import MAX_NESTING

_CONSTANTS: Final = {"true": True, "false": False}
_NOT_EXECUTABLE: Final = (syntax.Literal, syntax.Dot, syntax.Nil)
_MAIN: Final = ""
_T = TypeVar("_T")


def parse_tree(source: str) -> syntax.Tree:
    """Parse a template's source.

    Args:
        source: At most `limits.MAX_SOURCE_CHARS` characters.

    Raises:
        PlacedError: The source is no template; the first error, where it stands.
    """
    return _Parser(source).tree()


class _Parser:
    def __init__(self, source: str) -> None:
        self._tokens = tokens(source)
        self._ahead: list[Token] = []
        self._variables: list[str] = ["$"]
        self._loops = 0
        self._nesting = 0
        self._definitions: dict[str, syntax.Body] = {}

    # Tokens.

    def _peek(self, distance: int = 0) -> Token:
        while len(self._ahead) <= distance:
            self._ahead.append(next(self._tokens))
        return self._ahead[distance]

    def _next(self) -> Token:
        token = self._peek()
        # The end stays: whoever looks further sees it again.
        if token.kind is not Kind.END:
            self._ahead.pop(0)
        return token

    def _skip_space(self) -> Token:
        """The next token that is no space, not taken."""
        while self._peek().kind is Kind.SPACE:
            self._next()
        return self._peek()

    def _close(self, what: str) -> None:
        token = self._skip_space()
        if token.kind is not Kind.CLOSE:
            raise _unexpected(token, f"after {what}")
        self._next()

    def _enter(self, offset: int) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise PlacedError(f"Blocks and parentheses are nested more than {MAX_NESTING} deep.", offset)

    # Bodies.

    def tree(self) -> syntax.Tree:
        nodes: list[syntax.Node] = []
        while self._peek().kind is not Kind.END:
            if not self._definition():
                self._statement(nodes, inside="")
        self._define(_MAIN, tuple(nodes), 0)
        # Go lets `define` give the main template its body, if it has none of its own.
        return syntax.Tree(self._definitions[_MAIN], self._definitions)

    def _body(self, block: str, opened: int) -> tuple[syntax.Body, str]:
        """Nodes up to the `end` or `else` that closes them; which of the two it was, taken."""
        self._enter(opened)
        nodes: list[syntax.Node] = []
        while True:
            if self._peek().kind is Kind.END:
                raise PlacedError(
                    f"The {{{{{block}}}}} that begins here is not closed; add {{{{end}}}}.", opened
                )
            closer = self._statement(nodes, inside=block)
            if closer:
                self._nesting -= 1
                return tuple(nodes), closer

    def _statement(self, nodes: list[syntax.Node], inside: str) -> str:
        """Append one node; or take `end` (with its delimiter) or `else` (without) and say which."""
        token = self._next()
        if token.kind is Kind.TEXT:
            nodes.append(syntax.Text(token.offset, token.text))
            return ""
        word = self._skip_space()
        if word.kind is not Kind.KEYWORD:
            pipeline = self._pipeline("action", Kind.CLOSE, word.offset)
            nodes.append(syntax.Action(word.offset, pipeline))
            return ""
        if word.text in ("end", "else"):
            if not inside:
                raise PlacedError(f"{{{{{word.text}}}}} closes nothing that is open.", word.offset)
            self._next()
            if word.text == "end":
                self._close("end")
            return word.text
        nodes.append(self._control(word))
        return ""

    def _control(self, word: Token) -> syntax.Node:
        self._next()
        match word.text:
            case "if" | "with":
                return self._scoped(self._conditional, word)
            case "range":
                return self._scoped(self._range, word)
            case "break" | "continue":
                return self._jump(word)
            case "template":
                return self._invoke(word)
            case "block":
                return self._block(word)
            case _:
                raise PlacedError("A {{define}} stands at the top level, in no block.", word.offset)

    def _scoped(self, parse: Callable[[Token], syntax.Node], word: Token) -> syntax.Node:
        """Parse a block; the variables it declares end with it."""
        mark = len(self._variables)
        node = parse(word)
        del self._variables[mark:]
        return node

    def _conditional(self, word: Token) -> syntax.Conditional:
        branches: list[syntax.Branch] = []
        otherwise: syntax.Body = ()
        closer = "else"
        while closer == "else":
            pipeline = self._pipeline(word.text, Kind.CLOSE, word.offset)
            body, closer = self._body(word.text, word.offset)
            branches.append(syntax.Branch(pipeline, body))
            if closer == "else" and not self._takes_another(word.text):
                otherwise = self._otherwise(word)
                break
        return syntax.Conditional(word.offset, word.text == "with", tuple(branches), otherwise)

    def _takes_another(self, keyword: str) -> bool:
        """Whether the `else` just taken is an `else if` (or `else with`, in a `with`)."""
        token = self._skip_space()
        if token.kind is Kind.KEYWORD and token.text == keyword:
            self._next()
            return True
        return False

    def _otherwise(self, word: Token) -> syntax.Body:
        self._close("else")
        body, closer = self._body(word.text, word.offset)
        if closer == "else":
            raise PlacedError(f"The {{{{{word.text}}}}} has a second {{{{else}}}}.", word.offset)
        return body

    def _range(self, word: Token) -> syntax.Range:
        pipeline = self._pipeline("range", Kind.CLOSE, word.offset)
        self._loops += 1
        body, closer = self._body("range", word.offset)
        self._loops -= 1
        otherwise = self._otherwise(word) if closer == "else" else ()
        return syntax.Range(word.offset, pipeline, body, otherwise)

    def _jump(self, word: Token) -> syntax.Break | syntax.Continue:
        self._close(word.text)
        if not self._loops:
            raise PlacedError(f"{{{{{word.text}}}}} stands outside of any {{{{range}}}}.", word.offset)
        return syntax.Break(word.offset) if word.text == "break" else syntax.Continue(word.offset)

    def _invoke(self, word: Token) -> syntax.Invoke:
        name = self._template_name(word)
        pipeline = None
        if self._skip_space().kind is Kind.CLOSE:
            self._next()
        else:
            pipeline = self._pipeline("template", Kind.CLOSE, word.offset)
        return syntax.Invoke(word.offset, name, pipeline)

    def _template_name(self, word: Token) -> str:
        token = self._skip_space()
        if token.kind not in (Kind.STRING, Kind.RAW):
            raise _unexpected(token, f"after {word.text}, where a template's name in quotes belongs")
        self._next()
        return _at(token, literals.string if token.kind is Kind.STRING else literals.raw_string)

    def _block(self, word: Token) -> syntax.Invoke:
        name = self._template_name(word)
        pipeline = self._pipeline("block", Kind.CLOSE, word.offset)
        self._separate(name, word)
        return syntax.Invoke(word.offset, name, pipeline)

    def _definition(self) -> bool:
        """Take a `define`, if one comes next."""
        if self._peek().kind is not Kind.OPEN:
            return False
        word = self._peek(2 if self._peek(1).kind is Kind.SPACE else 1)
        if word.kind is not Kind.KEYWORD or word.text != "define":
            return False
        while self._next() is not word:
            pass
        name = self._template_name(word)
        self._close("define")
        self._separate(name, word)
        return True

    def _separate(self, name: str, word: Token) -> None:
        """Parse the body of a `define` or `block`: a template of its own, with its own variables."""
        kept = self._variables, self._loops
        self._variables, self._loops = ["$"], 0
        body, closer = self._body(word.text, word.offset)
        if closer == "else":
            raise PlacedError(f"A {{{{{word.text}}}}} cannot have an {{{{else}}}}.", word.offset)
        self._variables, self._loops = kept
        self._define(name, body, word.offset)

    def _define(self, name: str, body: syntax.Body, offset: int) -> None:
        known = self._definitions.get(name, ())
        if not _is_blank(known) and not _is_blank(body):
            raise PlacedError(f'The template "{name}" is defined twice.', offset)
        if name not in self._definitions or _is_blank(known):
            self._definitions[name] = body

    # Pipelines.

    def _pipeline(self, context: str, closer: Kind, offset: int) -> syntax.Pipeline:
        start = self._skip_space().offset
        variables, assigns = self._declarations(context)
        commands: list[syntax.Command] = []
        while self._skip_space().kind is not closer:
            commands.append(self._command(context, first=not commands))
        self._next()
        if not commands:
            raise PlacedError(f"The {context} has no value; write one.", offset)
        return syntax.Pipeline(start, tuple(commands), variables, assigns)

    def _declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        """The variables that a pipeline sets, taken up to and with the `:=` or `=`."""
        names: list[str] = []
        while self._skip_space().kind is Kind.VARIABLE:
            name = self._peek()
            mark = self._peek(2 if self._peek(1).kind is Kind.SPACE else 1)
            if mark.kind not in (Kind.DECLARE, Kind.ASSIGN, Kind.COMMA):
                break
            while self._next() is not mark:
                pass
            names.append(name.text)
            self._variables.append(name.text)
            if mark.kind is not Kind.COMMA:
                return tuple(names), mark.kind is Kind.ASSIGN
            if context != "range" or len(names) > 1:
                raise PlacedError(f"The {context} declares too many variables.", name.offset)
            if self._skip_space().kind not in (Kind.VARIABLE, Kind.CLOSE):
                raise PlacedError("After the comma of a range belongs a second variable.", mark.offset)
        return tuple(names), False

    def _command(self, context: str, first: bool) -> syntax.Command:
        offset = self._peek().offset
        operands: list[syntax.Operand] = []
        while True:
            token = self._skip_space()
            operand = self._operand(token)
            if operand is None:
                if not operands:
                    raise _unexpected(token, f"in the {context}")
            else:
                operands.append(operand)
            after = self._peek()
            if after.kind is Kind.SPACE:
                continue
            if after.kind is Kind.PIPE:
                self._next()
            elif after.kind not in (Kind.CLOSE, Kind.RIGHT):
                raise _unexpected(after, f"in the {context}")
            break
        if not first and isinstance(operands[0], _NOT_EXECUTABLE):
            raise PlacedError("A stage of a pipeline after the first must be a function or a field.", offset)
        return syntax.Command(offset, tuple(operands))

    def _operand(self, token: Token) -> syntax.Operand | None:
        term = self._term(token)
        if term is None or self._peek().kind is not Kind.FIELD:
            return term
        path: list[str] = []
        while self._peek().kind is Kind.FIELD:
            path.append(self._next().text[1:])
        match term:
            case syntax.Field():
                return syntax.Field(term.offset, (*term.path, *path))
            case syntax.Variable():
                return syntax.Variable(term.offset, term.name, tuple(path))
            case syntax.Function() | syntax.Pipeline():
                return syntax.Chain(term.offset, term, tuple(path))
            case _:
                raise PlacedError(f"{token.text} has no fields; .{path[0]} cannot follow it.", token.offset)

    def _term(self, token: Token) -> syntax.Operand | None:
        match token.kind:
            case Kind.FIELD:
                term = syntax.Field(token.offset, (token.text[1:],))
            case Kind.DOT:
                term = syntax.Dot(token.offset)
            case Kind.VARIABLE:
                term = self._variable(token)
            case Kind.NAME:
                term = _function(token)
            case Kind.LEFT:
                return self._parenthesis(token)
            case _:
                term = _literal(token)
        if term is not None:
            self._next()
        return term

    def _variable(self, token: Token) -> syntax.Variable:
        if token.text not in self._variables:
            raise PlacedError(
                f"The variable {token.text} is not declared; declare it with {{{{{token.text} := ...}}}}.",
                token.offset,
            )
        return syntax.Variable(token.offset, token.text, ())

    def _parenthesis(self, token: Token) -> syntax.Pipeline:
        self._enter(token.offset)
        self._next()
        pipeline = self._pipeline("parenthesis", Kind.RIGHT, token.offset)
        self._nesting -= 1
        return pipeline


def _is_blank(body: syntax.Body) -> bool:
    return all(isinstance(node, syntax.Text) and not node.text.strip() for node in body)


def _function(token: Token) -> syntax.Function:
    nearest = nearest_function(token.text)
    if nearest != token.text:
        hint = f"; did you mean {nearest}?" if nearest else "."
        raise PlacedError(f"There is no function {token.text}{hint}", token.offset)
    return syntax.Function(token.offset, token.text)


def _literal(token: Token) -> syntax.Literal | syntax.Nil | None:
    match token.kind:
        case Kind.STRING:
            return syntax.Literal(token.offset, _at(token, literals.string))
        case Kind.RAW:
            return syntax.Literal(token.offset, literals.raw_string(token.text))
        case Kind.RUNE:
            return syntax.Literal(token.offset, _at(token, literals.rune))
        case Kind.NUMBER:
            return syntax.Literal(token.offset, _at(token, literals.number))
        case Kind.CONSTANT if token.text == "nil":
            return syntax.Nil(token.offset)
        case Kind.CONSTANT:
            return syntax.Literal(token.offset, _CONSTANTS[token.text])
        case _:
            return None


def _at(token: Token, convert: Callable[[str], _T]) -> _T:
    try:
        return convert(token.text)
    except UnplacedError as fault:
        raise PlacedError(str(fault), token.offset) from None


def _unexpected(token: Token, where: str) -> PlacedError:
    what = {Kind.CLOSE: "the end of the action", Kind.END: "the end of the template"}.get(
        token.kind, token.text
    )
    return PlacedError(f"Did not expect {what} {where}.", token.offset)
