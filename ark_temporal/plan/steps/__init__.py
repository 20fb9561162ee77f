"""The steps of a run in motion: a frame that all have in common, and what may be done inside it."""
