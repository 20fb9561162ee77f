import asyncio
import fcntl
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from ark_temporal.tools.egress import EgressPolicy, guarded_client
from ark_temporal.tools.mcp import McpPool
from tests.integration.mcp.servers import MODES, ROOT, Lab, Mode, lab

EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"
TIME = "mcp-server-time==2026.10.19"


@pytest.fixture
async def pool() -> AsyncGenerator[McpPool]:
    """A pool that leaves no task behind."""
    pool = McpPool(partial(guarded_client, EgressPolicy()), allow_commands=True)
    yield pool
    await pool.aclose()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left


@pytest.fixture
def start(tmp_path: Path) -> Generator[Callable[..., Lab]]:
    """Starts lab servers, which end with the test."""
    with ExitStack() as stack:

        def start(mode: Mode, *words: str, path: str | None = None) -> Lab:
            home = tmp_path / f"lab-{len(list(tmp_path.iterdir()))}"
            home.mkdir()
            return stack.enter_context(lab(mode, home, *words, path=path))

        yield start


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Callable[[Mode], Lab]]:
    """Starts one server of each mode at most."""
    servers: dict[Mode, Lab] = {}
    with ExitStack() as stack:

        def running(mode: Mode) -> Lab:
            if mode not in servers:
                servers[mode] = stack.enter_context(lab(mode, tmp_path_factory.mktemp(f"lab-{mode}")))
            return servers[mode]

        yield running


@pytest.fixture(params=MODES)
def any_lab(
    request: pytest.FixtureRequest, _running: Callable[[Mode], Lab], start: Callable[..., Lab]
) -> Lab:
    """A lab server of each mode, for tests that do no harm to it."""
    mode: Mode = request.param
    return start(mode) if mode == "stdio" else _running(mode)


@pytest.fixture(scope="session")
def everything(request: pytest.FixtureRequest) -> Path:
    """The program of the protocol's reference server, from npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, and the server is there only")
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", "{folder}", EVERYTHING]
    return _installed(request, "everything", command) / "node_modules/.bin/mcp-server-everything"


@pytest.fixture(scope="session")
def time_server(request: pytest.FixtureRequest) -> Path:
    """A folder with a server from PyPI, apart from our own packages."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return _installed(
        request, "time", [*pip, "--target", "{folder}", "-c", str(ROOT / "constraints.txt"), TIME]
    )


def _installed(request: pytest.FixtureRequest, name: str, command: list[str]) -> Path:
    """A folder that is filled once, by the first test process that needs it, and kept for later runs."""
    assert request.config.cache is not None
    root = request.config.cache.mkdir("mcp-servers")
    folder = root / f"{name}-{command[-1].rpartition('@')[2].rpartition('=')[2]}"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            fresh = root / f"{name}.part"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            filled = [word.format(folder=fresh) for word in command]
            done = subprocess.run(filled, capture_output=True, text=True, timeout=110, check=False)
            if done.returncode:
                pytest.skip(f"{command[-1]} cannot be installed: {done.stderr.strip()[-300:]}")
            fresh.rename(folder)
    return folder
