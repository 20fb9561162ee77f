"""Times, tokens and money as people read them."""

from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """For example `2.1s`, `1m05s`, `2h03m`, `3d04h`."""
    seconds = max(seconds, 0)
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours < 48 else f"{hours // 24}d{hours % 24:02}h"


def elapsed(start: datetime | None, end: datetime | None) -> str:
    """From start to end, or to now; empty where nothing has started."""
    return duration(((end or datetime.now(UTC)) - start).total_seconds()) if start else ""


def tokens(count: int) -> str:
    """For example `950 tok`, `1.8k tok`, `2.3M tok`; empty for none."""
    if count < 1000:
        return f"{count} tok" if count else ""
    return f"{count / 1000:.1f}k tok" if count < 999_950 else f"{count / 1_000_000:.1f}M tok"


def dollars(amount: float | None) -> str:
    """For example `$0.0040`, `$12.30`, `$0`; empty where it is not known."""
    if amount is None:
        return ""
    if amount == 0:
        return "$0"
    if 0 < amount < 0.00005:
        return "<$0.0001"
    return f"${amount:.4f}" if amount < 1 else f"${amount:.2f}"


def size(count: int) -> str:
    """For example `950 B`, `1.8 kB`, `2.3 MB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def plural(count: int, thing: str) -> str:
    """For example `1 step`, `3 steps`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def local_time(moment: datetime) -> str:
    """Date and time where the user is."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
