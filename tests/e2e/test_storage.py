"""`ark-temporal storage` and `ark-temporal codec-server`, as a shell calls them."""

import json
import os
import re
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.command import NEWS, Command

SUBMIT = ("submit", NEWS, "--provider", "mock", "-i", "topic=tea", "--watch")
DAY = 86400


def put(home: Path, days: float, name: str) -> Path:
    """A stored payload and a journal entry that nobody has used for so many days."""
    digest = name * 64
    for folder in (home / "payloads" / digest[:2], home / "payloads" / "journal" / digest[:2]):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / digest).write_bytes(b"x" * 1000)
        then = time.time() - days * DAY
        os.utime(folder / digest, (then, then))
    return home / "payloads" / digest[:2] / digest


def test_keygen_makes_another_key_each_time(command: Command) -> None:
    made = [command.run("storage", "keygen").out for _ in range(2)]
    assert made[0] != made[1]
    assert all(re.fullmatch(r"k[0-9a-f]{8}:[A-Za-z0-9+/]{43}=\n", key) for key in made)
    assert command.run("storage", "keygen", "--id", "2026-11").out.startswith("2026-11:")
    ended = command.run("storage", "keygen", "--id", "a:b")
    assert (ended.code, ended.out) == (2, "")


def test_stats_need_no_temporal(command: Command) -> None:
    assert "payloads  none" in command.run("storage", "stats").out
    put(command.home, 3, "a")
    put(command.home, 1, "b")
    assert "payloads  2 files, 2.0 kB, the longest unused since " in command.run("storage", "stats").out
    told = json.loads(command.run("storage", "stats", "-o", "json").out)
    assert told["payloads"]["files"] == told["journal"]["files"] == 2
    assert told["payloads"]["oldest"].endswith("Z")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("storage", "stats", "--storage", "redis://:s3cret@127.0.0.1"), 2, "is no directory: its ttl"),
        (("storage", "stats", "--storage", "gs://x"), 2, "gs:// is not supported"),
        (("storage", "clean", "--older-than", "soon"), 2, "30d, 12h or 2w"),
        (("storage", "clean", "--address", "127.0.0.1:1"), 4, "cannot be reached"),
        (("codec-server", "--host", "0.0.0.0"), 2, "--token-file"),
        (("codec-server", "--token-file", "/nowhere"), 2, "cannot be read"),
        (("codec-server", "--token-file", "/dev/null"), 2, "no token in it"),
        (("codec-server", "--storage", "gs://x"), 2, "gs:// is not supported"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    command: Command, words: tuple[str, ...], code: int, told: str
) -> None:
    ended = command.run(*words)
    assert (ended.code, ended.out) == (code, ""), ended
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert "s3cret" not in ended.err


@pytest.mark.slow
def test_clean_removes_what_no_run_can_need(dev: Command) -> None:
    assert dev.run(*SUBMIT).code == 0
    old, recent = put(dev.home, 40, "a"), put(dev.home, 0.02, "b")
    dry = dev.run("storage", "clean", "--dry-run")
    assert "would be removed" in dry.out
    assert "payloads  1 file, 1.0 kB" in dry.out
    assert old.exists()
    cleaned = dev.run("storage", "clean", "--older-than", "30d")
    assert (cleaned.code, cleaned.err) == (0, "")
    assert (old.exists(), recent.exists()) == (False, True)
    spared = dev.run("storage", "clean", "--older-than", "0m")
    assert "Temporal still has runs that may need" in spared.err
    assert "payloads  none" in spared.out
    assert recent.exists(), "a run that Temporal still has was started before it was last used"


@pytest.mark.slow
def test_the_web_ui_of_dev_decodes_what_is_stored(dev: Command) -> None:
    ui = json.loads((dev.home / "dev.json").read_text())["ui"]
    with urllib.request.urlopen(f"{ui}/api/v1/settings", timeout=10) as answer:
        endpoint = json.loads(answer.read())["Codec"]["Endpoint"]
    for origin, status in (
        (ui, 200),
        (ui.replace("127.0.0.1", "localhost"), 200),
        ("http://evil.example", 403),
    ):
        request = urllib.request.Request(f"{endpoint}/decode", b'{"payloads": []}', {"Origin": origin})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found = answer.status
        except urllib.error.HTTPError as error:
            found = error.code
            error.close()
        assert found == status


@pytest.mark.slow
def test_dev_removes_at_its_start_what_is_long_unused(command: Command) -> None:
    old, recent = put(command.home, 40, "a"), put(command.home, 20, "b")
    running = command.start("dev")
    running.wait_for("Ctrl-C stops it", out=True)
    deadline = time.monotonic() + 20
    while old.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running.interrupt()
    ended = running.end()
    assert (ended.code, old.exists(), recent.exists()) == (0, False, True), ended.err
    assert "removed 2 files" in ended.err


@pytest.mark.slow
def test_a_codec_server_runs_until_it_is_stopped(command: Command) -> None:
    token = command.home / "token"
    token.write_text("t0ken\n")
    running = command.start("codec-server", "--port", "0", "--token-file", str(token))
    running.wait_for("ready: codec server at ")
    [url] = re.findall(r"http://\S+", running.err)
    request = urllib.request.Request(f"{url}/decode", b"{}", {"Authorization": "Bearer t0ken"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.loads(answer.read()) == {}
    running.interrupt()
    ended = running.end()
    assert ended.code == 0
    assert "Traceback" not in ended.err
    assert "t0ken" not in ended.err
