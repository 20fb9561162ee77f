"""Tools and MCP servers in manifests: what is read, and what is found wrong about them."""

import textwrap
from typing import Any, cast

import pytest
import yaml
from jsonschema import Draft202012Validator

from ark_temporal.manifests import ArkAgent, Bundle, json_schema
from tests.unit.manifests.marked import check_marked, document, load_text, messages


def agent(parts: str, rest: str = "") -> str:
    """An agent with these fields besides its model and prompt."""
    return document("ArkAgent", "model: mock\nsystemPrompt: Hi.\n" + textwrap.dedent(parts)) + rest


def spec_of(bundle: Bundle) -> Any:
    assert bundle.ok, messages(bundle)
    return bundle.all(ArkAgent)[0].spec


ALL_FIELDS = """
limits: {maxTurns: 7}
tools:
  - {name: look, url: "http://x/{{ .input.a }}?q=1", method: DELETE, effect: read, timeoutSeconds: 5}
  - {name: count, type: python, effect: unsafe, description: Counts.}
  - {name: submit_subtask, type: builtin}
mcpServers:
  - name: files
    command: npx -y "a server" --root '/a b'
    args: [--more]
    env: {MODE: fast, SEED: {value: "1"}, API_KEY: {secretKeyRef: {name: s, key: k, optional: true}}}
    tools: [read, write]
    effects: {"*": read, write: idempotent}
    timeoutSeconds: 9
  - name: remote
    url: https://remote.example/mcp
    auth:
      type: oauth2
      tokenUrl: https://login.example/token
      clientId: ark
      clientSecretRef: {name: s, key: k, optional: true}
      scopes: [a, b]
"""


def test_all_that_can_be_said_about_tools_is_read() -> None:
    spec = spec_of(check_marked(agent(ALL_FIELDS)))
    assert spec.limits.max_turns == 7
    look, count, subtask = spec.tools
    assert (look.method, look.effect, look.timeout_seconds) == ("DELETE", "read", 5)
    assert (count.type, count.effect, count.timeout_seconds) == ("python", "unsafe", None)
    assert subtask.type == "builtin"
    files, remote = spec.mcp_servers
    assert (files.command, files.args) == (["npx", "-y", "a server", "--root", "/a b"], ["--more"])
    assert files.env["MODE"].value == "fast"
    assert files.env["API_KEY"].secret_key_ref.key == "k"
    assert (files.tools, files.effects) == (["read", "write"], {"*": "read", "write": "idempotent"})
    assert (remote.auth.type, remote.auth.scopes) == ("oauth2", ["a", "b"])


def test_variables_have_both_shapes_as_headers_do() -> None:
    parts = "mcpServers: [{{name: s, command: [x], env: {}}}]"
    listed = (
        "[{name: A, value: '1'}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}]"
    )
    mapped = "{A: '1', B: {secretKeyRef: {name: s, key: k, optional: true}}}"
    one, other = (spec_of(load_text(agent(parts.format(each)))) for each in (listed, mapped))
    assert one == other
    check_marked(agent("mcpServers:\n- name: s\n  command: x\n  env:\n    §variable-shape§- {value: test}"))


@pytest.mark.parametrize(
    "parts",
    [
        "tools: [{name: t, type: webhook}]",
        "tools: [{name: t, type: python, url: 'http://x'}]",
        "tools: [{name: t, type: builtin, inputSchema: {}}]",
        "mcpServers: [{name: s}]",
        "mcpServers: [{name: s, url: 'http://x', command: y}]",
        "mcpServers: [{name: s, url: 'http://x', auth: {type: oauth2, tokenUrl: 'http://y'}}]",
        "mcpServers: [{name: s, url: 'http://x', auth: {type: bearer}}]",
        "mcpServers: [{name: s, command: []}]",
        "limits: {maxTurns: 0}",
    ],
)
def test_the_json_schema_refuses_what_the_checks_refuse(parts: str) -> None:
    text = agent(parts)
    assert not load_text(text).ok
    assert not _matches(text)
    assert _matches(agent(ALL_FIELDS))


def _matches(text: str) -> bool:
    (sample,) = [each for each in yaml.safe_load_all(text) if each]
    return cast(Any, Draft202012Validator(json_schema("ArkAgent"))).is_valid(sample)


def test_what_a_kind_of_tool_needs_and_what_it_cannot_have() -> None:
    bundle = check_marked(
        agent("""
        tools:
          - §missing-field§{name: a, description: no address}
          - {name: b, type: python, §unused-field§url: "http://x", §unused-field§inputSchema: {type: object}}
          - {name: §unknown-builtin§submit_subtsk, type: builtin}
          - {name: submit_subtask, type: builtin, §unused-field§effect: read}
          - {name: §no-memory§search_memory, type: builtin}
          - {name: c, url: "http://x", effect: §not-allowed§reads}
          - {name: d, url: "http://x", timeoutSeconds: §out-of-range§0}
        """)
    )
    said = messages(bundle)
    assert 'There is no built-in tool "submit_subtsk". Did you mean "submit_subtask"?' in said
    assert 'Did you mean "read"?' in said


def test_where_a_server_is() -> None:
    check_marked(
        agent("""
        mcpServers:
          - §missing-field§{name: a}
          - {name: b, url: "http://b", §one-of§command: x}
          - {name: c, url: "http://c", §unused-field§args: [x], §unused-field§env: {A: b}}
          - {name: d, command: x, §unused-field§headers: {A: b}}
          - {name: f, command: §empty-command§[" "]}
          - {name: h, url: §invalid-url§"{{ .input.x }}"}
        """)
    )


def test_a_command_that_cannot_be_split_or_is_none() -> None:
    check_marked(agent("""mcpServers: [{name: e, command: §command-quotes§"x 'y"}]"""))
    check_marked(agent('mcpServers: [{name: g, command: §too-short§""}]'))


def test_how_a_worker_is_let_in() -> None:
    ref = "{name: s, key: k, optional: true}"
    check_marked(
        agent(f"""
        mcpServers:
          - {{name: a, url: "http://a", §missing-field§auth: {{type: bearer}}}}
          - {{name: b, url: "http://b", auth: {{tokenSecretRef: {ref}, §unused-field§clientId: x}}}}
          - name: c
            url: http://c
            auth: {{type: oauth2, tokenUrl: §invalid-url§"c/token", clientId: x, clientSecretRef: {ref}}}
          - name: d
            url: http://d
            auth: {{type: oauth2, tokenUrl: "http://d", clientId: x, clientSecretRef: {ref},
                   §unused-field§tokenSecretRef: {ref}}}
        """)
    )


def test_names_that_clash() -> None:
    memory = document("ArkMemory", "backend: redis\nredis: {secretRef: {name: r}}", "m")
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: r}\nstringData: {REDIS_URL: x}\n"
    long = "x" * 60
    bundle = check_marked(
        agent(
            f"""
            memoryRef: {{name: m}}
            mcpServers:
              - {{name: box, url: "http://b", tools: [open, §name-too-long§{long}]}}
              - {{name: §duplicate-name§box, url: "http://c", tools: [open]}}
              - {{name: crate, url: "http://d"}}
            tools:
              - {{name: same, url: "http://x"}}
              - {{name: §duplicate-name§same, type: python}}
              - {{name: §duplicate-name§search_memory, url: "http://x"}}
              - {{name: §hidden-tool§crate__open, url: "http://x"}}
              - {{name: box__close, url: "http://x"}}
            """,
            memory + secret,
        )
    )
    assert {each.severity for each in bundle.diagnostics if each.code == "hidden-tool"} == {"warning"}
    text = agent(
        """
        mcpServers: [{name: box, url: "http://b", tools: [open]}]
        tools: [{name: §duplicate-name§box__open, url: "http://x"}]
        """
    )
    assert not check_marked(text).ok


@pytest.mark.parametrize("name", ['"a b"', "a.b", "1st", "-a", "é", "x" * 65])
def test_names_that_models_refuse(name: str) -> None:
    check_marked(agent(f"tools: [{{name: §wrong-format§{name}, type: python}}]"))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "x:8080",
        "http://",
        "https:///path",
        "http://x y/",
        "http://x:port/",
        "javascript:alert(1)",
        "http://[::1/",
    ],
)
def test_addresses_that_lead_nowhere(url: str) -> None:
    check_marked(agent(f"tools: [{{name: t, url: §invalid-url§{url!r}}}]"))


@pytest.mark.parametrize(
    "url", ["http://x", "https://x:8443/a?b=c&d", "http://10.0.0.1/{{ .input.a }}", "http://[::1]:80/"]
)
def test_addresses_that_are_fine(url: str) -> None:
    check_marked(agent(f"tools: [{{name: t, method: GET, url: {url!r}}}]"))


@pytest.mark.parametrize(
    "url",
    ["http://{{ .input.h }}/", "{{ .input.u }}", "http://x.{{ .input.h }}", "http://x:{{ .input.p }}/y"],
)
def test_a_host_that_the_input_decides_is_warned_about(url: str) -> None:
    bundle = check_marked(agent(f"tools: [{{name: t, url: §template-in-host§{url!r}}}]"))
    assert bundle.ok


def test_what_looks_like_a_credential_belongs_into_a_secret() -> None:
    bundle = check_marked(
        agent("""
        tools:
          - name: t
            url: §literal-credential§"https://x/?api_key=planted-1"
            headers:
              Authorization: §literal-credential§Bearer planted-2
              X-Api-Key: §literal-credential§{value: planted-3}
              Accept: text/plain
              X-Monkey: banana
          - {name: u, url: §literal-credential§"https://me:planted-4@x/"}
          - {name: v, url: "https://x/?token={{ .input.t }}", headers: {Authorization: "Bearer "}}
        mcpServers:
          - {name: s, command: x, env: {GITHUB_TOKEN: §literal-credential§planted-5, MODE: fast}}
        """)
    )
    assert bundle.ok
    assert "planted" not in messages(bundle)


def test_headers_are_one_line() -> None:
    bundle = check_marked(
        agent("""
        tools:
          - name: t
            url: http://x
            headers:
              X-A: §invalid-header§"planted\\r\\nX-B: y"
              X-C: §invalid-header§|
                planted
              §invalid-header§"X D": e
        """)
    )
    assert "planted" not in messages(bundle)


def test_arguments_are_an_object() -> None:
    check_marked(
        agent("""
        tools:
          - {name: a, url: "http://x", inputSchema: {properties: {}}}
          - {name: b, url: "http://x", inputSchema: §schema-not-object§{type: array}}
          - {name: c, url: "http://x", inputSchema: §schema-not-object§"true"}
          - {name: d, url: "http://x", inputSchema: §schema-not-json§"{"}
        """).replace('§schema-not-json§"{"', '"{§schema-not-json§"')
    )


@pytest.mark.parametrize("pattern", [r"^\p{L}+$", r"\d{3}", r"\u00e9", "(?i)x"])
def test_patterns_of_schemas_that_re2_reads_are_fine(pattern: str) -> None:
    check_marked(agent(f"tools: [{{name: t, url: 'http://x', inputSchema: {{pattern: {pattern!r}}}}}]"))


@pytest.mark.parametrize("pattern", ["(?=a)b", "(?<!a)b", r"(a)\1", "x{1001}", "("])
def test_patterns_of_schemas_that_re2_refuses_are_errors(pattern: str) -> None:
    properties = f"{{properties: {{a: {{pattern: §invalid-pattern§'{pattern}'}}}}}}"
    bundle = check_marked(agent(f"tools: [{{name: t, url: 'http://x', inputSchema: {properties}}}]"))
    assert "RE2 has no look-around" in messages(bundle)
    keys = f"{{patternProperties: {{'{pattern}': {{}}}}}}"
    assert not load_text(agent(f"tools: [{{name: t, url: 'http://x', inputSchema: {keys}}}]")).ok


def test_effects_name_tools_that_are_offered() -> None:
    bundle = check_marked(
        agent("""
        mcpServers:
          - name: s
            command: x
            tools: [read, write]
            effects:
              {"*": read, §unknown-tool§wriet: unsafe, §unknown-tool§s__read: read, write: §not-allowed§x}
        """)
    )
    assert 'Did you mean "write"?' in messages(bundle)


def test_values_that_servers_need_may_be_missing_but_are_missed() -> None:
    check_marked(
        agent("""
        mcpServers:
          - {name: a, command: x, env: {A: {secretKeyRef: {name: §missing-reference§keys, key: k}}}}
          - name: b
            url: http://b
            auth:
              type: oauth2
              tokenUrl: http://b/token
              clientId: x
              clientSecretRef: {name: §missing-reference§more, key: k}
        """)
    )


def test_where_a_memory_is() -> None:
    store = "backend: vector-store\nvectorStore: {{provider: {}, endpoint: {}{}}}"
    check_marked(document("ArkMemory", store.format("qdrant", "local", "")))
    check_marked(document("ArkMemory", store.format("qdrant", "http://q:6333", "")))
    check_marked(document("ArkMemory", store.format("qdrant", "§invalid-url§q:6333", "")))
    check_marked(document("ArkMemory", store.format("weaviate", "§invalid-url§local", "")))
    embeddings = ", §missing-field§embeddings: {provider: openai-compatible}"
    check_marked(document("ArkMemory", store.format("qdrant", "local", embeddings)))
    check_marked(document("ArkMemory", store.format("qdrant", "local", ", embeddings: {provider: hash}")))
    wrong = ", embeddings: {provider: §not-allowed§opnai}"
    check_marked(document("ArkMemory", store.format("qdrant", "local", wrong)))


@pytest.mark.parametrize(
    ("kind", "meant"), [("Secrets", "Secret"), ("secret", "Secret"), ("Configmap", "ConfigMap")]
)
def test_a_kubernetes_kind_that_is_misspelt_is_a_warning(kind: str, meant: str) -> None:
    bundle = check_marked(f"apiVersion: v1\nkind: §unknown-kind§{kind}\nmetadata: {{name: a}}\n")
    assert f'Did you mean "{meant}"?' in messages(bundle)
    assert bundle.ok


@pytest.mark.parametrize("kind", ["Service", "ServiceAccount", "Namespace", "Pod"])
def test_other_kubernetes_kinds_are_only_skipped(kind: str) -> None:
    bundle = load_text(f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n")
    assert [each.code for each in bundle.diagnostics] == ["skipped"]
