"""`ark-temporal plan`, and agents on the command line: called as a shell calls them."""

import json
import re
from pathlib import Path

import pytest

from tests.e2e.command import NEWS, ROOT, Command
from tests.unit.manifests.marked import document

AGENT = """\
model: claude-haiku-4-5
systemPrompt: Help.
tools:
  - {name: look, url: "https://x.example/{{ .input.place }}?k=1", method: GET}
  - {name: count, type: python}
mcpServers:
  - {name: files, command: npx server --token planted-1, tools: [a, b, c], effects: {"*": read, c: unsafe}}
envFrom: [{secretRef: {name: keys}}]
"""
KEYS = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {OPENAI_API_KEY: planted-2}\n"
HELPER = document("ArkAgent", AGENT, "helper") + KEYS
OTHER = document("ArkAgent", "model: mock\nsystemPrompt: Hi.", "other")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_a_team_is_shown_step_by_step(command: Command) -> None:
    ended = command.run("plan", NEWS)
    assert (ended.code, ended.err) == (0, "")
    rows = [line.split() for line in ended.out.splitlines()]
    assert ["team", "default/news"] in rows
    assert any(row[:2] == ["1", "research"] for row in rows)
    assert "reaches nothing but its model" in ended.out


def test_an_agent_is_shown_with_what_it_reaches_and_without_secrets(command: Command) -> None:
    ended = command.run("plan", "-", stdin=HELPER)
    assert ended.code == 0, ended.err
    text = " ".join(ended.out.split())
    assert "webhook look GET https://x.example reads only" in text
    assert "python count as its code declares" in text
    assert "starts npx server --token ***" in text
    assert "a, b: reads only c: CHANGES THINGS, each call anew" in text
    assert "50 turns" in text
    assert "planted" not in ended.out + ended.err


def test_the_same_as_json(command: Command) -> None:
    told = json.loads(command.run("plan", "-", "-o", "json", stdin=HELPER).out)
    assert (told["team"], told["bound"]["modelCalls"], told["bound"]["tokens"]) == ("helper", 50, 400_000)
    assert told["bound"]["costUsd"] > 0
    (role,) = told["roles"]
    assert (role["provider"], role["maxTurns"]) == ("anthropic", 50)
    assert [tool["name"] for tool in role["tools"]] == ["look", "count"]
    assert role["servers"][0]["effects"] == {"*": "read", "c": "unsafe"}
    documented = (ROOT / "docs/plan.md").read_text(encoding="utf-8")
    names = re.findall(r"`([A-Za-z]+)(?:\[\])?`", documented)
    assert set(told) | set(role) | set(told["steps"][0]) | set(told["bound"]) <= set(names)


PRESS = """\
approverGroups: {leads: [ann, bob]}
maxTokens: 90000
roles:
  - name: lead
    model: gpt-4.1
    systemPrompt: Lead.
    canDelegate: [inner]
    tools: [{name: pay, url: "http://x", requireApproval: always, approval: {approvers: [cy]}}]
    mcpServers: [{name: s, url: "http://y/mcp", requireApproval: {"*": always, look: never}}]
  - {name: inner, arkTeam: inner}
pipeline:
  - role: lead
    approval:
      - approvers: ["@leads"]
        quorum: 2
        fourEyes: true
        timeoutSeconds: 60
        onTimeout: escalate
        escalation: [{approvers: [cy], timeoutSeconds: 7200}]
      - {when: after, if: "{{ .steps.lead.output }}"}
  - {role: lead, name: ask, approval: {question: true}}
  - {role: lead, name: each, map: {over: "[1, 2]", maxItems: 7}}
  - {role: lead, name: safe, fallback: [inner]}
  - {role: inner, dependsOn: [lead]}
"""
INNER = """\
entry: first
roles:
  - {name: first, model: mock, systemPrompt: x, canDelegate: [second]}
  - {name: second, model: mock, systemPrompt: x}
"""
TEAMS = document("ArkTeam", PRESS, "press") + document("ArkTeam", INNER, "inner")


def test_people_delegation_and_teams_in_a_team_are_shown(command: Command) -> None:
    ended = command.run("plan", "-", "--team", "press", stdin=TEAMS)
    assert ended.code == 0, ended.err
    text = " ".join(ended.out.split())
    assert (
        "before lead: ann, bob (2 of them); not who submitted the run; within 1m00s, then cy within 2h00m, "
        "else reject" in text
    )
    assert "after lead: anybody; where its condition holds; for ever" in text
    assert "answer before ask: anybody; for ever" in text
    assert "7 items, 50 turns" in text
    assert "first lead, then inner" in text
    assert "team inner" in text
    assert "pay asks first: cy; for ever" in text
    assert "any other tool asks first: anybody; for ever look asks nobody" in text
    assert "hands tasks to inner" in text
    assert "role inner is a team team default/inner mode dynamic" in text
    assert "hands tasks to second" in text
    assert "which maxTokens bounds" in text


def test_teams_in_a_team_are_in_the_json_too_and_all_of_it_is_documented(command: Command) -> None:
    told = json.loads(command.run("plan", "-", "--team", "press", "-o", "json", stdin=TEAMS).out)
    inner = told["teams"]["inner"]
    assert (inner["mode"], inner["bound"]["modelCalls"]) == ("dynamic", 50)
    assert {role["provider"] for role in inner["roles"]} == {"mock"}
    steps = {step["name"]: step for step in told["steps"]}
    assert (steps["each"]["shape"], steps["each"]["items"]) == ("map", 7)
    assert steps["safe"]["roles"] == ["lead", "inner"]
    (lead,) = told["roles"]
    gates = [*steps["lead"]["gates"], *steps["ask"]["gates"], lead["tools"][0]["gate"]]
    used = [told, *told["steps"], lead, *lead["tools"], *lead["servers"], *gates]
    documented = set(
        re.findall(r"`([A-Za-z]+)(?:\[\])?`", (ROOT / "docs/plan.md").read_text(encoding="utf-8"))
    )
    assert {name for each in used for name in each} <= documented


def test_of_a_routed_team_the_capabilities_are_shown(command: Command) -> None:
    text = document("ArkTeam", "routing: {model: gpt-4.1, fallback: other}", "front") + OTHER
    text += document(
        "ArkAgent", "model: mock\nsystemPrompt: x\ncapabilities: [{id: bake, description: Bread.}]", "baker"
    )
    ended = command.run("plan", "-", stdin=text)
    assert ended.code == 0, ended.err
    told = " ".join(ended.out.split())
    assert "mode routed" in told
    assert "ID AGENTS WHAT bake baker Bread." in told
    assert "a router, then one agent" in told
    assert "role router (front-router): 1,000 tokens a call" in told
    steps = json.loads(command.run("plan", "-", "-o", "json", stdin=text).out)["steps"]
    assert steps[0]["capabilities"] == [{"id": "bake", "description": "Bread.", "roles": ["baker"]}]
    assert steps[0]["bound"]["modelCalls"] == 2


def test_a_role_s_own_environment_says_who_answers(command: Command) -> None:
    env = KEYS.replace("OPENAI_API_KEY: planted-2", "AGENT_PROVIDER: gemini")
    text = document("ArkAgent", AGENT, "helper") + env
    told = json.loads(command.run("plan", "-", "-o", "json", stdin=text).out)
    assert told["roles"][0]["provider"] == "gemini"
    forced = json.loads(command.run("plan", "-", "-o", "json", "--provider", "mock", stdin=text).out)
    assert (forced["roles"][0]["provider"], forced["bound"]["costUsd"]) == ("mock", 0)
    odd = command.run("plan", "-", "-o", "json", stdin=text.replace("gemini", "planted-3"))
    assert odd.code == 0
    assert "provider" not in json.loads(odd.out)["roles"][0]
    assert "AGENT_PROVIDER" in odd.err
    assert "planted" not in odd.out + odd.err


def test_prices_of_one_s_own(command: Command, tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("as_of: 2026-01-01\nmodels: {claude-haiku-4-5: {input: 0, output: 1}}\n")
    told = json.loads(command.run("plan", "-", "-o", "json", "--prices", str(prices), stdin=HELPER).out)
    assert (told["bound"]["costUsd"], told["pricesAsOf"]) == (0.4, "2026-01-01")


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (("plan", "-"), document("ArkAgent", "model: m", "a"), "no system prompt"),
        (("plan", NEWS, "--team", "nobody"), "", 'no team "nobody"'),
        (("plan", NEWS, "-i", "tpic"), "", "-i tpic=VALUE"),
        (("plan", NEWS, "-i", "x=1"), "", 'needs the input "topic"'),
        (
            ("plan", "-"),
            document("ArkTeam", "entry: a\nlimits: {maxDailyTokens: 1}\nroles: [{name: a, arkAgent: other}]")
            + OTHER,
            "maxDailyTokens",
        ),
        (("plan", "-"), KEYS, "nothing to run"),
        (("plan", NEWS, "-o", "jsonl"), "", "use text or json"),
        (("run", "-", "--task", "x"), HELPER + OTHER, "--agent: helper, other"),
        (("run", "-"), HELPER, "add --task"),
        (("run", "-", "--agent", "helper"), HELPER + OTHER, "add --task"),
        (("run", "-", "--agent", "hleper", "--task", "x"), HELPER, "default/helper"),
        (("run", "-", "--agent", "helper", "--team", "x"), HELPER, "exclude each other"),
        (("run", NEWS, "--team", "news", "--task", "x", "-i", "topic=y"), "", "keep --task, or the `topic`"),
        (("run", "-", "--task", " "), HELPER, "the task is empty"),
        (("run", "-", "--task", "x", "-i", "task=y"), HELPER, "given twice"),
        (("run", "-", "--task", "-"), HELPER, "only once"),
        (("run", "-", "--task", "@/nowhere"), HELPER, "cannot be read"),
        (("submit", "-", "--agent", "nobody", "--task", "x"), HELPER, 'no agent "nobody"'),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    command: Command, arguments: tuple[str, ...], stdin: str, told: str
) -> None:
    ended = command.run(*arguments, stdin=stdin)
    assert (ended.code, ended.out) == (2, ""), ended
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_a_file_with_agents_only_is_valid(command: Command) -> None:
    ended = command.run("validate", "-", stdin=OTHER)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "0 teams, 1 agent: valid\n  default/other  agent\n"
    told = json.loads(command.run("validate", "-", "-o", "json", stdin=OTHER).out)
    assert told["agents"] == [{"name": "other", "namespace": "default"}]


def test_what_an_agent_asks_for_in_vain_is_found_without_a_team(command: Command) -> None:
    text = document("ArkAgent", "model: m\nsystemPrompt: x\nconfigRef: {name: s}", "a")
    text += document("ArkSettings", "memoryBackend: redis", "s")
    ended = command.run("validate", "--strict", "-", stdin=text)
    assert ended.code == 2
    assert "memoryRef" in ended.err


def test_the_shell_completes_agents(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "agents.yaml"
    file.write_text(HELPER + OTHER)
    line = f"ark-temporal run {file} --agent h"
    ended = command.run(
        env={"COMP_WORDS": line, "COMP_CWORD": "4", "_ARK_TEMPORAL_COMPLETE": "complete_bash"}
    )
    assert ended.out.split() == ["helper"]


@pytest.mark.slow
def test_an_agent_runs_by_itself(command: Command, tmp_path: Path) -> None:
    task = tmp_path / "task.txt"
    task.write_text("Sort the mail.")
    manifest = document("ArkAgent", "model: mock\nsystemPrompt: Hi.", "helper")
    ended = command.run("run", "-", "--task", f"@{task}", "-o", "json", stdin=manifest)
    assert ended.code == 0, ended.err
    record = json.loads(ended.out)
    assert (record["team"], record["input"]) == ("helper", {"task": "Sort the mail."})
    assert record["steps"][0]["prompt"] == "task: Sort the mail.\n"
