"""What requests and answers of the API have in common."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, cast

from fastapi import Header, Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from ark_temporal.manifests.base import NAME_PATTERN
from worker.gateway.api.problems import not_found

RUN_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,199}$"
KEY_PATTERN = r"^[!-~]{1,255}$"


class RequestModel(BaseModel):
    """The base of request bodies: camelCase, no unknown fields, nothing converted."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


def without_default(schema: dict[str, Any]) -> None:
    """A field may be left out; its empty value is none that could be sent."""
    schema.pop("default", None)


def _whole(value: object) -> object:
    """JSON has one kind of number: 3.0 is 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=253)]
Revision = Annotated[int, Field(ge=1, le=1_000_000_000)]
WholeRevision = Annotated[int, Field(ge=1, le=1_000_000_000), BeforeValidator(_whole)]
Key = Annotated[str, Field(pattern=KEY_PATTERN, examples=["order-4711"])]

RunIdPath = Annotated[str, Path(alias="id", description="The run's id.", min_length=1, max_length=500)]
NamespaceQuery = Annotated[Name | SkipJsonSchema[None], Query(description="Only of this namespace.")]
TeamQuery = Annotated[Name | SkipJsonSchema[None], Query(description="Only of this team.")]
LimitQuery = Annotated[int, Query(description="At most so many.", ge=1, le=100)]
CursorQuery = Annotated[
    Annotated[str, Field(max_length=1000)] | SkipJsonSchema[None],
    Query(description="Where the page before ended: its `nextCursor`."),
]
IdempotencyKey = Annotated[
    Key | SkipJsonSchema[None],
    Header(alias="Idempotency-Key", description="What is asked again under the same key is done once."),
]
Traceparent = Annotated[
    str | SkipJsonSchema[None],
    Header(description="The trace to be a part of (W3C Trace Context); one of its own without."),
]

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def good_traceparent(given: str | None) -> str:
    """A header `traceparent` as it came; empty where it is none, which then counts for nothing."""
    return given if given and _TRACEPARENT.fullmatch(given) else ""


def write_cursor(place: Mapping[str, Any]) -> str:
    """A place in a list, as a word that means nothing to others."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).rstrip(b"=").decode()


def read_cursor(text: str) -> Mapping[str, Any]:
    """The place that a cursor stands for.

    Raises:
        ApiError: 404: it is none of ours.
    """
    try:
        told: object = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise not_found("There is no page there: the cursor is not one that a list gave.")
    return cast("Mapping[str, Any]", told)


def paged(ids: Iterable[str], cursor: str | None, limit: int) -> tuple[list[str], str]:
    """The ids on the page of a cursor, in their order, and the cursor of the next page; empty after the last.

    Raises:
        ApiError: 404: the cursor is none of ours.
    """
    after = str(read_cursor(cursor).get("after", "")) if cursor else ""
    left = sorted(id for id in ids if id > after)
    return left[:limit], write_cursor({"after": left[limit - 1]}) if len(left) > limit else ""
