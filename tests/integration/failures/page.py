"""The rows of docs/failure-semantics.md, and which test proves each.

A row says in its second column how a run ends, in words that programs can read: `Failed` `StepFailed`
`ModelBadRequest`, exit 1. Tests compare a run's record with that, so that the page cannot say anything else.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import pytest

from ark_temporal.plan.record import RunRecord
from cli.exit_codes import ExitCode, exit_code

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "failure-semantics.md"

How = Literal["server", "progress", "command"]
"""Where a test provokes what its row is about: on a real Temporal, in the pure `Progress` where a server adds
nothing but time, or by the command."""

Test = TypeVar("Test", bound=Callable[..., object])

_ROW = re.compile(r"^\| (F[0-9]+) \| (.+) \|$", re.MULTILINE)
_COLUMNS = 5


@dataclass(frozen=True)
class Row:
    """One row of the page.

    Attributes:
        what: What goes wrong.
        outcome: How the run ends, or that it waits.
        kept: What stays.
        not_again: What is not done again.
        go_on: How to continue.
    """

    id: str
    what: str
    outcome: str
    kept: str
    not_again: str
    go_on: str

    @property
    def words(self) -> list[str]:
        """The words of the outcome that programs read."""
        return re.findall(r"`([^`]+)`", self.outcome.partition("exit ")[0])

    @property
    def code(self) -> int | None:
        """The command's exit code; None where the row says nothing about it."""
        found = re.search(r"exit ([0-9]+)", self.outcome)
        return int(found[1]) if found else None

    def check(self, record: RunRecord) -> None:
        """See whether a run came out as the row says."""
        said = [record.phase, record.reason, record.error.type if record.error else ""]
        code = int(exit_code(record))
        if record.awaiting:
            said = [record.phase, *(one.kind for one in record.awaiting)]
            code = int(ExitCode.WAITING)
        assert ([word for word in said if word], code) == (self.words, self.code), record.error


def rows() -> list[Row]:
    """All rows, in the page's order."""
    found: list[Row] = []
    for id, rest in _ROW.findall(PAGE.read_text()):
        cells = [cell.strip() for cell in rest.split(" | ")]
        assert len(cells) == _COLUMNS, f"{id} has {len(cells)} columns after its id, and not {_COLUMNS}"
        found.append(Row(id, *cells))
    return found


_ROWS = {row.id: row for row in rows()}

PROVED: dict[str, tuple[str, How]] = {}
"""The test that proves each row, and where."""


def proves(*ids: str, how: How = "server") -> Callable[[Test], Test]:
    """A test that provokes what these rows are about; it is given the row as `row`."""

    def mark(test: Test) -> Test:
        name = f"{test.__module__.rpartition('.')[2]}.{test.__name__}"
        for id in ids:
            assert id in _ROWS, f"{name} proves {id}, which {PAGE.name} does not have"
            assert PROVED.setdefault(id, (name, how)) == (name, how), f"two tests prove {id}"
        return pytest.mark.parametrize("row", [_ROWS[id] for id in ids], ids=list(ids))(test)

    return mark
