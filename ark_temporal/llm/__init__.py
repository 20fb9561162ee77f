"""One interface to language models. Importing it loads no provider's SDK; asking a model does."""

from ark_temporal.llm.credentials import Credentials, resolve_credentials
from ark_temporal.llm.detect import detect_provider
from ark_temporal.llm.errors import ModelError, ModelErrorType
from ark_temporal.llm.model import LanguageModel
from ark_temporal.llm.pool import ModelPool
from ark_temporal.llm.prices import Cost, PriceListError, Prices, load_prices, price
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
