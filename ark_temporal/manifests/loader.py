"""Loads manifests: files in, resources and findings out."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks import check
from ark_temporal.manifests.files import Input, read_inputs
from ark_temporal.manifests.nodes import Source
from ark_temporal.manifests.reading import Reading


def load(
    sources: Sequence[str | Path], *, stdin: TextIO | None = None, texts: Mapping[str, str] | None = None
) -> Bundle:
    """Loads files, directories (with their subdirectories) and, for `-`, standard input.

    Whatever is wrong is in the bundle's `diagnostics`; nothing is raised for it.

    Args:
        sources: What to load; references resolve among all of it.
        stdin: What `-` reads; by default the process's standard input.
        texts: Manifests that are in no file, by what findings call them.
    """
    listed = [sources] if isinstance(sources, str) else sources
    reading = Reading()
    for each in read_inputs(listed, stdin):
        reading.add(each)
    for name, text in (texts or {}).items():
        reading.add(Input(name, True, (Source(name, text),)))
    bundle = Bundle(tuple(reading.loaded), (), frozenset(reading.broken), reading.complete)
    findings = {*reading.diagnostics, *check(bundle)}
    ordered = sorted(
        findings, key=lambda each: (each.file, each.line, each.column, each.severity, each.message)
    )
    return dataclasses.replace(bundle, diagnostics=tuple(ordered))
