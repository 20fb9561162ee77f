"""One line per step, rewritten in place."""

from typing import TYPE_CHECKING

from ark_temporal.runs.questions import questions_of
from cli.progress.table import Columns, choose, retries_by_step, step_line
from cli.progress.words import closing, header, mark, no_worker, paused, question_line, stuck, waiting_steps
from cli.terminal import Line, Span, Terminal, printable, width

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord
    from ark_temporal.runs.watch import Sight

_SPARE_ROWS = 2
"""Left free so that no part of the block scrolls out of reach: lines up there cannot be rewritten."""

_MOST_ASKED = 3
"""Questions of parts and of runs below that get a line each; more are counted."""


class LiveView:
    """Shows a run on a terminal.

    Args:
        terminal: Where to.
        url: Where the Web UI shows the run, if known.
    """

    def __init__(self, terminal: Terminal, url: str | None) -> None:
        self._terminal = terminal
        self._url = url
        self._sight: Sight | None = None
        self._drawn: list[str] = []
        self._drawn_widths: list[int] = []
        self._held = False

    def show(self, sight: "Sight") -> None:
        """Something changed."""
        if self._sight is None:
            self._begin(sight.record)
        self._sight = sight
        self.tick()

    def tick(self) -> None:
        """Time has passed."""
        if self._sight is not None and not self._held:
            self._draw(self._block())

    def notice(self, text: str) -> None:
        """Say something above the block."""
        self._draw([])
        self._terminal.write(self._terminal.paint([Span(printable(text), "yellow")]) + "\n")
        self.tick()

    def hold(self) -> None:
        """Leave the terminal to somebody else."""
        self._draw([])
        self._held = True

    def release(self) -> None:
        """Take the terminal back."""
        self._held = False
        self.tick()

    def end(self, record: "RunRecord | None") -> None:
        """Leave all steps on the screen, and how the run ended."""
        self._draw([])
        if record is None:
            return
        columns, _ = self._terminal.size()
        table = Columns.fit(record.steps, columns - 1)
        waiting = waiting_steps(record)
        lines = [
            step_line(self._terminal, step, None, table, columns - 1, waits=step.name in waiting)
            for step in record.steps
        ]
        self._terminal.write("".join(self._terminal.paint(line, columns - 1) + "\n" for line in lines))
        if record.ended:
            self._terminal.write(closing(self._terminal, record))

    def _begin(self, record: "RunRecord") -> None:
        """The header: in one line, or with the link in a line of its own, however long that is."""
        columns, _ = self._terminal.size()
        line = header(record, self._url)
        if sum(width(span.text) for span in line) >= columns and self._url:
            line = header(record, None)
            link = self._terminal.paint([Span(f"  ui {self._url}", "dim")]) + "\n"
        else:
            link = ""
        self._terminal.write(self._terminal.paint(line, columns - 1) + f"\n{link}")

    def _block(self) -> list[Line]:
        assert self._sight is not None, "drawn only once something was seen"
        record, waiting = self._sight.record, self._sight.waiting
        columns, rows = self._terminal.size()
        of_parts = (each for each in questions_of(record) if "[" in each.awaiting.step)
        asked = [*of_parts, *self._sight.below]
        notes: list[Line] = [[Span(f"  ? {question_line(each)}", "yellow")] for each in asked[:_MOST_ASKED]]
        if more := len(asked[_MOST_ASKED:]):
            notes.append([Span(f"  ? and {more} more: `ark-temporal approvals list {record.id}`", "yellow")])
        if record.paused_since is not None:
            notes.append([Span("  "), mark(self._terminal, "Paused"), Span(f" {paused(record)}", "yellow")])
        if waiting.no_worker is not None:
            notes.append([Span(f"  ! {no_worker(waiting.no_worker)}", "yellow")])
        if waiting.stuck_task > 1:
            notes.append([Span(f"  ! {stuck(waiting.stuck_task)}", "yellow")])
        retries = retries_by_step(record.steps, waiting.retries)
        waiting_for_people = waiting_steps(record)
        shown, others = choose(record.steps, retries, max(rows - _SPARE_ROWS - len(notes), 1))
        table = Columns.fit(shown, columns - 1)
        lines: list[Line] = [
            step_line(
                self._terminal,
                step,
                retries.get(step.name),
                table,
                columns - 1,
                waits=step.name in waiting_for_people,
            )
            for step in shown
        ]
        return [*lines, *([[Span(f"    {others}", "dim")]] if others else []), *notes]

    def _draw(self, block: list[Line]) -> None:
        """Write the block over the one before, in one piece so that it does not flicker."""
        columns, _ = self._terminal.size()
        lines = [self._terminal.paint(line, columns - 1) for line in block]
        above = sum(max(-(-each // columns), 1) for each in self._drawn_widths)
        if lines == self._drawn:
            return
        up = f"\x1b[{above}A" if above else ""
        self._terminal.write(f"\r{up}" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        self._drawn = lines
        self._drawn_widths = [min(sum(width(span.text) for span in line), columns - 1) for line in block]
