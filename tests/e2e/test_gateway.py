"""`ark-temporal gateway` as a process, the gateway inside `dev`, and curl as anybody would use it."""

import json
import re
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ark_temporal.runs.approval_links import sign_link
from tests.e2e.command import Command, Running

pytestmark = pytest.mark.slow

TEAM = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: notes}
spec:
  roles: [{name: writer, model: claude-haiku-4-5, systemPrompt: You write notes.}]
  pipeline:
    - role: writer
      inputs: {topic: "{{ .input.topic }}"}
      approval: {if: '{{ eq .input.topic "war" }}', message: Really?}
"""


class Curl:
    """curl, with a token."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    def __call__(self, path: str, *words: str) -> Any:
        told = self.raw(f"/api/v1{path}", "-H", f"Authorization: Bearer {self.token}", *words)
        return json.loads(told) if told else None

    def raw(self, path: str, *words: str) -> str:
        command = ["curl", "-sS", "--max-time", "40", *words, self.url + path]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def post(self, path: str, body: object) -> Any:
        return self(path, "-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body))


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Command, Running]]:
    """A `dev` with its gateway, whose runs the mock answers."""
    command = Command(tmp_path_factory.mktemp("dev"))
    running = command.start("dev", "--provider", "mock")
    try:
        running.wait_for("Ctrl-C stops it", out=True)
        file = command.home / "notes.yaml"
        file.write_text(TEAM)
        assert command.run("apply", "-f", str(file), "--by", "ann", "--wait").code == 0
        yield command, running
    finally:
        running.interrupt(signal.SIGTERM)
        ended = running.end()
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err


def test_dev_serves_the_api_with_a_token_that_only_its_user_reads(dev: tuple[Command, Running]) -> None:
    command, running = dev
    url, file = re.findall(r"^  (?:gateway|token)\s+(\S+)$", running.err, re.MULTILINE)
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
    assert stat.S_IMODE((command.home / "gateway" / "link.key").stat().st_mode) == 0o600
    curl = Curl(url, Path(file).read_text().strip())
    assert curl.token not in running.err

    started = curl.post("/runs", {"team": "notes", "input": {"topic": "tea"}})
    result = curl(f"/runs/{started['id']}/result?wait=30")
    assert (result["phase"], "tea" in result["output"]) == ("Succeeded", True)
    stream = curl.raw(
        f"/api/v1/runs/{started['id']}/events", "-N", "-H", f"Authorization: Bearer {curl.token}"
    )
    assert re.findall(r"^event: (\w+)$", stream, re.MULTILINE) == ["started", "step", "step", "ended"]
    shown = json.loads(command.run("runs", "show", started["id"], "-o", "json").out)
    assert (shown["submittedBy"], shown["output"]) == ("admin", result["output"])
    assert curl.raw("/api/v1/runs").startswith('{"type":"urn:ark-temporal:problem:unauthenticated"')
    assert json.loads(curl.raw("/readyz")) == {"status": "ok"}


def test_a_link_that_dev_signs_is_opened_and_decides(dev: tuple[Command, Running]) -> None:
    command, running = dev
    url, file = re.findall(r"^  (?:gateway|token)\s+(\S+)$", running.err, re.MULTILINE)
    curl = Curl(url, Path(file).read_text().strip())
    run = curl.post("/runs", {"team": "notes", "input": {"topic": "war"}})["id"]
    deadline = time.monotonic() + 20
    while not (awaiting := curl(f"/runs/{run}").get("awaiting")) and time.monotonic() < deadline:
        time.sleep(0.1)
    [asked] = awaiting
    key = (command.home / "gateway" / "link.key").read_bytes().strip()
    until = datetime.now(UTC) + timedelta(hours=1)
    link = sign_link(key, url, run, asked["id"], asked["digest"], "ann", until).removeprefix(url)
    assert "Really?" in curl.raw(link)
    assert "is approved" in curl.raw(link, "-d", "decision=approve")
    assert curl(f"/runs/{run}/result?wait=30")["phase"] == "Succeeded"
    assert "was already approved by ann" in curl.raw(link, "-d", "decision=reject")


def test_a_gateway_of_its_own_serves_those_whom_its_file_names(
    dev: tuple[Command, Running], tmp_path: Path
) -> None:
    command, _ = dev
    made = command.run("gateway", "token", "ci", "--role", "default=submitter")
    token = made.out.strip()
    assert (made.code, token.startswith("ark_"), token in made.err) == (0, True, False)
    access = tmp_path / "access.yaml"
    access.write_text(made.err.partition("\n")[2])
    running = command.start(
        "gateway", "--host", "127.0.0.1", "--port", "0", "--access", str(access), "--provider", "mock"
    )
    try:
        running.wait_for("ready: gateway at ")
        [url] = re.findall(r"ready: gateway at (\S+)", running.err)
        curl = Curl(url, token)
        started = curl.post("/runs", {"team": "notes", "input": {"topic": "cake"}})
        assert curl(f"/runs/{started['id']}/result?wait=30")["phase"] == "Succeeded"
        refused = curl("/resources/ArkTeam/default/notes", "-X", "DELETE")
        assert (refused["status"], "admin" in refused["detail"]) == (403, True)
        assert curl.raw("/approve/x").count("takes no decisions by link") == 1
        waits = curl.post("/runs", {"team": "notes", "input": {"topic": "war"}})["id"]
        with ThreadPoolExecutor() as threads:
            waiting = threads.submit(curl, f"/runs/{waits}/result?wait=2")
            time.sleep(1)
            running.interrupt(signal.SIGTERM)
            assert waiting.result()["phase"] == "Running"  # it was under way, and is answered
    finally:
        running.interrupt(signal.SIGTERM)
        ended = running.end()
    assert (ended.code, "stopped" in ended.err) == (0, True)
    assert "Traceback" not in ended.err
    assert token not in ended.err
    assert "POST /api/v1/runs 201" in ended.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--host", "0.0.0.0"), "name a file that says who may do what, --access"),
        (("--access", "/nowhere"), "/nowhere cannot be read"),
        (("--public-url", "ark.example.com"), "is no address such as https://"),
        (("token", "ann", "--role", "king"), '"king" is no role'),
    ],
)
def test_what_cannot_be_served_is_said(
    dev: tuple[Command, Running], words: tuple[str, ...], why: str
) -> None:
    ended = dev[0].run("gateway", *words, env={"ARK_LINK_KEY": "x" * 32})
    assert (ended.code, why in ended.err) == (2, True), ended.err
    assert "Traceback" not in ended.err


def test_links_need_a_key_that_is_long_enough(dev: tuple[Command, Running]) -> None:
    ended = dev[0].run("gateway", env={"ARK_LINK_KEY": "short"})
    assert (ended.code, "openssl rand -hex 32" in ended.err) == (2, True)
