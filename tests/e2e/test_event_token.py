"""The token that a webhook asks for, as its owner finds it."""

import re
import stat
from pathlib import Path

from tests.e2e.command import Command


def test_a_token_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    command = Command(tmp_path)
    first = command.run("events", "token", "on-push")
    assert first.code == 0
    assert re.fullmatch("[0-9a-f]{64}\n", first.out)
    assert command.run("events", "token", "default/on-push").out == first.out
    assert command.run("events", "token", "other/on-push").out != first.out
    file = tmp_path / "gateway/default/on-push-webhook-token/token"
    assert file.read_text() == first.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_secret_goes_before_it(tmp_path: Path) -> None:
    secret = tmp_path / "secrets/default/on-push-webhook-token"
    secret.mkdir(parents=True)
    (secret / "token").write_text("chosen-by-its-owner\n")
    told = Command(tmp_path).run("events", "token", "on-push", "--secrets-dir", str(tmp_path / "secrets"))
    assert told.out == "chosen-by-its-owner\n"


def test_what_is_no_name_is_refused(tmp_path: Path) -> None:
    refused = Command(tmp_path).run("events", "token", "../../etc/x")
    assert (refused.code, refused.err) == (2, 'error: "../../etc/x" is no name of an event.\n')
