"""What every test's report goes through on its way from the process that ran the test."""

from collections.abc import Generator
from typing import Any, cast

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """A report without halves of surrogate pairs: they cannot be sent, and would end the whole run."""
    return _sendable((yield))


def _sendable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        fields = cast("dict[object, object]", value)
        return {_sendable(name): _sendable(each) for name, each in fields.items()}
    if isinstance(value, list | tuple):
        each_sendable = [_sendable(each) for each in cast("list[object]", value)]
        return tuple(each_sendable) if isinstance(value, tuple) else each_sendable
    return value
