"""What `-i`, `--input` and `-o` take."""

import io
from pathlib import Path

import pytest

from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.inputs import read_input
from cli.output import Output, parse_output


def test_inputs_are_merged_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "input.json"
    file.write_text('{"b": 2, "c": null}')
    monkeypatch.setattr("sys.stdin", io.StringIO('{"d": [1]}'))
    given = ["a=1=2", '{"a": {"x": 1}, "b": 1}', f"@{file}", "-", "e="]
    assert read_input(given) == {"a": {"x": 1}, "b": 2, "c": None, "d": [1], "e": ""}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("topic", "-i topic=VALUE"),
        ("=x", "-i key=VALUE"),
        ("{", "not JSON"),
        ("@/nowhere.json", "/nowhere.json cannot be read"),
        ("{" * 5, "not JSON"),
        ('{"a": ' * 100_000, "too deeply"),
    ],
)
def test_what_is_no_input_is_said_in_a_sentence(given: str, told: str) -> None:
    with pytest.raises(CommandError, match=told) as caught:
        read_input([given])
    assert caught.value.code is ExitCode.USAGE


def test_a_file_must_hold_an_object(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text("[1]")
    with pytest.raises(CommandError, match="must be a JSON object"):
        read_input([f"@{file}"])
    file.write_bytes(b"\xff")
    with pytest.raises(CommandError, match="not UTF-8"):
        read_input([f"@{file}"])


def test_an_output_is_a_format_or_a_path(tmp_path: Path) -> None:
    target = tmp_path / "result"
    assert parse_output("json") == Output("json")
    assert parse_output(str(target)) == Output(path=target)
    for wrong, told in (
        ("jsn", "no output format"),
        (str(tmp_path), "cannot be"),
        ("/no/such/x", "cannot be"),
    ):
        with pytest.raises(CommandError, match=told):
            parse_output(wrong)
