"""Manifests with the expected findings written into them.

`§code§` stands right before the character that a finding with that code must point at. A manifest must have
exactly the findings that it marks.
"""

import io
import re
import textwrap

from ark_temporal.manifests import Bundle, load

_MARK = re.compile(r"§([a-z0-9-]+)§")

Found = tuple[int, int, str]


def unmarked(text: str) -> tuple[str, list[Found]]:
    """The text without its marks, and the line, column and code that each mark expects."""
    expected: list[Found] = []
    lines: list[str] = []
    for number, line in enumerate(textwrap.dedent(text).strip("\n").split("\n"), start=1):
        while match := _MARK.search(line):
            expected.append((number, match.start() + 1, match[1]))
            line = line[: match.start()] + line[match.end() :]
        lines.append(line)
    return "\n".join(lines) + "\n", sorted(expected)


def load_text(text: str) -> Bundle:
    """Loads one text as standard input."""
    return load(["-"], stdin=io.StringIO(text))


def check_marked(text: str) -> Bundle:
    """Loads a marked manifest and compares what is found with what is marked."""
    plain, expected = unmarked(text)
    bundle = load_text(plain)
    found = sorted((each.line, each.column, each.code) for each in bundle.diagnostics)
    assert found == expected, "\n".join(map(str, bundle.diagnostics))
    return bundle


def document(kind: str, spec: str, name: str = "thing", namespace: str = "") -> str:
    """One manifest; `spec` is YAML, from the first column."""
    space = f", namespace: {namespace}" if namespace else ""
    body = textwrap.indent(textwrap.dedent(spec).strip("\n"), "  ")
    head = f"---\napiVersion: arkonis.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}{space}}}\n"
    return f"{head}spec:\n{body}\n"


def team(spec: str, name: str = "thing", namespace: str = "") -> str:
    """An ArkTeam."""
    return document("ArkTeam", spec, name, namespace)


def messages(bundle: Bundle) -> str:
    """All findings as a person sees them."""
    return "\n".join(map(str, bundle.diagnostics))
