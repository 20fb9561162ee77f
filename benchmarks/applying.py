"""What applying a directory costs: 200 resources that are new, the same again, and one that differs."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from ark_temporal.runs.connection import ConnectOptions, connect
from benchmarks.limits import Limit, verdict
from benchmarks.process import run_and_exit
from worker.assembly import WorkerOptions, running_worker
from worker.embedded import embedded_server

TEAMS, AGENTS, CONFIG_MAPS, EVENTS = 120, 50, 15, 15

_HEAD = "apiVersion: arkonis.dev/v1alpha1\n"
_TEAM = (
    _HEAD
    + """kind: ArkTeam
metadata: {{name: team-{n}}}
spec:
  inputs: [{{name: topic, default: rivers}}]
  roles:
    - {{name: writer, model: claude-haiku-4-5, systemPrompt: "{prompt}"}}
    - {{name: editor, model: claude-haiku-4-5, systemPrompt: "Say what is wrong with it."}}
  pipeline:
    - {{role: writer, inputs: {{topic: "{{{{ .input.topic }}}}"}}}}
    - {{role: editor, dependsOn: [writer], inputs: {{text: "{{{{ .steps.writer.output }}}}"}}}}
"""
)
_AGENT = (
    _HEAD
    + """kind: ArkAgent
metadata: {{name: agent-{n}}}
spec: {{model: claude-haiku-4-5, systemPrompt: "You are agent {n}."}}
"""
)
_CONFIG_MAP = """apiVersion: v1
kind: ConfigMap
metadata: {{name: text-{n}}}
data: {{text: "Text number {n}."}}
"""
_EVENT = (
    _HEAD
    + """kind: ArkEvent
metadata: {{name: nightly-{n}}}
spec:
  source: {{type: cron, cron: "{n} 3 * * *"}}
  targets: [{{team: team-{n}}}]
"""
)


def write(folder: Path, *, prompt: str = "Write.") -> None:
    """The manifests; the prompt is that of the first team."""
    counts = ((_TEAM, TEAMS), (_AGENT, AGENTS), (_CONFIG_MAP, CONFIG_MAPS), (_EVENT, EVENTS))
    for place, (template, count) in enumerate(counts):
        for n in range(count):
            text = template.format(n=n, prompt=prompt if n == 0 else "Write.")
            (folder / f"{place}-{n}.yaml").write_text(text)


async def apply(address: str, folder: Path) -> tuple[float, list[str]]:
    """Seconds that the whole command takes, and what it says it did."""
    command = str(Path(sys.executable).with_name("ark-temporal"))
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        command, "apply", "-f", str(folder), "--address", address, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asyncio.wait_for(process.communicate(), 120)
    taken = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"apply ended with {process.returncode}")
    return taken, [line.split()[1] for line in told.decode().splitlines()]


async def measure(folder: Path) -> list[Limit]:
    """Apply it all, again, and with one change."""
    total = TEAMS + AGENTS + CONFIG_MAPS + EVENTS
    limits: list[Limit] = []
    async with embedded_server() as server:
        connection = await connect(ConnectOptions(address=server.address))
        async with running_worker(connection, WorkerOptions()):
            write(folder)
            expected = {"created": total}
            for what, seconds in (("all that is new", 10.0), ("the same again", 3.0), ("one change", 3.0)):
                taken, verbs = await apply(server.address, folder)
                counted = {verb: verbs.count(verb) for verb in dict.fromkeys(verbs)}
                if counted != expected:
                    raise RuntimeError(f"{what}: {counted} instead of {expected}")
                print(f"apply        {total} resources, {what}: {taken:.1f} s, {counted}")
                limits.append(Limit(f"seconds to apply {total}, {what}", taken, seconds))
                expected = {"unchanged": total}
                if what == "the same again":
                    write(folder, prompt="Write well.")
                    expected = {"configured": 1, "unchanged": total - 1}
    return limits


def main() -> int:
    """Measure, and say by the exit code whether every limit holds."""
    with tempfile.TemporaryDirectory() as folder:
        return verdict(asyncio.run(measure(Path(folder))))


if __name__ == "__main__":
    run_and_exit(main)
