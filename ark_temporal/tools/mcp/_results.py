"""From a tool's answer to text, which is all that models here take.

Texts are joined. Anything else becomes a line that says what there was: a model that knows of an image can
ask the tool for something it can read. Structured content is the same answer for programs; it is written out,
as JSON, only where there is no text.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from mcp_types import (
    AudioContent,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from ark_temporal.tools.types import ToolAnswer


def answer_of(result: CallToolResult) -> ToolAnswer:
    """What a server of the protocol answered."""
    parts = [_text(item) for item in result.content]
    said = any(isinstance(item, TextContent) and item.text for item in result.content)
    if not said and result.structured_content is not None:
        parts.insert(0, _json(result.structured_content))
    return ToolAnswer(content="\n".join(part for part in parts if part), is_error=result.is_error)


def simple_answer(reply: Mapping[str, Any], body: str) -> ToolAnswer:
    """What a server of the simple dialect answered: `content` like above, or else the body as it is.

    Args:
        reply: The answer, if it is a JSON object.
        body: The answer.
    """
    content = reply.get("content")
    is_error = reply.get("isError") is True
    if isinstance(content, list):
        items = cast(list[Any], content)
        return ToolAnswer(content="\n".join(map(_simple_text, items)), is_error=is_error)
    if isinstance(content, str):
        return ToolAnswer(content=content, is_error=is_error)
    if "error" in reply:
        error = reply["error"]
        return ToolAnswer(content=error if isinstance(error, str) else _json(error), is_error=True)
    return ToolAnswer(content=body)


def _text(item: ContentBlock) -> str:
    match item:
        case TextContent():
            return item.text
        case ImageContent():
            return _not_shown("image", item.mime_type, item.data)
        case AudioContent():
            return _not_shown("audio", item.mime_type, item.data)
        case EmbeddedResource():
            resource = item.resource
            if isinstance(resource, TextResourceContents):
                return resource.text
            return _not_shown(f"resource {resource.uri}", resource.mime_type or "", resource.blob)
        case ResourceLink():
            kind = f", {item.mime_type}" if item.mime_type else ""
            described = f": {item.description}" if item.description else ""
            return f"[link to resource {item.name}, {item.uri}{kind}]{described}"


def _simple_text(item: Any) -> str:
    if not isinstance(item, dict):
        return _json(item)
    fields = cast(dict[str, Any], item)
    if fields.get("type") == "text" and isinstance(fields.get("text"), str):
        return fields["text"]
    if isinstance(fields.get("data"), str):
        return _not_shown(str(fields.get("type")), str(fields.get("mimeType", "")), fields["data"])
    return _json(fields)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _not_shown(what: str, mime_type: str, base64: str) -> str:
    size = len(base64.rstrip("=")) * 3 // 4
    return f"[{what}{f', {mime_type}' if mime_type else ''}, {size} bytes, not shown]"
