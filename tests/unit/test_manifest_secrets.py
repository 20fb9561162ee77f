"""Values of Secrets appear nowhere but where they are asked for."""

import base64
import io
import random

import pytest

from ark_temporal.manifests import Secret, load
from tests.unit.manifests.marked import check_marked, messages
from tests.unit.manifests.samples import FULL

PLANTED = "planted-value"


def test_values_are_decoded_and_masked() -> None:
    bundle = load(["-"], stdin=io.StringIO(FULL))
    values = bundle.secrets["press", "model-keys"]
    assert values["REDIS_URL"].get_secret_value() == "redis://planted-value-four"
    assert values["ANTHROPIC_API_KEY"].get_secret_value() == "planted-value-one"
    secret = bundle.find(Secret, "model-keys", "press")
    encoded = base64.b64encode(b"redis://planted-value-four").decode()
    for shown in (repr(bundle), repr(bundle.resources), repr(secret), str(secret), repr(bundle.secrets)):
        assert PLANTED not in shown
        assert encoded not in shown


@pytest.mark.parametrize(
    "body",
    [
        "stringData: §wrong-type§planted-value",
        "stringData: {a: §wrong-type§[planted-value]}",
        "stringData: {a: §wrong-type§12345678}",
        "stringData: {a: §yaml-alias§§wrong-type§*planted}",
        "§unknown-field§strngData: {a: planted-value}",
        "type: §wrong-type§[planted-value]",
        "immutable: §wrong-type§planted-value",
        "stringData: {a: planted-value, §yaml-duplicate-key§a: planted-value}",
    ],
)
def test_wrong_secrets_are_described_without_their_values(body: str) -> None:
    bundle = check_marked(f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{body}")
    shown = messages(bundle) + repr(bundle)
    assert "planted-value" not in shown
    assert "12345678" not in shown


def test_values_that_are_not_base64() -> None:
    bundle = check_marked(
        "§secret-not-base64§apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: planted-value-!}"
    )
    assert PLANTED not in messages(bundle)
    assert "data.a" in messages(bundle)


def test_the_copy_that_kubectl_keeps_is_dropped() -> None:
    text = (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations:\n    note: kept\n"
        '    kubectl.kubernetes.io/last-applied-configuration: \'{"stringData": {"a": "planted-value"}}\'\n'
    )
    secret = load(["-"], stdin=io.StringIO(text)).all(Secret)[0]
    assert secret.metadata.annotations == {"note": "kept"}


def test_damaged_secrets_keep_their_values_to_themselves() -> None:
    start = FULL.index("apiVersion: v1\nkind: Secret")
    block = FULL[start : FULL.index("---", start)]
    for seed in range(200):
        chance = random.Random(seed)
        lines = block.splitlines()
        for _ in range(chance.randint(1, 3)):
            spot = chance.randrange(len(lines))
            lines[spot] = chance.choice(
                [
                    lines[spot][1:],
                    " " + lines[spot],
                    lines[spot].replace(":", ""),
                    "- " + lines[spot],
                    "\t" + lines[spot],
                ]
            )
        bundle = load(["-"], stdin=io.StringIO("\n".join(lines) + "\n"))
        assert PLANTED not in messages(bundle) + repr(bundle), "\n".join(lines)
