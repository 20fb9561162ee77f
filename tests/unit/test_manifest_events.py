"""Findings about events, memory, notifications and settings."""

import pytest

from tests.unit.manifests.marked import check_marked, document, messages, team

TEAM = team("entry: a\nroles: [{name: a, model: mock, systemPrompt: Hi.}]", "target")


def event(source: str, name: str = "e", target: str = "target") -> str:
    return document("ArkEvent", f"source: {source}\ntargets: [{{team: {target}}}]", name)


@pytest.mark.parametrize(
    "cron", ["0 9 * * 1-5", "*/15 8-18 * * MON-FRI", "0 0 1,15 jan-mar ?", "5 4 29 2 *", "0 0 * * 7"]
)
def test_schedules(cron: str) -> None:
    check_marked(TEAM + event(f'{{type: cron, cron: "{cron}"}}'))


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("* * * * * *", "has 6 fields; five are expected"),
        ("* * * *", "has 4 fields"),
        ("@reboot", "@reboot are not supported"),
        ("@daily", "@daily are not supported"),
        ("60 * * * *", '"60" is not a valid minute'),
        ("* 24 * * *", '"24" is not a valid hour'),
        ("* * 0 * *", '"0" is not a valid day of month'),
        ("* * * 13 *", '"13" is not a valid month'),
        ("* * * * 8", '"8" is not a valid day of week'),
        ("*/0 * * * *", '"*/0" is not a valid minute'),
        ("* * L * *", '"L" (day of month) is not a number'),
        ("H * * * *", '"H" (minute) is not a number'),
        ("a b c d e", '"a" (minute) is not a number'),
        ("", "has 0 fields"),
    ],
)
def test_wrong_schedules(cron: str, said: str) -> None:
    bundle = check_marked(TEAM + event(f'{{type: cron, cron: §invalid-cron§"{cron}"}}'))
    assert said in messages(bundle)


def test_a_schedule_that_never_comes() -> None:
    bundle = check_marked(TEAM + event('{type: cron, cron: §cron-never§"0 0 30 2 *"}'))
    assert bundle.ok


def test_sources_are_whole() -> None:
    check_marked(TEAM + event("{type: cron}").replace("source:", "§missing-block§source:"))
    check_marked(TEAM + event("{type: team-output}").replace("source:", "§missing-block§source:"))
    check_marked(TEAM + event('{type: webhook, §unused-block§cron: "0 0 * * *"}'))
    check_marked(TEAM + event("{type: §not-allowed§webhok}"))
    check_marked(TEAM + event("{type: webhook}"))
    check_marked(document("ArkEvent", "source: {type: webhook}\ntargets: §too-short§[]"))


def test_required_inputs_are_given() -> None:
    needy = team(
        """
        entry: a
        roles: [{name: a, model: mock, systemPrompt: Hi.}]
        inputs: [{name: x, required: true}, {name: y, required: true, default: z}, {name: w}]
        """,
        "target",
    )
    check_marked(needy + event("{type: webhook}").replace("{team:", "§missing-input§{team:"))
    check_marked(
        needy
        + document(
            "ArkEvent", 'source: {type: webhook}\ntargets: [{team: target, input: {x: "1", other: "2"}}]'
        )
    )


def test_teams_that_start_each_other() -> None:
    other = TEAM.replace("name: target", "name: other")
    bundle = check_marked(
        TEAM
        + other
        + event("{type: team-output, teamOutput: {name: target}}", "there", "§event-loop§other")
        + event("{type: team-output, teamOutput: {name: other}}", "back", "target")
    )
    assert "target -> other -> target" in messages(bundle)
    assert bundle.ok
    check_marked(
        TEAM + event("{type: team-output, teamOutput: {name: target}}", "self", "§event-loop§target")
    )
    check_marked(TEAM + other + event("{type: team-output, teamOutput: {name: target}}", "there", "other"))


@pytest.mark.parametrize(
    "spec",
    [
        "§missing-block§backend: redis",
        "§missing-block§backend: vector-store",
        "backend: §not-allowed§rediss",
        "backend: redis\n§missing-field§redis: {}",
        "backend: vector-store\nvectorStore: {provider: §not-allowed§chroma, endpoint: http://v}",
        "backend: in-context",
        "backend: vector-store\nvectorStore: {provider: qdrant, endpoint: http://v}",
    ],
)
def test_memory(spec: str) -> None:
    marked = document("ArkMemory", spec)
    if "§missing-block§" in marked:
        marked = marked.replace("§missing-block§", "").replace("spec:", "§missing-block§spec:")
    check_marked(marked)


def test_notifications_list_an_event_once() -> None:
    channel = "channel: {type: webhook, webhook: {urlFrom: {name: s, key: k, optional: true}}}\n"
    check_marked(
        document("ArkNotify", channel + "events: [{type: TeamFailed}, {type: §duplicate-name§TeamFailed}]")
    )


def test_fragments_replace_prompt_fragments() -> None:
    bundle = check_marked(
        document(
            "ArkSettings",
            "fragments: [{name: f, text: x}]\n§fragments-overridden§promptFragments: {persona: y}",
        )
    )
    assert bundle.ok
