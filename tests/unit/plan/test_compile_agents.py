"""Tools, servers, memory and settings in a plan, and agents that run by themselves."""

import textwrap

import pytest

from ark_temporal.llm.types import Provider
from ark_temporal.plan.compile import Compiled, CompileError, compile_agent, compile_team
from ark_temporal.plan.inputs import InputError, resolve_input
from ark_temporal.plan.model import AgentPlan, EnvSource
from ark_temporal.plan.prompts import TemplateView, render_prompt
from ark_temporal.plan.record import RunRecord
from ark_temporal.plan.tools import (
    EmbeddingsPlan,
    GivenValue,
    KeyRef,
    McpServerPlan,
    MemoryPlan,
    OAuthPlan,
    ToolPlan,
    WebhookPlan,
)
from tests.unit.manifests.marked import document, load_text, team

SECRET = """\
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {token: planted-1, REDIS_URL: "redis://planted-2", VECTOR_STORE_API_KEY: planted-3}
"""


def agent(parts: str = "", name: str = "helper", rest: str = "") -> str:
    return document("ArkAgent", "model: gpt-4.1\nsystemPrompt: OWN.\n" + textwrap.dedent(parts), name) + rest


def compiled(
    text: str, name: str | None = None, provider: Provider | None = None, *, ignore_unsupported: bool = False
) -> Compiled:
    bundle = load_text(text)
    assert bundle.ok, "\n".join(map(str, bundle.errors))
    return compile_agent(bundle, name, provider=provider, ignore_unsupported=ignore_unsupported)


def plan_of(text: str, provider: Provider | None = None) -> AgentPlan:
    """The one agent of a plan that nobody is warned about."""
    result = compiled(text, provider=provider)
    assert not result.warnings, result.warnings
    (only,) = result.plan.agents.values()
    return only


def test_a_webhook_is_in_the_plan_with_its_secrets_by_name() -> None:
    found = plan_of(
        agent(
            """
            tools:
              - name: look
                description: Looks.
                url: "http://x/{{ .input.a }}"
                method: GET
                timeoutSeconds: 5
                inputSchema: {properties: {q: {type: string}}}
                headers: {X-A: b, Authorization: {secretKeyRef: {name: keys, key: token}}}
            """,
            rest=SECRET,
        )
    )
    headers = {
        "X-A": GivenValue(value="b"),
        "Authorization": GivenValue(ref=KeyRef(name="keys", key="token")),
    }
    assert found.tools == (
        ToolPlan(
            name="look",
            description="Looks.",
            input_schema={"type": "object", "properties": {"q": {"type": "string"}}},
            effect="read",
            timeout_seconds=5,
            webhook=WebhookPlan(url="http://x/{{ .input.a }}", method="GET", headers=headers),
        ),
    )
    assert "planted" not in found.model_dump_json()


def test_effects_follow_the_method_unless_they_are_declared() -> None:
    methods = ("GET", "PUT", "DELETE", "POST", "PATCH")
    tools = "".join(f"  - {{name: t-{each}, url: 'http://x', method: {each}}}\n" for each in methods)
    more = "  - {name: own, url: 'http://x', effect: idempotent}\n  - {name: py, type: python}\n"
    found = {tool.name: tool.effect for tool in plan_of(agent(f"tools:\n{tools}{more}")).tools}
    assert found == {
        "t-GET": "read",
        "t-PUT": "idempotent",
        "t-DELETE": "idempotent",
        "t-POST": "unsafe",
        "t-PATCH": "unsafe",
        "own": "idempotent",
        "py": None,
    }


def test_tools_without_arguments_have_a_schema_all_the_same() -> None:
    (tool,) = plan_of(agent("tools: [{name: t, url: 'http://x'}]")).tools
    assert tool.input_schema == {"type": "object", "properties": {}}


def test_python_and_built_in_tools_are_named() -> None:
    found = plan_of(
        agent(
            "tools:\n  - {name: count, type: python, effect: read, timeoutSeconds: 9, description: Counts.}\n"
            "  - {name: submit_subtask, type: builtin}\n"
        )
    )
    assert found.tools == (
        ToolPlan(type="python", name="count", description="Counts.", effect="read", timeout_seconds=9),
        ToolPlan(type="builtin", name="submit_subtask"),
    )


def test_servers_are_in_the_plan_with_their_secrets_by_name() -> None:
    found = plan_of(
        agent(
            """
            limits: {maxTurns: 3}
            mcpServers:
              - name: files
                command: npx -y server
                args: [/data]
                env: {MODE: fast, KEY: {secretKeyRef: {name: keys, key: token}}}
                tools: [read, write, read]
                effects: {"*": read, write: unsafe}
                timeoutSeconds: 9
              - {name: plain, url: "http://plain", auth: {tokenSecretRef: {name: keys, key: token}}}
              - name: remote
                url: http://remote/mcp
                headers: [{name: X-A, value: b}]
                auth:
                  type: oauth2
                  tokenUrl: http://login/token
                  clientId: ark
                  clientSecretRef: {name: keys, key: token}
                  scopes: [a]
            """,
            rest=SECRET,
        )
    )
    token = KeyRef(name="keys", key="token")
    assert found.mcp_servers == (
        McpServerPlan(
            name="files",
            command=("npx", "-y", "server", "/data"),
            env={"MODE": GivenValue(value="fast"), "KEY": GivenValue(ref=token)},
            only=("read", "write"),
            effects={"*": "read", "write": "unsafe"},
            timeout_seconds=9,
        ),
        McpServerPlan(name="plain", url="http://plain", token=token),
        McpServerPlan(
            name="remote",
            url="http://remote/mcp",
            headers={"X-A": GivenValue(value="b")},
            oauth=OAuthPlan(
                token_url="http://login/token", client_id="ark", client_secret=token, scopes=("a",)
            ),
        ),
    )
    assert found.max_turns == 3
    assert "planted" not in found.model_dump_json()


def memory(spec: str) -> str:
    return agent("memoryRef: {name: notes}", rest=document("ArkMemory", spec, "notes") + SECRET)


def test_a_memory_in_redis() -> None:
    text = memory("backend: redis\nredis: {secretRef: {name: keys}, ttlSeconds: 60, maxEntries: 5}")
    expected = MemoryPlan(name="notes", backend="redis", secret="keys", ttl_seconds=60, max_entries=5)
    assert plan_of(text).memory == expected
    assert plan_of(memory("backend: redis\nredis: {secretRef: {name: keys}}")).memory == expected.model_copy(
        update={"ttl_seconds": 3600, "max_entries": 0}
    )


STORE = """\
backend: vector-store
vectorStore:
  provider: qdrant
  endpoint: local
  collection: mine
  secretRef: {name: keys}
  ttlSeconds: 7
  embeddings: {provider: gemini, model: m}
"""


def test_a_memory_in_a_vector_store() -> None:
    expected = MemoryPlan(
        name="notes",
        backend="vector-store",
        secret="keys",
        endpoint="local",
        collection="mine",
        ttl_seconds=7,
        embeddings=EmbeddingsPlan(provider="gemini", model="m"),
    )
    assert plan_of(memory(STORE)).memory == expected
    bare = memory("backend: vector-store\nvectorStore: {provider: qdrant, endpoint: 'http://q:6333'}")
    assert plan_of(bare).memory == MemoryPlan(name="notes", backend="vector-store", endpoint="http://q:6333")


def test_with_the_mock_nobody_is_asked_for_vectors() -> None:
    found = plan_of(memory(STORE), provider="mock").memory
    assert found is not None
    assert found.embeddings == EmbeddingsPlan(provider="hash")


def test_a_memory_in_context_is_none() -> None:
    assert plan_of(memory("backend: in-context")).memory is None


@pytest.mark.parametrize("provider", ["pinecone", "weaviate"])
def test_a_memory_that_is_not_used_yet_is_refused_unless_ignored(provider: str) -> None:
    text = memory(f"backend: vector-store\nvectorStore: {{provider: {provider}, endpoint: 'http://x'}}")
    with pytest.raises(CompileError) as caught:
        compiled(text)
    (found,) = caught.value.diagnostics
    assert (found.path, found.code) == ("ArkAgent/helper spec.memoryRef", "not-supported-yet")
    ignored = compiled(text, ignore_unsupported=True)
    assert ignored.plan.agents["helper"].memory is None
    assert [each.severity for each in ignored.warnings] == ["warning"]


def settings(name: str, spec: str) -> str:
    return document("ArkSettings", spec, name)


def test_a_memory_ref_wins_over_settings_that_ask_for_a_memory() -> None:
    asks = settings("s", "memoryBackend: vector-store")
    text = agent(
        "memoryRef: {name: notes}\nconfigRef: s",
        rest=asks
        + document("ArkMemory", "backend: redis\nredis: {secretRef: {name: keys}}", "notes")
        + SECRET,
    )
    found = plan_of(text).memory
    assert found is not None
    assert found.backend == "redis"


def test_settings_that_ask_for_a_memory_alone_are_warned_about() -> None:
    asks = settings("s", "memoryBackend: redis")
    result = compiled(agent("configRef: s", rest=asks))
    (warning,) = result.warnings
    assert "memoryRef" in warning.message
    assert result.plan.agents["helper"].memory is None
    later = settings("t", "memoryBackend: in-context")
    assert not compiled(agent("configRef: s\nsettingsRefs: [t]", rest=asks + later)).warnings


def test_of_several_settings_the_last_word_counts_and_all_fragments_do() -> None:
    rest = (
        settings("a", "outputFormat: markdown\ntemperature: '0.1'\npromptFragments: {persona: PA., z: ZA.}")
        + settings("b", "outputFormat: plain\ntemperature: '0.2'\nfragments: [{name: f, text: FB.}]")
        + settings(
            "c", "fragments: [{name: g, position: prepend, text: GC.}]\npromptFragments: {persona: NO.}"
        )
    )
    found = plan_of(agent("settingsRefs: [b, c]\nconfigRef: a", rest=rest))
    texts = [part.text for part in found.system]
    assert texts[:5] == ["PA.", "GC.", "OWN.", "ZA.", "FB."]
    assert texts[5] == "Answer in plain text, without any markup."
    assert "Answer in Markdown." not in texts
    assert found.temperature == 0.2


def test_a_prompt_that_settings_make_too_large_is_found() -> None:
    large = "x" * 40_000
    rest = settings("a", f"promptFragments: {{persona: {large}}}")
    text = agent(f"systemPrompt: {large}\nconfigRef: a", rest=rest).replace("  systemPrompt: OWN.\n", "")
    (warning,) = compiled(text).warnings
    assert (warning.code, warning.path) == ("prompt-large", "ArkAgent/helper spec.systemPrompt")
    huge = "x" * 300_000
    with pytest.raises(CompileError, match="more than 512 are refused"):
        compiled(text.replace(large, huge))


def test_a_source_of_the_environment_may_be_optional() -> None:
    found = plan_of(
        agent("envFrom: [{secretRef: {name: a, optional: true}}, {configMapRef: {name: b, optional: true}}]")
    )
    assert found.env_from == (
        EnvSource(name="a", optional=True),
        EnvSource(kind="ConfigMap", name="b", optional=True),
    )


def test_an_agent_by_itself_is_a_team_of_one_step() -> None:
    plan = compiled(agent()).plan
    assert (plan.team, [step.name for step in plan.steps], list(plan.agents)) == (
        "helper",
        ["helper"],
        ["helper"],
    )
    assert plan.agents["helper"].agent == "helper"
    with pytest.raises(InputError, match="task"):
        resolve_input(plan, {})
    run_input = resolve_input(plan, {"task": "Sort {{ these }}.", "region": "eu"})
    record = RunRecord.model_validate(
        {"id": "r", "team": "helper", "plan": "", "phase": "Running", "input": run_input}
        | {"startTime": "2026-01-01T00:00:00Z", "steps": []}
    )
    assert render_prompt(plan.steps[0], TemplateView(record)) == "task: Sort {{ these }}.\n"


def test_an_agent_is_the_same_by_itself_and_in_a_team() -> None:
    text = agent("tools: [{name: t, url: 'http://x'}]\nlimits: {maxTurns: 3}") + team(
        "pipeline: [{role: one}]\nroles: [{name: one, arkAgent: helper}]", "desk"
    )
    bundle = load_text(text)
    in_team = compile_team(bundle, bundle.teams[0]).plan.agents["one"]
    alone = compile_agent(bundle, "helper").plan.agents["helper"]
    assert in_team == alone.model_copy(update={"role": "one"})


def test_what_is_not_carried_out_of_an_agent_is_an_error_at_its_place() -> None:
    with pytest.raises(CompileError) as caught:
        compiled(agent("limits: {maxDailyTokens: 5}"))
    (found,) = caught.value.diagnostics
    assert found.path == "ArkAgent/helper spec.limits.maxDailyTokens"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (None, ["several agents", "default/helper", "default/other"]),
        ("nobody", ['no agent "nobody"', "default/helper"]),
        ("east/helper", ['"east/helper"']),
    ],
)
def test_an_agent_that_is_not_clear_is_asked_for_in_a_sentence(name: str | None, words: list[str]) -> None:
    bundle = load_text(agent() + agent(name="other"))
    with pytest.raises(LookupError) as caught:
        compile_agent(bundle, name)
    assert all(word in str(caught.value) for word in words)
    assert compile_agent(bundle, "default/other").plan.team == "other"


def test_without_agents_there_is_none_to_run() -> None:
    with pytest.raises(LookupError, match="no ArkAgent"):
        compile_agent(load_text(SECRET), None)
