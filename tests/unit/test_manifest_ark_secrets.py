"""What can be wrong with an ArkSecret, and that it stands for a Secret."""

import pytest

from ark_temporal.manifests import ArkSecret
from tests.unit.manifests.marked import check_marked, document, load_text, messages

VAULT = "{address: 'https://vault.example', path: a, auth: {token: {env: T}}}"


def secret(spec: str, name: str = "keys") -> str:
    return document("ArkSecret", spec, name)


def test_an_unknown_provider_gets_the_nearest_name() -> None:
    bundle = check_marked(secret("provider: §not-allowed§valut"))
    assert 'Did you mean "vault"?' in messages(bundle)


@pytest.mark.parametrize("provider", ["env", "file", "command", "oauth2", "vault"])
def test_the_block_of_the_provider_must_be_there(provider: str) -> None:
    bundle = load_text(secret(f"provider: {provider}"))
    assert [each.code for each in bundle.errors] == ["missing-block"]
    assert f"Add `{provider}` to the spec." in messages(bundle)


def test_another_block_has_no_effect() -> None:
    check_marked(secret("provider: env\nenv: {K: V}\n§unused-block§file: {directory: /run}"))


@pytest.mark.parametrize(
    "spec",
    [
        "provider: env\nenv: {K: §not-allowed§ARK_ENCRYPTION_KEYS}",
        "provider: env\nenv: {K: §wrong-format§''}",
        "provider: env\nrefreshSeconds: §out-of-range§-1\nenv: {K: V}",
        "provider: file\nfile: §one-of§{}",
        "provider: file\nfile: §one-of§{keys: {K: /k}, directory: /run}",
        "provider: file\nfile: {keys: {K: §relative-path§run/k}}",
        "provider: command\ncommand: {argv: §too-short§[]}",
        "provider: command\ncommand: {argv: [x], timeoutSeconds: §out-of-range§0}",
        "provider: oauth2\n§one-of§oauth2: {tokenUrl: 'https://t.example', clientSecretFrom: {env: S}}",
        "provider: oauth2\noauth2: {tokenURL: §no-tls§'http://t.example/', clientId: me,"
        " clientSecretFrom: {env: S}}",
        "provider: oauth2\noauth2: {tokenUrl: §literal-credential§'https://t.example/?api_key=x',"
        " clientId: me, clientSecretFrom: {env: S}}",
        "provider: oauth2\noauth2: {tokenUrl: 'https://t.example', clientId: me,"
        " clientSecretFrom: §one-of§{env: S, file: /s}}",
        "provider: oauth2\noauth2: {tokenUrl: 'https://t.example', clientId: me, clientSecretFrom: {env: S},"
        " params: {client_secret: §literal-credential§hunter2}}",
        "provider: vault\nvault: {address: §no-tls§'http://vault.example:8200', path: a,"
        " auth: {token: {env: T}}}",
        "provider: vault\nvault: {address: §invalid-url§vault.example, path: a, auth: {token: {env: T}}}",
        "provider: vault\nvault: {address: 'https://v.example', path: §wrong-format§../sys/seal,"
        " auth: {token: {env: T}}}",
        "provider: vault\nvault: {address: 'https://v.example', path: §wrong-format§data/a,"
        " auth: {token: {env: T}}}",
        "provider: vault\nvault: {address: 'https://v.example', path: a, kv: 1, §unused-field§version: 2,"
        " auth: {token: {env: T}}}",
        "provider: vault\nvault: {address: 'https://v.example', path: a, auth: §one-of§{}}",
        "provider: vault\nvault: {address: 'https://v.example', path: a, caFile: §relative-path§ca.pem,"
        " auth: {token: {env: T}}}",
    ],
)
def test_what_is_wrong_is_found_where_it_stands(spec: str) -> None:
    check_marked(secret(spec))


def test_a_loopback_address_may_be_without_tls() -> None:
    check_marked(
        secret("provider: vault\nvault: {address: 'http://127.0.0.1:8200', path: a, auth: {token: {env: T}}}")
    )


def test_a_secret_and_an_ark_secret_of_one_name_are_one_too_many() -> None:
    other = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {K: hunter2}\n"
    bundle = load_text(secret("provider: env\nenv: {K: V}") + other)
    assert [each.code for each in bundle.errors] == ["duplicate-name"]
    assert "hunter2" not in messages(bundle)


def test_secrets_that_need_each_other_are_found() -> None:
    oauth2 = "provider: oauth2\noauth2: {tokenUrl: 'https://t.example', clientId: me, clientSecretFrom: "
    ring = secret(oauth2 + "{secretKeyRef: {name: b, key: token}}}", "a") + secret(
        "provider: vault\nvault: {address: 'https://v.example', path: p, auth: {appRole: "
        "{roleId: {env: R}, secretId: {secretKeyRef: {name: a, key: token}}}}}",
        "b",
    )
    bundle = load_text(ring)
    assert [each.code for each in bundle.errors] == ["secret-ring"]
    assert "a -> b -> a" in messages(bundle)


AGENT = document(
    "ArkAgent",
    "model: mock\nsystemPromptRef: {secretKeyRef: {name: §§keys, key: prompt}}\n"
    "envFrom: [{secretRef: {name: keys}}]",
)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("provider: env\nenv: {prompt: V}", ""),
        ("provider: env\nenv: {other: V}", "missing-key"),
        ("provider: file\nfile: {directory: /run/keys}", ""),
        (f"provider: vault\nvault: {VAULT}", ""),
        ("provider: command\ncommand: {argv: [x], key: other}", "missing-key"),
        ("provider: command\ncommand: {argv: [x]}", ""),
    ],
)
def test_it_stands_for_the_secret_of_its_name(spec: str, code: str) -> None:
    mark = f"§{code}§" if code else ""
    check_marked(AGENT.replace("§§", mark) + secret(spec))


def test_what_it_proves_itself_with_is_looked_for_too() -> None:
    check_marked(
        secret(
            "provider: oauth2\noauth2: {tokenUrl: 'https://t.example', clientId: me, clientSecretFrom: "
            "{secretKeyRef: {name: §missing-reference§client, key: secret}}}"
        )
    )


def test_it_holds_no_value() -> None:
    bundle = load_text(secret("provider: env\nenv: {K: VARIABLE}"))
    [found] = bundle.all(ArkSecret)
    assert found.spec.known_keys == {"K"}
    assert bundle.secrets == {}
