"""A model for people without an API key: deterministic, instant, and scripted where it matters."""

from ark_temporal.llm.mock._load import load_mock_script
from ark_temporal.llm.mock.model import MockModel
from ark_temporal.llm.mock.script import (
    MockRule,
    MockScript,
    ScriptDefaults,
    ScriptedFailure,
    ScriptedToolCall,
    ScriptedUsage,
)

__all__ = [
    "MockModel",
    "MockRule",
    "MockScript",
    "ScriptDefaults",
    "ScriptedFailure",
    "ScriptedToolCall",
    "ScriptedUsage",
    "load_mock_script",
]
