"""What the mock says in words: who speaks, what was asked, and what others said before."""

import re
from collections.abc import Sequence

from ark_temporal.llm.types import Message, ModelRequest, ToolMessage, ToolResult, UserMessage

MARK = "[mock]"
_ASKED_LENGTH = 160
_QUOTE_LENGTH = 120
_BRIEF_LENGTH = 110
_TOPIC_LENGTH = 60
_MAX_QUOTES = 2
_MAX_READ = 20_000
"""Characters of a prompt that are looked at: the reply shows far fewer."""

_ENVELOPE = re.compile(
    r'<ark:step-output(?:\s+step="([^"<>]*)")?[^<>]*>(.*?)(?:</ark:step-output\s*>|\Z)', re.DOTALL
)
_SCHEMA_REQUEST = re.compile(r"\n\s*Respond with valid JSON matching this schema:.*", re.DOTALL)
_KEY = re.compile(r"^[\w-]{1,40}:[ \t]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")
_IDS = (
    re.compile(r'"id"\s*:\s*"([^"\n]{1,200})"'),
    re.compile(r"^[ \t]*(?:[-*][ \t]+)?id[ \t]*:[ \t]*[\"'`]?([\w./-]{1,200})", re.MULTILINE),
    re.compile(
        r"^[ \t]*(?:[-*]|\d+[.)])[ \t]+(?!id[ \t]*:)[\"'`*]*([\w./-]{1,200}?)[\"'`*]*"
        r"(?=[ \t]*(?:[:(\u2013\u2014]|-[ \t]|$))",
        re.MULTILINE,
    ),
)


def plain_reply(request: ModelRequest) -> str:
    """A short text that shows who was asked what, and what reached it from earlier steps and tools."""
    role = request.context.role
    sentences = [f"{MARK} {role or 'The model'} was asked: {_quoted(_asked(request))}."]
    heard = [*_others(_prompt(request)), *_tool_results(request.messages)]
    sentences += [
        f"It has from {who}: {_quoted(_short(text, _QUOTE_LENGTH))}." for who, text in heard[:_MAX_QUOTES]
    ]
    if len(heard) > _MAX_QUOTES:
        sentences.append(f"There are {len(heard) - _MAX_QUOTES} more like it.")
    brief = "" if request.context.private_system else _brief(request.system)
    if brief:
        sentences.append(f"Its brief: {_quoted(brief)}.")
    return " ".join(sentences)


def topic(request: ModelRequest) -> str:
    """What the request is about, in a few words: the value of its first line."""
    asked = _SCHEMA_REQUEST.sub("", _prompt(request))[:_MAX_READ].strip()
    first = _KEY.sub("", asked.partition("\n")[0].strip()) or asked
    return _short(_ENVELOPE.sub(_named, first), _TOPIC_LENGTH).rstrip(" .:;,!?") or "nothing in particular"


def first_capability(request: ModelRequest) -> str:
    """The id of the first capability that a routing prompt lists; empty where none is recognised."""
    texts = [
        request.system,
        *(message.text for message in request.messages if isinstance(message, UserMessage)),
    ]
    for text in texts:
        found = [match for pattern in _IDS if (match := pattern.search(text[:_MAX_READ]))]
        if found:
            return min(found, key=lambda match: match.start(1)).group(1)
    return ""


def _prompt(request: ModelRequest) -> str:
    """What was said to the model last."""
    said = (message.text for message in reversed(request.messages) if isinstance(message, UserMessage))
    return next(said, "")[:_MAX_READ]


def _asked(request: ModelRequest) -> str:
    asked = _SCHEMA_REQUEST.sub("", _ENVELOPE.sub(_named, _prompt(request)))
    return _short(asked, _ASKED_LENGTH) or "nothing"


def _named(envelope: re.Match[str]) -> str:
    return f"(output of {envelope.group(1) or 'another step'})"


def _others(prompt: str) -> list[tuple[str, str]]:
    found = [(match.group(1) or "another step", match.group(2)) for match in _ENVELOPE.finditer(prompt)]
    return [(who, text.strip().removeprefix(MARK)) for who, text in found]


def _tool_results(messages: Sequence[Message]) -> list[tuple[str, str]]:
    """What tools answered since the model was last asked something."""
    results: list[ToolResult] = []
    for message in reversed(messages):
        if isinstance(message, UserMessage):
            break
        if isinstance(message, ToolMessage):
            results = [*message.results, *results]
    return [(f"the tool {result.name}", result.content[:_MAX_READ]) for result in results]


def _brief(system: str) -> str:
    """The first sentences of a system prompt's first paragraph; rules for all agents stand after it."""
    own, *_ = system[:_MAX_READ].strip().split("\n\n", 1)
    sentences = _SENTENCE_END.split(" ".join(own.split()))
    brief = ""
    for sentence in sentences[:2]:
        longer = f"{brief} {sentence}".strip()
        if brief and len(longer) > _BRIEF_LENGTH:
            break
        brief = longer
    return _short(brief, _BRIEF_LENGTH)


def _short(text: str, length: int) -> str:
    """The text in one line, cut at a word."""
    line = " ".join(text[:_MAX_READ].split())
    if len(line) <= length:
        return line
    cut = line[: length - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:") + "…"


def _quoted(text: str) -> str:
    inner = text.translate({0x201C: 0x2018, 0x201D: 0x2019}).rstrip(".")
    return f"“{inner}”"
