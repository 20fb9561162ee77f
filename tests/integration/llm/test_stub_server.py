"""The stub as a process of its own, as durability tests start it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx2


def test_serves_a_script_and_logs_each_request(tmp_path: Path) -> None:
    script, log = tmp_path / "script.json", tmp_path / "requests.jsonl"
    rules = [
        {
            "match": {"substring": "weather", "nth": 1},
            "reply": {"status": 429, "headers": {"retry-after": "2"}},
        },
        {"match": {"substring": "weather", "nth": 3}, "reply": {"text": "Rainy."}},
        {"match": {"substring": "weather"}, "reply": {"text": "Sunny."}},
    ]
    script.write_text(json.dumps(rules), encoding="utf-8")
    command = [sys.executable, "-m", "tests.integration.llm.stub_server", "--port", "0"]
    command += ["--script", str(script), "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        started = json.loads(process.stdout.readline())
        url = f"http://127.0.0.1:{started['port']}/v1/chat/completions"
        answers = [_ask(url, text) for text in ("the weather?", "the weather?", "weather!", "x" * 100)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert started["pid"] == process.pid
    assert [answer.status_code for answer in answers] == [429, 200, 200, 200]
    assert answers[0].headers["retry-after"] == "2"
    texts = [answer.json()["choices"][0]["message"]["content"] for answer in answers[1:]]
    assert texts == ["Sunny.", "Rainy.", "echo: " + "x" * 60]
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [(entry["n"], entry["status"]) for entry in entries] == [(1, 429), (2, 200), (3, 200), (4, 200)]
    assert entries[3]["body"]["messages"][0]["content"] == "x" * 100


def _ask(url: str, text: str) -> httpx2.Response:
    return httpx2.post(url, json={"model": "m", "messages": [{"role": "user", "content": text}]}, timeout=10)
