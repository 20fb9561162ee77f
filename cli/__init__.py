"""The command line: parse, call, print."""

import gc

# Loading code makes many objects and next to no garbage: looking for it that often costs a tenth of a start.
gc.set_threshold(50_000, 20, 20)
