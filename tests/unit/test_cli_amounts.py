"""Times, tokens and money as people read them."""

import pytest

from cli.amounts import dollars, duration, plural, tokens


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0.0s"),
        (2.14, "2.1s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (65, "1m05s"),
        (3599.9, "1h00m"),
        (7380, "2h03m"),
        (3 * 86400 + 4 * 3600, "3d04h"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, ""), (999, "999 tok"), (1800, "1.8k tok"), (999_949, "999.9k tok"), (999_950, "1.0M tok")],
)
def test_tokens(count: int, shown: str) -> None:
    assert tokens(count) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(None, ""), (0, "$0"), (0.00001, "<$0.0001"), (0.004, "$0.0040"), (12.3, "$12.30")],
)
def test_dollars(amount: float | None, shown: str) -> None:
    assert dollars(amount) == shown


def test_plurals() -> None:
    assert [plural(count, "step") for count in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
