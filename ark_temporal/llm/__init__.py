"""One interface to language models. Importing it loads no provider's SDK; asking a model does."""

from importlib import import_module
from typing import TYPE_CHECKING

from ark_temporal.llm.errors import ModelError, ModelErrorType
from ark_temporal.llm.types import (
    AssistantMessage,
    CallContext,
    Message,
    ModelReply,
    ModelRequest,
    NativeBlocks,
    Provider,
    StopReason,
    ToolCall,
    ToolMessage,
    ToolResult,
    ToolSpec,
    Usage,
    UserMessage,
)

if TYPE_CHECKING:
    from ark_temporal.llm.credentials import Credentials, resolve_credentials
    from ark_temporal.llm.detect import detect_provider
    from ark_temporal.llm.model import LanguageModel
    from ark_temporal.llm.pool import ModelPool
    from ark_temporal.llm.prices import Cost, PriceListError, Prices, load_prices, price

__all__ = [
    "AssistantMessage",
    "CallContext",
    "Cost",
    "Credentials",
    "LanguageModel",
    "Message",
    "ModelError",
    "ModelErrorType",
    "ModelPool",
    "ModelReply",
    "ModelRequest",
    "NativeBlocks",
    "PriceListError",
    "Prices",
    "Provider",
    "StopReason",
    "ToolCall",
    "ToolMessage",
    "ToolResult",
    "ToolSpec",
    "Usage",
    "UserMessage",
    "detect_provider",
    "load_prices",
    "price",
    "resolve_credentials",
]

_FOUND_IN = {
    "Cost": "prices",
    "Credentials": "credentials",
    "LanguageModel": "model",
    "ModelPool": "pool",
    "PriceListError": "prices",
    "Prices": "prices",
    "detect_provider": "detect",
    "load_prices": "prices",
    "price": "prices",
    "resolve_credentials": "credentials",
}


def __getattr__(name: str) -> object:
    """What only a worker needs is loaded when it is asked for: plans use the types alone, and often."""
    if name not in _FOUND_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FOUND_IN[name]}"), name)
