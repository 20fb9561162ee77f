"""What a person sees in a terminal."""

import re
from pathlib import Path

import pytest

from tests.e2e.command import NEWS, script
from tests.e2e.screen import Shown, run_in_terminal

pytestmark = pytest.mark.slow

RUN = ("run", NEWS, "--mock", "-i", "topic=tea")
LIVE_LINE = re.compile(r"^  [✓✗▸↻⊘·◼!] ")


def wrapped_live_lines(shown: Shown) -> list[str]:
    return [line for line in shown.screen.wrapped if LIVE_LINE.match(line)]


def test_one_line_per_step_is_rewritten_in_place(tmp_path: Path) -> None:
    shown = run_in_terminal([*RUN, *script("slow")], tmp_path, columns=120)
    assert shown.code == 0
    assert shown.ever(r"^  ▸ write .* 1\.\ds")
    assert shown.ever(r"^  · publish .*pending")
    steps = [line.split()[:2] for line in shown.screen.text if LIVE_LINE.match(line)]
    assert steps == [["✓", "research"], ["✓", "write"], ["⊘", "translate"], ["✓", "publish"]]
    assert shown.screen.text[-3:] == [*shown.screen.text[-3:-2], "PUBLISHED the article", ""]
    assert not wrapped_live_lines(shown)
    assert shown.screen.colours


def test_forty_columns_are_enough(tmp_path: Path) -> None:
    shown = run_in_terminal([*RUN, *script("retry")], tmp_path, columns=40)
    assert shown.code == 0
    assert shown.ever(r"^  ↻ write +attempt [23], next in \ds: .*…$")
    assert not wrapped_live_lines(shown)
    steps = [line.split()[:2] for line in shown.screen.text if LIVE_LINE.match(line)]
    assert [name for _, name in steps] == ["research", "write", "translate", "publish"]


def test_a_pipeline_taller_than_the_screen_shows_what_matters(tmp_path: Path) -> None:
    manifest = tmp_path / "tall.yaml"
    steps = [f"s{number}" for number in range(30)]
    manifest.write_text(
        "apiVersion: arkonis.dev/v1alpha1\nkind: ArkTeam\nmetadata: {name: tall}\nspec:\n  roles:\n"
        + "".join(f"    - {{name: {step}, model: mock, systemPrompt: x}}\n" for step in steps)
        + "  pipeline:\n"
        + "".join(
            f"    - {{role: {step}, dependsOn: [{', '.join(steps[number - 1 : number])}]}}\n"
            for number, step in enumerate(steps)
        )
    )
    shown = run_in_terminal(["run", str(manifest), "--mock", "-i", "a=b"], tmp_path, columns=80, rows=12)
    assert shown.code == 0
    assert shown.ever(r"^    and \d+ pending")
    listed = [line.split()[1] for line in shown.screen.text if LIVE_LINE.match(line)]
    assert listed == steps, "each step stands there once in the end, and no half-erased line is left"


def test_no_color_is_honoured(tmp_path: Path) -> None:
    shown = run_in_terminal([*RUN, *script("fail")], tmp_path, columns=80, NO_COLOR="1")
    assert shown.code == 1
    assert not shown.screen.colours


def test_a_dumb_terminal_gets_appended_lines(tmp_path: Path) -> None:
    shown = run_in_terminal([*RUN, *script("fail")], tmp_path, columns=80, TERM="dumb")
    assert shown.code == 1
    assert not shown.screen.colours
    assert any(re.match(r"\[[\d:]+\] write: running", line) for line in shown.screen.text)


def test_ctrl_c_cancels_and_says_what_another_one_does(tmp_path: Path) -> None:
    keys = [("▸ write", b"\x03")]
    shown = run_in_terminal([*RUN, *script("stuck")], tmp_path, columns=100, keys=keys)
    assert shown.code == 8
    assert any("Ctrl-C again quits at once" in line for line in shown.screen.text)
    assert any(line.startswith("◼ Cancelled in ") for line in shown.screen.text)


def test_what_a_model_says_does_not_steer_the_terminal(tmp_path: Path) -> None:
    evil = tmp_path / "evil.yaml"
    evil.write_text(
        "rules:\n  - role: write\n    fail:\n      type: ModelBadRequest\n"
        '      message: "\\e[2J\\e]0;owned\\a\\u202egone"\n'
    )
    shown = run_in_terminal([*RUN, "--mock-script", str(evil)], tmp_path, columns=80)
    assert shown.code == 1
    assert any("gone" in line for line in shown.screen.text)
