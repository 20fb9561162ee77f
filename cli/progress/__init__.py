"""How a run in motion is shown: rewritten lines on a terminal, else lines appended, or JSON events."""

from cli.progress.view import View, view_for

__all__ = ["View", "view_for"]
