"""Where a worker finds Python tools: modules, files, and packages that offer them."""

import importlib
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from ark_temporal.tools.python import PythonTools, ToolContext, ToolsError

TWO = """
    from __future__ import annotations
    from dataclasses import dataclass
    from ark_temporal.tools.python import tool

    @dataclass
    class Item:
        name: str

    @tool
    def {one}(items: list[Item]) -> str:
        "Counts."
        return str(len(items))

    @tool(effect="read")
    async def {two}() -> str:
        "Looks."
        return "seen"

    some = [{two}]
    nothing = []
    number = 3
    def unmarked() -> None: ...
"""


def put(file: Path, source: str) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(source))
    return str(file)


def on_import_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    importlib.invalidate_caches()


def names(*modules: str) -> list[str]:
    return [info.name for info in PythonTools.load(modules, entry_points=False).infos()]


def refusal(*modules: str) -> str:
    with pytest.raises(ToolsError) as caught:
        PythonTools.load(modules, entry_points=False)
    return str(caught.value)


def test_a_module_a_file_and_parts_of_them_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_import_path(tmp_path, monkeypatch)
    put(tmp_path / "ark_test_pack" / "__init__.py", "")
    put(tmp_path / "ark_test_pack" / "tools.py", TWO.format(one="count", two="look"))
    file = put(tmp_path / "with-dash.py", TWO.format(one="count_2", two="look_2"))
    assert names("ark_test_pack.tools") == ["count", "look"]
    assert names("ark_test_pack.tools:count") == ["count"]
    assert names("ark_test_pack.tools:some", file) == ["look", "count_2", "look_2"]
    assert names(f"{file}:look_2") == ["look_2"]
    assert names("ark_test_pack.tools", "ark_test_pack.tools:look") == ["count", "look"]
    monkeypatch.chdir(tmp_path)
    assert names("with-dash.py") == ["count_2", "look_2"]
    assert names() == []


async def test_tools_of_a_file_can_be_called(tmp_path: Path) -> None:
    file = put(tmp_path / "json.py", TWO.format(one="count", two="look"))
    tools = PythonTools.load([file], entry_points=False)
    result = await tools.call("count", {"items": [{"name": "a"}, {"name": "b"}]}, ToolContext())
    assert (result.content, result.is_error) == ("2", False)
    assert (await tools.call("look", {}, ToolContext())).content == "seen"


def test_tools_that_a_module_imports_are_its_own_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_import_path(tmp_path, monkeypatch)
    put(tmp_path / "ark_test_base.py", TWO.format(one="count", two="look"))
    put(
        tmp_path / "ark_test_all.py",
        "from ark_test_base import *\nfrom ark_test_base import count as again\n",
    )
    assert names("ark_test_all", "ark_test_base") == ["count", "look"]


def test_what_cannot_be_loaded_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_import_path(tmp_path, monkeypatch)
    good = put(tmp_path / "ark_test_good.py", TWO.format(one="count", two="look"))
    assert "cannot be imported: ModuleNotFoundError: No module named 'ark_test_ghost'" in refusal(
        "ark_test_ghost"
    )
    assert "PYTHONPATH" in refusal("ark_test_ghost")
    assert "there is no file" in refusal(str(tmp_path / "ghost.py"))
    assert "neither a module nor a Python file" in refusal("some/folder")
    assert "neither a module nor a Python file" in refusal("")
    assert 'has no attribute "ghost"' in refusal("ark_test_good:ghost")
    assert 'has no attribute "ghost"' in refusal(f"{good}:ghost")
    assert "no module, function or list" in refusal("ark_test_good:number")
    assert "There is no tool in --tools ark_test_good:nothing" in refusal("ark_test_good:nothing")
    assert "is no tool. Mark the function with @tool" in refusal("ark_test_good:unmarked")
    assert "There is no tool in --tools json" in refusal("json")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        (
            "from ark_temporal.tools.python import tool\n@tool\ndef find(query): ...",
            "the parameter 'query' has no type. Annotate it, as in `query: str`.",
        ),
        (
            "from ark_temporal.tools.python import tool\n@tool\ndef find(query: 'Ghost'): ...",
            "an annotation names 'Ghost', which is not known at run time.",
        ),
    ],
)
def test_a_file_that_fails_is_named_with_its_error(tmp_path: Path, source: str, reason: str) -> None:
    file = put(tmp_path / "tools.py", source)
    text = refusal(file)
    assert text.startswith(f"--tools {file} cannot be ")
    assert reason in text
    assert not [name for name in sys.modules if name.startswith("ark_tools_tools")]


def test_two_tools_of_one_name_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_import_path(tmp_path, monkeypatch)
    put(tmp_path / "ark_test_one.py", TWO.format(one="count", two="look"))
    put(tmp_path / "ark_test_two.py", TWO.format(one="count", two="other"))
    text = refusal("ark_test_one", "ark_test_two")
    assert 'Two Python tools are named "count"' in text
    assert "ark_test_one.count" in text
    assert "ark_test_two.count" in text


def install(site: Path, package: str, points: str, source: str) -> None:
    """What installing a package leaves: its code, and a folder that describes it."""
    put(site / package / "__init__.py", source)
    described = site / f"{package}-1.0.dist-info"
    put(described / "METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    put(described / "entry_points.txt", f"[ark_temporal.tools]\n{points}\n")
    put(described / "RECORD", "")


def test_installed_packages_offer_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "ark_test_shop", "all = ark_test_shop", TWO.format(one="count", two="look"))
    install(tmp_path, "ark_test_desk", "one = ark_test_desk:some", TWO.format(one="unused", two="desk"))
    on_import_path(tmp_path, monkeypatch)
    assert [info.name for info in PythonTools.load().infos()] == ["count", "look", "desk"]
    assert PythonTools.load(["ark_test_desk:unused"]).infos()[0].name == "unused"
    assert names() == []


@pytest.mark.parametrize(
    ("point", "source", "reason"),
    [
        ("bad = ark_test_ill", "import ghost_of_a_module", "cannot be imported: ModuleNotFoundError"),
        ("bad = ark_test_ill:ghost", "", "cannot be imported: AttributeError"),
        ("bad = ark_test_ill", "", "There is no tool in the entry point"),
    ],
)
def test_an_installed_package_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, source: str, reason: str
) -> None:
    install(tmp_path, "ark_test_ill", point, source)
    on_import_path(tmp_path, monkeypatch)
    monkeypatch.delitem(sys.modules, "ark_test_ill", raising=False)
    with pytest.raises(ToolsError) as caught:
        PythonTools.load()
    assert reason in str(caught.value)
    assert f'entry point "{point}" of the package ark_test_ill' in str(caught.value)


def test_a_tool_that_hangs_keeps_no_process_from_ending(tmp_path: Path) -> None:
    script = put(
        tmp_path / "script.py",
        """
        import asyncio, threading
        from ark_temporal.tools.python import PythonTools, ToolContext, tool

        @tool(timeout_seconds=0.1)
        def hang() -> None:
            threading.Event().wait()

        async def main() -> None:
            try:
                await PythonTools([hang]).call("hang", {}, ToolContext())
            except Exception as error:
                print(error)

        asyncio.run(main())
        """,
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=30, check=True)
    assert "took longer than its 0.1 seconds" in done.stdout


def test_nothing_heavy_is_imported_with_the_decorator() -> None:
    heavy = "{'mcp', 'httpx2', 'temporalio', 'jsonschema'}"
    code = f"import sys, ark_temporal.tools.python; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "set()"
