"""What a plan would do at the most, and what its agents reach."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from ark_temporal.llm.prices import Price, PriceList, Prices
from ark_temporal.llm.types import Provider
from ark_temporal.plan.forecast import Bound, Forecast, forecast
from ark_temporal.plan.model import Plan
from ark_temporal.plan.reach import sources_of

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
