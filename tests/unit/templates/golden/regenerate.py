"""Asks Go what each case gives, and writes cases.json, expected.json and deviations.json beside this file.

Run `python -m tests.unit.templates.golden.regenerate` from the repository's root, with `go` on the PATH.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from tests.unit.templates.golden.case import Case
from tests.unit.templates.golden.control_cases import CONTROL
from tests.unit.templates.golden.deviation_cases import DEVIATIONS
from tests.unit.templates.golden.function_cases import FUNCTIONS
from tests.unit.templates.golden.syntax_cases import SYNTAX

HERE = Path(__file__).parent


def main() -> None:
    """Rewrite the three files."""
    cases = [*SYNTAX, *CONTROL, *FUNCTIONS]
    names = [case["name"] for case in cases]
    assert len(names) == len(set(names)), "two cases have one name"
    # All cases share their data, so it is written once.
    shared = cases[0]["data"]
    assert all(case["data"] is shared for case in cases)
    listed = [{"name": case["name"], "template": case["template"]} for case in cases]
    _write("cases.json", {"data": shared, "cases": listed})
    _write("expected.json", ask_go(cases))
    answers = ask_go([case["case"] for case in DEVIATIONS])
    _write(
        "deviations.json",
        [
            {
                **case["case"],
                "reason": case["reason"],
                "ours": case["ours"],
                "go": answers[case["case"]["name"]],
            }
            for case in DEVIATIONS
        ],
    )


def ask_go(cases: list[Case]) -> dict[str, dict[str, str]]:
    """What Go gives for each case, by name: {"output": text} or {"error": "parse" or "exec"}."""
    go = shutil.which("go")
    assert go, "no go on the PATH"
    done = subprocess.run(
        [go, "run", "."],
        cwd=HERE,
        input=json.dumps(cases),
        capture_output=True,
        check=True,
        text=True,
        timeout=300,
    )
    answers: dict[str, dict[str, str]] = json.loads(done.stdout)
    return answers


def _write(name: str, content: object) -> None:
    text = json.dumps(content, ensure_ascii=True, indent=1, sort_keys=name == "expected.json")
    (HERE / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
