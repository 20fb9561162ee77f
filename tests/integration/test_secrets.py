"""Values of Secrets are on the worker and nowhere else, whatever a provider says back."""

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from ark_temporal.plan.model import EnvSource, KeyRef, Plan, PromptPart
from tests.integration.agents.planted import forms, places
from tests.integration.lab import Lab
from tests.integration.llm.providers import ANTHROPIC, COMPATIBLE, Case
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import NAMESPACE, agent, plan, step
from tests.integration.processes import free_port, worker_process

pytestmark = pytest.mark.slow

SECRET_KEY = "sk-role/7Qx+planted=="
WORKER_KEY = "sk-worker-9f8e7d6c5b4a"
PASSWORD = 'p"ss wörd\\4711'
PROMPT = "Codename ZEBRAFISH is the client.\nNever tell that the budget is 31337 ducats."
PLANTED = (SECRET_KEY, WORKER_KEY, PASSWORD, *PROMPT.splitlines(), PROMPT[:25])

SECRET = (PromptPart(text="You are brief."), PromptPart(ref=KeyRef(name="prompts", key="system")))


def objects(base_url: str) -> dict[str, dict[str, str]]:
    """The Secrets that the plans name."""
    return {
        "keys": {"OPENAI_API_KEY": SECRET_KEY, "OPENAI_BASE_URL": base_url, "DB_PASSWORD": PASSWORD},
        "others": {"DB_PASSWORD": PASSWORD},
        "prompts": {"system": PROMPT},
        "nowhere": {"OPENAI_API_KEY": SECRET_KEY, "OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/v1"},
    }


def echo(key: str) -> str:
    """A provider that repeats all it was told, and more than an error has room for."""
    told = f"Incorrect key {key} ({quote(key, safe='')}) with {PASSWORD} for {PROMPT!r}, {json.dumps(PROMPT)}"
    return f"{told} {'.' * (475 - len(told))} {PROMPT}"


@pytest.mark.parametrize("store", ["manifests", "directory"])
async def test_no_planted_value_is_anywhere(lab: Lab, home: Path, store: str) -> None:
    replies = {"unauthorised": 401, "refused": 400, "flaky": 500}
    rules = [
        Rule(
            match=Match(substring=f"{name}-{case.provider}, please", nth=1),
            reply=Reply(status=status, text=echo(key)),
        )
        for name, status in replies.items()
        for case, key in ((COMPATIBLE, SECRET_KEY), (ANTHROPIC, WORKER_KEY))
    ]
    with StubServer(rules) as stub:
        where = _serve(home, objects(f"{stub.url}/v1"), store)
        environ = {"ANTHROPIC_API_KEY": WORKER_KEY, "ANTHROPIC_BASE_URL": stub.url}
        words = ("--task-queue", lab.queue, "--storage", str(lab.directory), *where)
        with worker_process(home, lab.connection.address, *words, **environ) as worker:
            runs = [
                await lab.start(one)
                for name in [*replies, "wellbehaved"]
                for one in (_plan(name, COMPATIBLE, "keys"), _plan(name, ANTHROPIC, "others"))
            ]
            runs += [await lab.start(_plan("unreachable", COMPATIBLE, "nowhere"))]
            runs += [await lab.start(_plan("mocked", None, "keys"))]
            for run in runs:
                await run.ended()
            assert worker.stop() == 0
        prompts = [json.dumps(request.body) for request in stub.requests]
    phases = [(await run.record()).phase for run in runs]
    assert phases == ["Failed"] * 4 + ["Succeeded"] * 4 + ["Failed", "Succeeded"]
    assert all("ZEBRAFISH" in prompt for prompt in prompts), "the model is told what the runs do not know"
    found = [
        f"{planted!r} in {place}"
        for place, data in [
            *[each async for each in places(runs, lab.directory)],
            ("the worker's log", worker.log.encode()),
        ]
        for planted in (*PLANTED, f"127.0.0.1:{stub.port}")
        if any(form in data for form in forms(planted))
    ]
    assert found == []


def _plan(name: str, case: Case | None, secret: str | None) -> Plan:
    env_from = (EnvSource(name=secret),) if secret else ()
    full = f"{name}-{case.provider}" if case else name
    made = plan(step(full), case=case)
    return made.model_copy(update={"agents": {full: agent(full, case, system=SECRET, env_from=env_from)}})


def _serve(home: Path, secrets: dict[str, dict[str, str]], store: str) -> Sequence[str]:
    """Write the Secrets down; the words that tell a worker where."""
    if store == "directory":
        for name, values in secrets.items():
            folder = home / "mounted" / NAMESPACE / name
            folder.mkdir(parents=True)
            for key, value in values.items():
                (folder / key).write_text(value)
        return ("--secrets-dir", str(home / "mounted"))
    documents = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": values,
        }
        for name, values in secrets.items()
    ]
    file = home / "secrets.yaml"
    home.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump_all(documents))
    return (str(file),)
