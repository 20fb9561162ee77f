"""ArkSecrets whose values are on this machine: variables, files, and what real programs print."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.secrets.reading import Reader

PLANTED = "sk-planted-5f2e9c"


def command(script: str, **fields: Any) -> dict[str, Any]:
    """An ArkSecret that is a Python program."""
    settings = {"argv": [sys.executable, "-c", script], **fields}
    return {"provider": "command", "refreshSeconds": 0, "command": settings}


def printing(script: str, **fields: Any) -> Reader:
    return Reader({"keys": command(script, **fields)}, {**os.environ, "HIDDEN": PLANTED, "SHOWN": "seen"})


async def test_variables_go_by_their_keys() -> None:
    reader = Reader({"keys": {"provider": "env", "env": {"K": "MINE", "L": "NOT_SET"}}}, {"MINE": PLANTED})
    assert await reader.values() == {"K": PLANTED}
    assert await Reader({"keys": {"provider": "env", "env": {"K": "NOT_SET"}}}).values() is None


async def test_files_are_read_again_when_they_are_due(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("first\n")
    files = {"K": str(tmp_path / "k"), "L": str(tmp_path / "not there")}
    reader = Reader({"keys": {"provider": "file", "refreshSeconds": 0, "file": {"keys": files}}})
    assert await reader.values() == {"K": "first"}
    (tmp_path / "k").write_text("second\n")
    assert await reader.values() == {"K": "second"}


async def test_a_directory_is_one_secret_with_a_key_in_each_file(tmp_path: Path) -> None:
    mounted = tmp_path / "..2026_03_01"
    mounted.mkdir()
    (mounted / "K").write_text(PLANTED)
    (tmp_path / "..data").symlink_to(mounted.name)
    (tmp_path / "K").symlink_to("..data/K")
    spec = {"provider": "file", "refreshSeconds": 0, "file": {"directory": str(tmp_path)}}
    assert await Reader({"keys": spec}).values() == {"K": PLANTED}
    gone = {"provider": "file", "file": {"directory": str(tmp_path / "gone")}}
    assert await Reader({"keys": gone}).values() is None


async def test_a_file_that_is_no_text_or_too_long_is_named(tmp_path: Path) -> None:
    for content in (b"\xff\xfe", b"x" * 1_048_577):
        (tmp_path / "k").write_bytes(content)
        reader = Reader({"keys": {"provider": "file", "file": {"keys": {"K": str(tmp_path / "k")}}}})
        assert "The file k of" in str(await reader.failure())


async def test_a_program_prints_an_object_or_one_value() -> None:
    values = {"K": PLANTED, "L": "två\nlines"}
    assert await printing(f"print({json.dumps(json.dumps(values))})").values() == values
    assert await printing(f"print('{PLANTED}')", key="token").values() == {"token": PLANTED}


async def test_a_program_sees_only_what_it_is_shown() -> None:
    script = "import os, json; print(json.dumps(dict(os.environ)))"
    seen = await printing(script, passEnv=["SHOWN", "NOT_SET"]).values()
    assert seen is not None
    assert seen.keys() - {"LC_CTYPE"} <= {"PATH", "HOME", "LANG", "SHOWN"}
    assert seen["SHOWN"] == "seen"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (f"import sys; print('{PLANTED}'); print('{PLANTED}', file=sys.stderr); sys.exit(3)", "status 3"),
        (f"print('{PLANTED}')", "one JSON object of strings"),
        (f'print(\'{{"K": 1, "L": "{PLANTED}"}}\')', "one JSON object of strings"),
        (f"print('[\"{PLANTED}\"]')", "one JSON object of strings"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "not UTF-8"),
        (f"print('{PLANTED}' * 200_000)", "more than 1048576 bytes"),
        (f"import os, signal; print('{PLANTED}'); os.kill(os.getpid(), signal.SIGTERM)", "status -15"),
    ],
)
async def test_a_program_that_does_not_do_as_agreed_is_named_without_its_words(script: str, why: str) -> None:
    error = await printing(script).failure()
    assert why in str(error)
    assert error.type == "SecretUnavailable"


async def test_a_program_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    child = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    began = time.monotonic()
    error = await printing(script, timeoutSeconds=2).failure()
    assert "did not end within 2 seconds" in str(error)
    assert time.monotonic() - began < 5
    async with asyncio.timeout(30):
        while is_running(int(pid.read_text())):
            await asyncio.sleep(0.02)


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


async def test_a_program_is_no_shell_and_must_be_there() -> None:
    spec = {"provider": "command", "command": {"argv": ["echo", "$HOME; id"], "key": "K"}}
    assert await Reader({"keys": spec}, dict(os.environ)).values() == {"K": "$HOME; id"}
    gone = {"provider": "command", "command": {"argv": ["/not/there"]}}
    assert "cannot be started (No such file" in str(await Reader({"keys": gone}).failure())


async def test_no_program_is_started_where_none_may_be(tmp_path: Path) -> None:
    mark = tmp_path / "started"
    reader = Reader({"keys": command(f"open({str(mark)!r}, 'w')")}, allow_commands=False)
    error = await reader.failure()
    assert (error.type, error.retryable) == ("SecretMisconfigured", False)
    assert "--allow-commands" in str(error)
    assert not mark.exists()
