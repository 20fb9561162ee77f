"""The API keeps what its OpenAPI document promises, whatever it is asked: found out by Schemathesis."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.integration.api.place import Api, bring_in_force, team

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.timeout(300)]

CONFIG = """\
[[operations]]
include-name = "PUT /api/v1/resources/{{kind}}/{{namespace}}/{{name}}"
# What a manifest must be is more than a JSON Schema says: names that are there, graphs without a circle.
checks.positive_data_acceptance.expected-statuses = ["2xx", "404", "409", "422"]

[[operations]]
include-path-regex = "/runs/[{{]id[}}](/result|/events|/retry|/cancel|/terminate)?$"
parameters = {{ "path.id" = "{ended}" }}

[[operations]]
include-path-regex = "/runs/[{{]id[}}]/(approvals.*|pause|resume)$"
parameters = {{ "path.id" = "{waiting}", "path.approval" = "writer%23approval" }}

[[operations]]
include-path-regex = "/resources/.*(name[}}]|history|status|rollback)$"
exclude-method = ["PUT", "DELETE"]
parameters = {{ "path.kind" = "ArkTeam", "path.namespace" = "default", "path.name" = "echo" }}

[[operations]]
include-path-regex = "/events/.*fire$"
parameters = {{ "path.namespace" = "default", "path.name" = "hook" }}

[[operations]]
include-path-regex = "/services/.*task$"
parameters = {{ "path.namespace" = "default", "path.name" = "desk" }}
"""


async def test_nothing_is_found(api: Api, tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    await bring_in_force(api.connection, [team("blog")])  # which the examples name
    ended, waiting = await api.start("echo"), await api.start("gated")
    await api.ended(ended)
    await api.waits(waiting)
    config.write_text(CONFIG.format(ended=ended, waiting=waiting))
    program = Path(sys.executable).with_name("schemathesis")
    words = [
        "--config-file",
        str(config),
        "run",
        f"{api.url}/api/v1/openapi.json",
        "--checks=all",
        "--header",
        f"Authorization: Bearer {api.tokens['admin']}",
        "--max-examples=6",
        "--seed=7",
        "--workers=1",  # in threads, this Python's parser fails now and then
        "--continue-on-failure",
        "--generation-database=none",
    ]
    ran = await asyncio.create_subprocess_exec(
        program,
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
    )
    said, _ = await ran.communicate()
    assert ran.returncode == 0, said.decode()[-20_000:]
    document = (await api.client.get(f"{api.url}/api/v1/openapi.json")).json()
    operations = sum(len(methods) for methods in document["paths"].values())
    assert f"Tested: {operations}" in said.decode(), said.decode()[-5_000:]
