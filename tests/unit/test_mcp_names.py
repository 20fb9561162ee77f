import re
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from ark_temporal.tools.mcp.names import tool_name

HEAVY = ("mcp", "mcp_types", "httpx2", "anyio", "temporalio")
NAMES = st.text(max_size=80) | st.from_regex(r"[a-z_]{1,6}", fullmatch=True)


def test_common_names_stay_as_they_are() -> None:
    assert tool_name("incidents", "search") == "incidents__search"
    assert tool_name("git-hub", "get_Issue-2") == "git-hub__get_Issue-2"


def test_other_names_are_changed_and_still_tell_what_they_are() -> None:
    assert re.fullmatch(r"files__fs_read_file_[0-9a-f]{8}", tool_name("files", "fs.read/file"))
    long = tool_name("files", "x" * 100)
    assert len(long) == 64
    assert long.startswith("files__xxx")
    assert tool_name("a__b", "c") != tool_name("a", "b__c")
    assert tool_name("a_", "b") != tool_name("a", "_b")


@given(st.lists(st.tuples(NAMES, NAMES), unique=True, max_size=20))
def test_every_name_is_accepted_and_unique(tools: list[tuple[str, str]]) -> None:
    names = [tool_name(server, remote) for server, remote in tools]
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", name) for name in names)
    assert len(set(names)) == len(tools)


def test_importing_the_package_loads_no_sdk() -> None:
    program = f"import sys, ark_temporal.tools.mcp; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
