"""What shows a run, and which one is right for where we write to."""

from typing import TYPE_CHECKING, Protocol

from cli.output import Format
from cli.terminal import stderr

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord
    from ark_temporal.runs.watch import Sight


class View(Protocol):
    """Shows one run from the first sight of it to the last."""

    def show(self, sight: "Sight") -> None:
        """Something changed."""
        ...

    def tick(self) -> None:
        """Time has passed."""
        ...

    def notice(self, text: str) -> None:
        """Say something about the watching itself."""
        ...

    def hold(self) -> None:
        """Leave the terminal to somebody else for a while."""
        ...

    def release(self) -> None:
        """Take it back."""
        ...

    def end(self, record: "RunRecord | None") -> None:
        """Show the last that is known, for good; None where nothing was ever seen."""
        ...


def view_for(format: Format, url: str | None) -> View:
    """The view for an output format and what standard error is.

    Args:
        format: Of the result; a stream of JSON events is its own view.
        url: Where the Web UI shows the run, if known.
    """
    if format == "jsonl":
        from cli.progress.stream import StreamView

        return StreamView(url)
    terminal = stderr()
    if terminal.live:
        from cli.progress.live import LiveView

        return LiveView(terminal, url)
    from cli.progress.plain import PlainView

    return PlainView(terminal, url)
