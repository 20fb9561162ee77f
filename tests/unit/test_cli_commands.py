"""Commands that need no Temporal, called as a shell calls them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.command import DATA, NEWS, Command

HEAVY = ("temporalio", "pydantic", "yaml", "rich", "asyncio", "anthropic", "openai", "httpx", "jsonschema")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_help_waits_for_no_sdk() -> None:
    code = (
        "import sys\nfrom cli.main import app\nfrom typer.main import get_command\nget_command(app)\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.split() == []


def test_every_command_explains_itself(command: Command) -> None:
    overview = command.run("--help")
    assert overview.code == 0
    assert "9 the run took longer than it may" in " ".join(overview.out.split())
    for name in (
        "run",
        "dev",
        "submit",
        "worker",
        "approvals",
        "validate",
        "template",
        "doctor",
        "completion",
    ):
        assert f"\n  {name} " in overview.out
        assert command.run(name, "--help").code == 0


def test_valid_manifests_are_summed_up(command: Command) -> None:
    ended = command.run("validate", NEWS)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "1 team, 4 agents: valid\n  default/news  pipeline, 4 steps\n"


def test_errors_have_their_place_and_nothing_on_stdout(command: Command, tmp_path: Path) -> None:
    manifest = tmp_path / "bad.yaml"
    manifest.write_text(Path(NEWS).read_text().replace("dependsOn: [research]", "dependsOn: [resaerch]", 1))
    ended = command.run("validate", str(manifest))
    assert (ended.code, ended.out) == (2, "")
    line = next(line for line in manifest.read_text().splitlines() if "resaerch" in line)
    number = manifest.read_text().splitlines().index(line) + 1
    assert ended.err.startswith(f"{manifest}:{number}:{line.index('resaerch') + 1}: error: ")
    told = json.loads(command.run("validate", str(manifest), "-o", "json").out)
    assert (told["ok"], told["diagnostics"][0]["line"]) == (False, number)


def test_strict_lets_warnings_fail(command: Command) -> None:
    source = str(DATA / "secret.yaml")
    assert command.run("validate", source).code == 0
    strict = command.run("validate", "--strict", source)
    assert (strict.code, strict.out) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "nowhere.yaml"), "no such file"),
        (("run", NEWS), 'needs the input "topic"'),
        (("run", NEWS, "-i", "topic=x", "--team", "nobody"), 'no team "nobody"'),
        (("run", NEWS, "-i", "topic"), "-i topic=VALUE"),
        (("run", NEWS, "-i", "topic=x", "-o", "jsn"), "no output format"),
        (("run", NEWS, "-i", "topic=x", "-o", "/nowhere/result"), "cannot be written"),
        (("run", NEWS, "-i", "topic=x", "--mock-script", "/nowhere"), "cannot be read"),
        (("run", NEWS, "-i", "topic=x", "--prices", "/nowhere"), "/nowhere"),
        (("run", NEWS, "-i", "topic=x", "--secrets-dir", "/nowhere"), "not a directory"),
        (("run", NEWS, "-i", "topic=x", "--tools", "no.such.module"), "--tools no.such.module cannot be"),
        (("dev", "--tools", "nowhere/tools.py"), "there is no file nowhere/tools.py"),
        (("worker", "--tools", "tests.e2e.command"), "There is no tool in --tools tests.e2e.command"),
        (("run", NEWS, "-i", "topic=x", "--allow-host", "http://x"), "The entry 'http://x' of the egress"),
        (("worker", "--deny-host", "a.example,10.0.0.0/99"), "The entry '10.0.0.0/99' of the egress"),
        (("submit", NEWS, "-i", "topic=x", "--no-wait"), "add --watch"),
        (("approvals", "answer", "latest"), "--text"),
        (("approvals", "list", "-o", "jsonl"), "no output format"),
        (("approvals", "list", "--mine", "--by", "ann"), "--mine and --by exclude each other"),
        (("approvals", "edit", "latest"), "--text"),
        (("approvals", "answer", "latest", "--text", "x", "--json", "1"), "either --text TEXT or --json"),
        (("approvals", "answer", "latest", "--json", "{"), "not JSON"),
        (("approvals", "approve", "latest", "--digest", "3fa9"), "too short"),
        (("run", "-", "-i", "-"), "only once"),
        (("run", NEWS, "--provider", "magic"), "magic"),
        (("submit", NEWS, "-i", "topic=x", "--timeout", "3"), "add --watch"),
        (("template", "{{ .a", "--data", "{}"), "line 1"),
        (("template", "x", "--data", "["), "not JSON"),
        (("template", "x", "--data", "[]"), "must be a JSON object"),
        (("schema", "Nonsense"), "ArkTeam"),
        (("explain", "arkteam.spec.pipelin"), "pipeline"),
        (("runn",), "run"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(command: Command, arguments: tuple[str, ...], told: str) -> None:
    ended = command.run(*arguments)
    assert (ended.code, ended.out) == (2, ""), ended
    assert told in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ARK_TOOLS", "tests.e2e.nothing", "--tools tests.e2e.nothing cannot be"),
        ("ARK_ALLOW_HOSTS", "a.example, b.example:x", "'b.example:x'"),
        ("ARK_DENY_HOSTS", "10.0.0.0/8,10.0.0.0/99", "'10.0.0.0/99'"),
    ],
)
def test_what_tools_may_do_comes_from_the_environment_too(
    command: Command, name: str, value: str, told: str
) -> None:
    ended = command.run("worker", env={name: value})
    assert (ended.code, told in ended.err) == (2, True), ended


def test_several_teams_without_a_choice_are_warned_about(command: Command, tmp_path: Path) -> None:
    both = Path(NEWS).read_text() + "---\n" + Path(NEWS).read_text().replace("name: news", "name: other")
    ended = command.run("run", "-", stdin=both)
    assert 'warning: Team "news", the first one, is taken; --team takes another: other.' in ended.err


def test_a_template_is_rendered_and_its_error_pointed_out(command: Command) -> None:
    data = '{"input": {"topic": "tea"}, "steps": {"a": {"data": {"n": 3}}}}'
    ended = command.run("template", "{{ .input.topic }} {{ .steps.a.data.n }}", "--data", data)
    assert (ended.code, ended.out) == (0, "tea 3\n")
    wrong = command.run("template", "-", stdin="日本\n日 {{ nope }}")
    shown, caret = wrong.err.splitlines()[-2:]
    assert shown == "  日 {{ nope }}"
    assert caret.index("^") == shown.index("nope") + 1, "a wide character takes two columns"


def test_schema_and_explain(command: Command) -> None:
    assert json.loads(command.run("schema", "arkteam").out)["properties"]["kind"]
    assert "maxIterations" in command.run("explain", "ArkTeam.spec.pipeline.loop").out


def test_version(command: Command) -> None:
    told = json.loads(command.run("version", "-o", "json").out)
    assert set(told) == {"ark-temporal", "python", "temporalio", "temporal"}
    assert told["temporal"].startswith("1.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(command: Command, shell: str) -> None:
    ended = command.run("completion", shell)
    assert ended.code == 0
    assert "_ARK_TEMPORAL_COMPLETE" in ended.out
    home = str(command.home)
    installed = command.run("completion", shell, "--install", env={"HOME": home})
    assert installed.code == 0
    assert any("ark-temporal" in path.name for path in command.home.rglob("*"))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"ark-temporal run {NEWS} --team n", ["news"]),
        ("ark-temporal explain arkt", ["arkteam"]),
        ("ark-temporal schema ArkT", ["ArkTeam"]),
        ("ark-temporal runs list --phase S", ["Succeeded"]),
        ("ark-temporal runs show --address 127.0.0.1:1 l", ["latest"]),
        ("ark-temporal comp", ["completion"]),
    ],
)
def test_the_shell_completes(command: Command, line: str, found: list[str]) -> None:
    count = str(len(line.split()) - 1)
    ended = command.run(
        env={"COMP_WORDS": line, "COMP_CWORD": count, "_ARK_TEMPORAL_COMPLETE": "complete_bash"}
    )
    assert (ended.out.split(), ended.err) == (found, "")


def test_a_bug_of_ours_is_one_sentence_and_how_to_report_it(command: Command) -> None:
    code = (
        "import cli.commands.version as module\n"
        "def broken(): raise KeyError('surprise')\n"
        "import cli.main\n"
        "cli.main.app.command('broken')(broken)\n"
        "cli.main.main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "broken"], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 70
    assert "Traceback" not in ended.stderr
    assert "KeyError" in ended.stderr
    assert "--debug broken" in ended.stderr
