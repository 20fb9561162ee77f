"""Our search attributes: what they are called, and whether a Temporal has them."""

from typing import TYPE_CHECKING, Any

from ark_temporal.plan.causes import trace_id
from ark_temporal.plan.start import PipelineInput

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.common import TypedSearchAttributes

SEARCH_ATTRIBUTES = {
    "ArkNamespace": "Keyword",
    "ArkTeam": "Keyword",
    "ArkAgents": "KeywordList",
    "ArkPhase": "Keyword",
    "ArkAwaiting": "KeywordList",
    "ArkPlan": "Keyword",
    "ArkTrigger": "Keyword",
    "ArkTrace": "Keyword",
}
"""Public names and Temporal types. Searches, dashboards and `temporal workflow list` rely on them."""


async def missing_attributes(client: "Client") -> dict[str, str]:
    """Our search attributes that the server does not have, with their types.

    Raises:
        RPCError: The server does not say, or does not let us ask.
    """
    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest

    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return {name: type for name, type in SEARCH_ATTRIBUTES.items() if name not in known.custom_attributes}


async def register_attributes(client: "Client", missing: dict[str, str]) -> None:
    """Add search attributes to the server's namespace.

    Raises:
        RPCError: We may not, or the server has no room for them.
    """
    from temporalio.api.enums.v1 import IndexedValueType
    from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest

    types = {
        "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        "KeywordList": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    }
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes={name: types[type] for name, type in missing.items()},
        )
    )


async def ensure_attributes(client: "Client") -> bool:
    """Register what is missing where we may; say whether the server has all of them now.

    Runs work without them, so a server that does not let us is no error.
    """
    from temporalio.service import RPCError, RPCStatusCode

    try:
        missing = await missing_attributes(client)
        if missing:
            await register_attributes(client, missing)
    except RPCError as error:
        if error.status == RPCStatusCode.UNAVAILABLE:
            raise
        return False
    return True


def attributes_of(start: PipelineInput, digest: str) -> "TypedSearchAttributes":
    """What searches find a run by from its beginning."""
    from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

    plan, keyword = start.plan, SearchAttributeKey.for_keyword
    agents = sorted({agent.agent for agent in plan.agents.values()})
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(keyword("ArkNamespace"), plan.namespace),
        SearchAttributePair(keyword("ArkTeam"), plan.team),
        SearchAttributePair(keyword("ArkPhase"), "Running"),
        SearchAttributePair(keyword("ArkPlan"), digest),
        SearchAttributePair(SearchAttributeKey.for_keyword_list("ArkAgents"), agents),
    ]
    if start.cause is not None:
        pairs.append(SearchAttributePair(keyword("ArkTrigger"), start.cause.event))
    if trace := trace_id(start.traceparent):
        pairs.append(SearchAttributePair(keyword("ArkTrace"), trace))
    return TypedSearchAttributes(pairs)
