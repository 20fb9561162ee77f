"""Everything that the README and the examples show, works; and the generated pages are up to date."""

import re
from pathlib import Path

import pytest

from docs.generate import pages
from tests.e2e.command import ROOT, Command

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"`ark-temporal (run examples/\S+ --provider mock[^`]*)`", (ROOT / "examples/README.md").read_text()
)


@pytest.fixture
def first_team(tmp_path: Path) -> Path:
    """The README's first team, as a file."""
    found = re.search(r"```yaml\n(# team\.yaml\n.*?)```", README, re.DOTALL)
    assert found, "the README has no team.yaml"
    file = tmp_path / "team.yaml"
    file.write_text(found.group(1))
    return file


def test_the_first_team_is_valid_and_runs(command: Command, first_team: Path) -> None:
    assert command.run("validate", str(first_team)).code == 0
    ended = command.run("run", str(first_team), "-i", "topic=rivers", "--provider", "mock")
    assert ended.code == 0, ended.err
    poem, _, verdict = ended.out.partition("\n-- ")
    assert "Write a haiku about rivers" in poem
    assert "critic" in verdict


def test_the_error_that_the_readme_shows_is_what_one_gets(command: Command, first_team: Path) -> None:
    first_team.write_text(first_team.read_text().replace("[poet]", "[poett]"))
    ended = command.run("validate", str(first_team))
    shown = re.findall(r"^team\.yaml:\d+:\d+: error: .*$", README, re.MULTILINE)
    told = [line.replace(f"{first_team.parent}/", "") for line in ended.err.splitlines()]
    assert ended.code == 2
    assert shown
    assert [line for line in told if line.startswith("team.yaml:")] == shown


def test_every_example_is_listed() -> None:
    listed = {re.split(r"[/ ]", line)[2] for line in EXAMPLES}
    assert listed == {path.name for path in (ROOT / "examples").iterdir() if path.is_dir()}


@pytest.mark.slow
@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_runs_as_it_is_listed(command: Command, line: str) -> None:
    ended = command.run(*line.split())
    assert ended.code == 0, ended.err
    assert ended.out.strip()


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: page.name)
def test_generated_pages_are_up_to_date(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == pages()[page], "run `make docs`"


def test_links_between_documents_lead_somewhere() -> None:
    for document in (
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("deploy/*.md"),
        *ROOT.glob("examples/*.md"),
    ):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
