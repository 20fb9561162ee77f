"""What a plan would do at the most, and what its agents reach."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from ark_temporal.llm.prices import Price, PriceList, Prices
from ark_temporal.llm.types import Provider
from ark_temporal.plan.bounds import Bound
from ark_temporal.plan.forecast import Forecast, forecast
from ark_temporal.plan.model import Plan
from ark_temporal.plan.reach import sources_of
from cli.plan_text import describe_forecast

PRICES = Prices(
    PriceList(
        as_of="2026-01-02",
        models={
            "cheap": Price.model_validate({"input": 1, "output": 2}),
            "dear": Price.model_validate({"input": 10, "output": 20}),
        },
    )
)


def plan(
    *steps: Mapping[str, Any], agents: Mapping[str, Mapping[str, Any]] | None = None, **more: Any
) -> Plan:
    """A plan with one agent, "a", of the model "cheap", unless told otherwise."""
    given = agents or {"a": {}}
    defaults = {"model": "cheap", "maxTokensPerCall": 1000}
    return Plan.model_validate(
        {
            "team": "desk",
            "agents": {
                role: {"role": role, "agent": role, **defaults, **said} for role, said in given.items()
            },
            "steps": [{"role": "a", **step} for step in steps],
            **more,
        }
    )


def forecast_of(plan: Plan, providers: Mapping[str, Provider] | None = None, **run_input: Any) -> Forecast:
    everyone: Mapping[str, Provider] = dict.fromkeys(plan.agents, cast(Provider, "openai"))
    known = everyone if providers is None else providers
    return forecast(plan, providers=known, prices=PRICES, run_input=run_input or None)


TOOL = {"name": "t", "webhook": {"url": "http://x"}}
CHECKED = {"validation": {"semantic": "Good?", "onFailure": "retry", "maxRetries": 3}}


@pytest.mark.parametrize(
    ("step", "agent", "calls"),
    [
        ({}, {}, 1),
        ({}, {"maxTurns": 9}, 1),
        ({}, {"maxTurns": 9, "tools": [TOOL]}, 9),
        ({}, {"maxTurns": 9, "mcpServers": [{"name": "s", "url": "http://x"}]}, 9),
        ({}, {"memory": {"name": "m", "backend": "redis"}}, 50),
        ({"outputSchema": {}}, {}, 3),
        ({"validation": {"contains": "x", "maxRetries": 5}}, {}, 1),
        ({"validation": {"contains": "x", "onFailure": "retry", "maxRetries": 5}}, {}, 6),
        (CHECKED, {}, 1 + 3 + 4),
        (CHECKED | {"outputSchema": {}}, {"maxTurns": 9, "tools": [TOOL]}, 9 + 3 + 4),
        (CHECKED | {"loop": {"condition": "x", "maxIterations": 4}}, {}, 5 * (1 + 3 + 4)),
    ],
)
def test_the_calls_of_a_step_are_counted_at_the_worst(
    step: dict[str, Any], agent: dict[str, Any], calls: int
) -> None:
    found = forecast_of(plan({"name": "one", **step}, agents={"a": agent}))
    assert found.steps[0].bound == Bound(model_calls=calls, tokens=calls * 1000, cost_usd=calls * 2 / 1000)
    assert found.bound == found.steps[0].bound
    assert found.prices_as_of == "2026-01-02"


def test_steps_stand_in_an_order_in_which_they_can_run() -> None:
    found = forecast_of(
        plan(
            {"name": "end", "dependsOn": ["left", "right"], "condition": "x"},
            {"name": "left", "dependsOn": ["start"]},
            {"name": "right"},
            {"name": "start"},
        )
    )
    assert [(step.name, step.level) for step in found.steps] == [
        ("right", 1),
        ("start", 1),
        ("left", 2),
        ("end", 3),
    ]
    assert [step.conditional for step in found.steps] == [False, False, False, True]


def test_a_run_is_the_sum_of_its_steps() -> None:
    agents = {"a": {}, "b": {"model": "dear", "maxTokensPerCall": 100}}
    found = forecast_of(plan({"name": "one"}, {"name": "two", "role": "b"}, agents=agents))
    assert (found.bound.model_calls, found.bound.tokens) == (2, 1100)
    assert found.bound.cost_usd == pytest.approx(0.002 + 0.002)


def test_the_tokens_of_a_run_are_held_by_its_max_tokens_and_what_is_under_way() -> None:
    loop = {"loop": {"condition": "x", "maxIterations": 9}}
    chain = [{"name": "one", **loop}, {"name": "two", "dependsOn": ["one"], **loop}]
    held = forecast_of(plan(*chain, maxTokens=5000)).bound
    assert (held.model_calls, held.tokens, held.cost_usd) == (20, 6000, pytest.approx(0.012))
    abreast = forecast_of(plan({"name": "one", **loop}, {"name": "two", **loop}, maxTokens=5000)).bound
    assert abreast.tokens == 7000
    assert forecast_of(plan(*chain, maxTokens=100_000)).bound.tokens == 20_000


def test_the_cost_of_a_run_that_is_held_is_that_of_its_dearest_model() -> None:
    loop = {"loop": {"condition": "x", "maxIterations": 9}}
    agents = {"a": {}, "b": {"model": "dear"}}
    steps = ({"name": "one", **loop}, {"name": "two", "role": "b", "dependsOn": ["one"], **loop})
    assert forecast_of(plan(*steps, agents=agents)).bound.cost_usd == pytest.approx(0.02 + 0.2)
    assert forecast_of(plan(*steps, agents=agents, maxTokens=1000)).bound.cost_usd == pytest.approx(0.04)


def test_what_has_no_price_has_no_cost_and_is_named() -> None:
    found = forecast_of(plan({"name": "one"}, agents={"a": {"model": "strange"}}))
    assert found.bound.cost_usd is None
    assert any("strange" in note for note in found.notes)
    unknown = forecast_of(plan({"name": "one"}), providers={})
    assert (unknown.bound.cost_usd, unknown.roles[0].provider) == (None, None)
    assert forecast_of(plan({"name": "one"}), providers={"a": "mock"}).bound.cost_usd == 0


def reach(agent: Mapping[str, Any], **run_input: Any) -> Any:
    return forecast_of(plan({"name": "one"}, agents={"a": agent}), **run_input).roles[0]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://x.example/a/b?c=d", "https://x.example"),
        ("https://x.example:8443", "https://x.example:8443"),
        ("https://me:planted@x.example/planted?planted#planted", "https://x.example"),
        ("http://x/{{ .input.planted }}", "http://x"),
        ("http://{{ .input.h }}.example/x", "http://{{ .input.h }}.example"),
        ("{{ .input.u }}/x", "{{ .input.u }}/x"),
    ],
)
def test_of_a_webhook_only_its_host_is_shown(url: str, host: str) -> None:
    (tool,) = reach({"tools": [{"name": "t", "webhook": {"url": url, "method": "PUT"}}]}).tools
    assert (tool.method, tool.host) == ("PUT", host)


def test_an_address_that_the_input_decides_is_shown_as_it_will_be() -> None:
    agent = {
        "tools": [{"name": "t", "webhook": {"url": "http://{{ .input.h }}/x?q={{ .pipeline.input.h }}"}}]
    }
    assert reach(agent, h="there").tools[0].host == "http://there"


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ({"url": "https://x/mcp"}, "https://x/mcp"),
        ({"url": "https://x/s/planted/mcp?planted"}, "https://x/…"),
        ({"url": "http://me:planted@x:80"}, "http://x:80"),
        ({"command": ["npx", "-y", "server", "/data"]}, "npx -y server /data"),
        ({"command": ["s", "--api-key", "planted", "--x"]}, "s --api-key *** --x"),
        ({"command": ["s", "--token=planted", "DB_PASSWORD=planted"]}, "s --token=*** DB_PASSWORD=***"),
        ({"command": ["s", "postgres://me:planted@db/x"]}, "s postgres://db/…"),
    ],
)
def test_of_a_server_nothing_is_shown_that_may_be_secret(server: dict[str, Any], place: str) -> None:
    (found,) = reach({"mcpServers": [{"name": "s", **server}]}).servers
    assert found.place == place
    assert found.starts_process == ("command" in server)


def test_what_tools_may_change_is_told() -> None:
    server = {"name": "s", "url": "http://x", "only": ["a"], "effects": {"*": "read"}, "timeoutSeconds": 3}
    found = reach(
        {
            "tools": [
                {"name": "py", "type": "python"},
                {"name": "submit_subtask", "type": "builtin"},
                {**TOOL, "effect": "unsafe"},
            ],
            "mcpServers": [server],
            "memory": {"name": "m", "backend": "vector-store", "endpoint": "local", "secret": "x"},
        }
    )
    assert {tool.name: tool.effect for tool in found.tools} == {
        "py": None,
        "submit_subtask": "idempotent",
        "t": "unsafe",
        "search_memory": "read",
    }
    assert (found.servers[0].tools, found.servers[0].effects) == (("a",), {"*": "read"})
    assert found.memory.place == 'Qdrant on the worker, collection "agent-memories"'
    assert found.memory.embeddings == "openai"


def test_all_secrets_that_an_agent_needs_are_known_by_name() -> None:
    ref = {"ref": {"name": "keys", "key": "k"}}
    made = plan(
        {"name": "one"},
        agents={
            "a": {
                "system": [{"ref": {"kind": "ConfigMap", "name": "prompts", "key": "p"}}],
                "envFrom": [{"name": "env"}],
                "tools": [{"name": "t", "webhook": {"url": "http://x", "headers": {"A": ref}}}],
                "mcpServers": [
                    {"name": "s", "command": ["x"], "env": {"A": {"ref": {"name": "variables", "key": "k"}}}},
                    {"name": "b", "url": "http://x", "token": {"name": "token", "key": "k"}},
                    {
                        "name": "o",
                        "url": "http://x",
                        "oauth": {
                            "tokenUrl": "http://y",
                            "clientId": "c",
                            "clientSecret": {"name": "oauth", "key": "k"},
                        },
                    },
                ],
                "memory": {"name": "m", "backend": "redis", "secret": "redis"},
            }
        },
    )
    secrets = ("env", "keys", "variables", "token", "oauth", "redis")
    assert set(sources_of(made.agents["a"])) == {
        ("ConfigMap", "prompts"),
        *(("Secret", name) for name in secrets),
    }


THREE: Mapping[str, Mapping[str, Any]] = {
    "a": {},
    "b": {"model": "dear", "maxTokensPerCall": 100},
    "c": {"maxTurns": 4, "tools": [TOOL]},
}


@pytest.mark.parametrize(
    ("step", "calls", "tokens", "cost"),
    [
        ({"map": {"over": "x", "maxItems": 7}}, 7, 7000, 0.014),
        ({"map": {"over": "x", "maxItems": 7}, "outputSchema": {}}, 21, 21_000, 0.042),
        ({"map": {"over": "x"}, "loop": {"condition": "x", "maxIterations": 1}}, 2000, 2_000_000, 4.0),
        ({"ensemble": {"roles": ["a", "a", "b"]}}, 3, 2100, 0.006),
        ({"ensemble": {"roles": ["a", "a"], "select": "judge", "judge": "b"}}, 5, 2300, 0.010),
        ({"ensemble": {"roles": ["b"], "select": "judge", "judge": "c"}}, 7, 6100, 0.014),
        ({"fallback": ["b", "c"]}, 6, 5100, 0.012),
        ({"fallback": ["b"], "outputSchema": {}}, 6, 3300, 0.012),
        ({"switch": {"value": "x", "cases": {"x": "b", "y": "a"}, "default": "c"}}, 4, 4000, 0.008),
        ({"lookup": {"roles": ["b"], "fallback": "a"}}, 1, 1000, 0.002),
        (
            {"routing": {"router": "b", "capabilities": [{"id": "i", "roles": ["a"]}], "fallback": "c"}},
            5,
            4100,
            0.010,
        ),
    ],
)
def test_work_that_several_share_is_counted_at_the_worst(
    step: dict[str, Any], calls: int, tokens: int, cost: float
) -> None:
    found = forecast_of(plan({"name": "one", **step}, agents=THREE)).bound
    assert (found.model_calls, found.tokens, found.cost_usd) == (calls, tokens, pytest.approx(cost))


INNER: dict[str, Any] = {
    "team": "inner",
    "agents": {"x": {"role": "x", "agent": "x", "model": "dear", "maxTokensPerCall": 10}},
    "steps": [{"name": "one", "role": "x"}, {"name": "two", "role": "x", "outputSchema": {}}],
}


def test_a_role_that_is_a_team_counts_as_its_whole_run() -> None:
    loop = {"loop": {"condition": "x", "maxIterations": 2}}
    made = plan({"name": "one", "role": "t", **loop}, {"name": "two"}, teams={"t": INNER})
    found = forecast_of(made, {"a": "openai", "t/x": "openai"})
    inner = found.teams["t"]
    assert (inner.team, inner.bound.model_calls, inner.bound.tokens) == ("inner", 4, 40)
    assert inner.bound.cost_usd == pytest.approx(0.0008)
    assert inner.roles[0].provider == "openai"
    one, two = found.steps
    assert (one.bound.model_calls, one.bound.tokens) == (12, 120)
    assert one.bound.cost_usd == pytest.approx(0.0024)
    assert (one.turns, one.repairs, one.judgements) == (0, 0, 0)
    assert found.bound.model_calls == 12 + two.bound.model_calls
    unknown = forecast_of(made, {"a": "openai"})
    assert unknown.bound.cost_usd is None
    assert any("dear" in note for note in unknown.notes)


def test_a_team_with_a_bound_of_its_own_is_counted_at_that() -> None:
    bounded: dict[str, Any] = {**INNER, "maxTokens": 5}
    found = forecast_of(plan({"name": "one", "role": "t"}, teams={"t": bounded}), {"t/x": "openai"})
    assert found.bound.tokens == 5 + 2 * 10


@pytest.mark.parametrize(
    ("step", "under_way"),
    [
        ({"map": {"over": "x", "maxConcurrency": 5}}, 5000),
        ({"map": {"over": "x", "maxConcurrency": 500, "maxItems": 7}}, 7000),
        ({"ensemble": {"roles": ["a", "a", "b"]}}, 2100),
        ({"fallback": ["b"]}, 1000),
        ({"role": "t"}, 20),
    ],
)
def test_what_is_under_way_at_the_end_of_a_budget_is_all_that_runs_at_once(
    step: dict[str, Any], under_way: int
) -> None:
    loop = {"loop": {"condition": "x", "maxIterations": 100}}
    made = plan({"name": "one", **loop, **step}, agents=THREE, teams={"t": INNER}, maxTokens=50)
    assert forecast_of(made).bound.tokens == 50 + under_way


def test_what_the_numbers_leave_out_is_told() -> None:
    def notes(step: dict[str, Any], agent: dict[str, Any], **more: Any) -> str:
        agents = {"a": agent, "b": {}}
        return " ".join(forecast_of(plan({"name": "one", **step}, agents=agents, **more)).notes)

    plain = notes({}, {})
    assert "Delegated" not in plain
    assert "maxItems" not in plain
    assert "after it failed" not in plain
    assert "which maxTokens bounds" in notes({}, {"canDelegate": ["b"]}, maxTokens=9)
    assert "only maxTokens would bound" in notes({}, {"canDelegate": ["b"]})
    assert "one (7)" in notes({"map": {"over": "x", "maxItems": 7}}, {})
    assert "after it failed" in notes({"onFailure": "park"}, {})


def test_an_agent_that_may_delegate_is_asked_again_after_it_has() -> None:
    found = forecast_of(plan({"name": "one"}, agents={"a": {"maxTurns": 6, "canDelegate": ["b"]}, "b": {}}))
    assert (found.bound.model_calls, found.roles[0].can_delegate) == (6, ("b",))


def test_what_people_decide_is_told() -> None:
    gate = {
        "condition": "x",
        "approvers": ["ann"],
        "onTimeout": "escalate",
        "timeoutSeconds": 5,
        "escalation": [{"approvers": ["bob"], "timeoutSeconds": 7}],
        "notify": {"name": "pager"},
    }
    server = {"name": "s", "url": "http://x", "gates": {"*": gate, "look": {"condition": "false"}}}
    agent = {"tools": [{**TOOL, "gate": gate}], "mcpServers": [server]}
    found = forecast_of(plan({"name": "one", "gates": [{"when": "after", **gate}]}, agents={"a": agent}))
    (asked,) = found.steps[0].gates
    assert (asked.when, asked.conditional, asked.approvers, asked.notify) == (
        "after",
        True,
        ("ann",),
        "pager",
    )
    assert asked.escalation[0].approvers == ("bob",)
    role = found.roles[0]
    assert role.tools[0].gate == role.servers[0].gates["*"] == asked.model_copy(update={"when": "call"})
    assert (list(role.servers[0].gates), role.servers[0].unasked) == (["*"], ("look",))


def test_who_is_told_is_told_without_an_address() -> None:
    url = {"name": "hooks", "key": "planted"}
    pager = {
        "name": "pager",
        "channels": [{"type": "slack", "url": url}, {"type": "webhook", "url": url}],
        "events": ["TeamFailed"],
        "windowSeconds": 60,
        "maxPerWindow": 2,
    }
    found = forecast_of(plan({"name": "one"}, agents={"a": {"notify": {"name": "nobody"}}}, notify=pager))
    assert found.notify is not None
    assert found.notify.model_dump(by_alias=False) == {
        "name": "pager",
        "channels": ("slack", "webhook"),
        "events": ("TeamFailed",),
        "window_seconds": 60,
        "max_per_window": 2,
    }
    text = describe_forecast(found)
    assert "notify   pager by slack, webhook: TeamFailed; 2 messages of each in 1m00s\n" in text
    assert "  tells nobody by no channel, so nobody when its model does not answer" in text
    assert "planted" not in text + found.model_dump_json()
