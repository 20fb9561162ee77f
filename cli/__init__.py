"""The command line: parse, call, print."""

import gc

_USUAL = gc.get_threshold()

# Loading code makes many objects and next to no garbage: looking for it that often costs a tenth of a start.
gc.set_threshold(50_000, 20, 20)


def collect_garbage_as_usual() -> None:
    """Look for garbage as often as Python does: what runs leave behind piles up in a worker that stays.

    What is loaded by now stays for good, and is not looked at again.
    """
    gc.freeze()
    gc.set_threshold(*_USUAL)
