"""What every test's report goes through on its way from the process that ran the test."""

from collections.abc import Generator
from typing import Any, cast

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """A report of plain values, without halves of surrogate pairs: what cannot be sent would end the run."""
    return _sendable((yield))


def _sendable(value: object) -> object:
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, dict):
        fields = cast("dict[object, object]", value)
        return {_sendable(name): _sendable(each) for name, each in fields.items()}
    if isinstance(value, list | tuple):
        each_sendable = [_sendable(each) for each in cast("list[object]", value)]
        return tuple(each_sendable) if isinstance(value, tuple) else each_sendable
    return str(value).encode("utf-8", "backslashreplace").decode()
