"""Messages over the bound, sinks that are down, workers that die: what arrives, and what runs know of it."""

import asyncio
import logging
import time
from pathlib import Path

import pytest

from tests.integration.agents.sink import Sink
from tests.integration.failures.cases import failing, script
from tests.integration.lab import Lab
from tests.integration.mcp.servers import closed_port
from tests.integration.notify.telling import (
    HOOK,
    SLACK,
    all_ended,
    details,
    ended,
    is_running,
    notifier,
    pager,
    sinks,
    telling,
    texts,
)
from tests.integration.processes import worker_process

FAILS = script(failing("cook", message="No pots."))
TOKEN = "T0K/B3N/sk-very-secret-value"


@pytest.mark.slow
async def test_of_twenty_failures_in_one_window_three_are_told(lab: Lab) -> None:
    many = telling("many", pager(window_seconds=8, max_per_window=3))
    other = telling("other", pager(window_seconds=8, max_per_window=3))
    with Sink() as sink:
        async with lab.working(script=FAILS, secrets=sinks(slack=sink)):
            runs = [await lab.start(many) for _ in range(20)]
            await all_ended(runs)
            await all_ended([await lab.start(other)])
            shown = await details(notifier(lab, "many", "TeamFailed"))
            result, beside = await asyncio.gather(
                ended(lab, "many", "TeamFailed"), ended(lab, "other", "TeamFailed")
            )
            of_many = sum("team many" in text for text in texts(sink))
            again = await lab.start(many)
            await again.ended()
            await sink.until_asked(5)
    assert (result.told, result.suppressed, result.delivered, result.problems) == (3, 17, 3, ())
    assert (beside.told, beside.suppressed) == (1, 0)
    assert of_many == 3
    assert again.id in texts(sink)[-1], "the next window lets messages out again"
    assert "**3 told** · 17 held back" in shown
    assert "At most 3 in 8 s" in shown


async def test_without_a_window_nothing_is_dropped(lab: Lab) -> None:
    plan = telling("open", pager(window_seconds=0))
    with Sink() as sink:
        async with lab.working(script=FAILS, secrets=sinks(slack=sink)):
            runs = [await lab.start(plan) for _ in range(8)]
            await all_ended(runs)
            await sink.until_asked(8)
    assert sorted(text.split("run ")[1].split(",")[0] for text in texts(sink)) == sorted(
        run.id for run in runs
    )
    keys = [asked.key for asked in sink.asked]
    assert len(set(keys)) == len(keys)


async def test_the_bound_in_force_is_the_newest(lab: Lab) -> None:
    with Sink() as sink:
        async with lab.working(script=FAILS, secrets=sinks(slack=sink)):
            for bound in (1, 1, 3):
                run = await lab.start(telling("tuned", pager(window_seconds=600, max_per_window=bound)))
                await run.ended()
            await sink.until_asked(2)
            shown = await details(notifier(lab, "tuned", "TeamFailed"))
            run = await lab.start(telling("tuned", pager(window_seconds=1, max_per_window=3)))
            await run.ended()
            result = await ended(lab, "tuned", "TeamFailed")
    assert shown.startswith("**2 told** · 1 held back · 0 on their way\n\nAt most 3 in 600 s")
    assert result.told == 3


@pytest.mark.parametrize("down", ["500", "429", "refused"])
async def test_a_message_arrives_once_the_sink_is_up_and_the_run_waits_for_nothing(
    lab: Lab, down: str
) -> None:
    plan = telling(f"down-{down}", pager(HOOK, SLACK, window_seconds=0))
    port = closed_port()
    with Sink(status=500) as broken, Sink() as fine:
        if down == "429":
            broken.status, broken.headers = 429, {"Retry-After": "2"}
        secrets = sinks(hook=broken, slack=fine)
        if down == "refused":
            secrets["hook"] = {"url": f"http://127.0.0.1:{port}/hook"}
        async with lab.working(script=FAILS, secrets=secrets):
            run = await lab.start(plan)
            record = await run.ended(5)
            await fine.until_asked(1, 5)
            if down != "refused":
                await broken.until_asked(1)
            first = time.monotonic()
            assert await is_running(lab, plan.team, "TeamFailed")
            assert "webhook of pager" in await details(notifier(lab, plan.team, "TeamFailed"))
            if down == "refused":
                secrets["hook"]["url"] = f"{broken.url}/hook"
            broken.status = 200
            result = await ended(lab, plan.team, "TeamFailed")
            took = time.monotonic() - first
    assert record.reason == "StepFailed"
    assert result.delivered == 2
    assert [asked.json["run"] for asked in broken.asked][-1] == run.id
    assert len({asked.key for asked in broken.asked}) == 1
    assert len(fine.asked) == 1
    if down == "429":
        assert took >= 1.5, "Retry-After counts"


@pytest.mark.slow
async def test_a_run_ends_no_later_for_a_sink_that_does_not_answer(lab: Lab) -> None:
    """Figures for the docs: the time from a run's start to its close, as Temporal has it."""

    async def seconds(team: str, notified: bool) -> float:
        plan = telling(team, pager(HOOK, window_seconds=0) if notified else None)
        run = await lab.start(plan)
        await run.ended()
        description = await run.handle.describe()
        assert description.close_time is not None
        return (description.close_time - description.start_time).total_seconds()

    with Sink(delay=60) as sink:
        async with lab.working(script=FAILS, secrets=sinks(hook=sink)):
            await seconds("warm", False)
            without = sorted([await seconds("plain", False) for _ in range(15)])
            told = sorted([await seconds(f"told-{number}", True) for number in range(15)])
            await sink.until_asked(5)
            sink.closing.set()
    print(f"medians: {without[7]:.3f} s without, {told[7]:.3f} s told")
    assert told[7] - without[7] < 0.5


@pytest.mark.slow
async def test_a_worker_that_dies_takes_no_message_with_it(lab: Lab, home: Path) -> None:
    plan = telling("killed", pager(HOOK, window_seconds=0))
    with Sink(status=503) as sink:
        secrets = home / "secrets" / "hook"
        secrets.mkdir(parents=True)
        (secrets / "url").write_text(f"{sink.url}/{TOKEN}")
        words = ("--task-queue", lab.queue, "--storage", str(lab.directory))
        words = (*words, "--secrets-dir", str(secrets.parent))
        with worker_process(home, lab.connection.address, *words) as worker:
            run = await lab.start(plan)
            await run.ended()
            await sink.until_asked(1)
            async with asyncio.timeout(30):  # the attempt has failed, and the next one waits
                while "HTTP 503" not in str(
                    (await notifier(lab, "killed", "TeamSucceeded").handle.describe()).raw_description
                ):
                    await asyncio.sleep(0.05)
            worker.kill()
        sink.status = 200
        with worker_process(home, lab.connection.address, *words):
            result = await ended(lab, "killed", "TeamSucceeded")
    assert result.delivered == 1
    assert len({asked.key for asked in sink.asked}) == 1


async def test_no_secret_of_a_channel_is_in_any_history_or_log(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    plan = telling("sealed", pager(HOOK, SLACK, window_seconds=0))
    with Sink(status=404) as refusing, Sink() as fine:
        refusing.answer = f"no such hook: {TOKEN}"
        secrets = {"hook": {"url": f"{refusing.url}/{TOKEN}"}, "slack": {"url": f"{fine.url}/{TOKEN}"}}
        async with lab.working(script=FAILS, secrets=secrets):
            run = await lab.start(plan)
            await run.ended()
            result = await ended(lab, "sealed", "TeamFailed")
        ours = notifier(lab, "sealed", "TeamFailed")
        written = "".join([str(event) for each in (run, ours) for event in await each.events()])
    assert (result.delivered, result.failed) == (1, 1)
    [problem] = result.problems
    assert 'ArkNotify "pager" (webhook, by key "url" of Secret "hook")' in problem
    assert "HTTP 404" in problem
    for place in (written, caplog.text, *result.problems):
        assert TOKEN not in place
        assert "sk-very-secret-value" not in place


async def test_messages_that_payload_storage_carries_arrive_too(lab: Lab) -> None:
    """The first starts the notifier with its payload, the second is a signal's."""
    worded = SLACK.model_copy(update={"template": f"{{{{/* {'x' * 70_000} */}}}}{{{{ .run.name }}}}"})
    plan = telling("bulky", pager(worded, window_seconds=0))
    with Sink(status=500) as sink:
        async with lab.working(script=FAILS, secrets=sinks(slack=sink)):
            runs = [await lab.start(plan) for _ in range(2)]
            await all_ended(runs)
            await sink.until_asked(2)
            sink.status = 200
            result = await ended(lab, "bulky", "TeamFailed")
    assert result.told == 2
    assert {run.id for run in runs} == set(texts(sink))


async def test_what_nobody_can_read_stops_no_notifier(lab: Lab) -> None:
    plan = telling("robust", pager(window_seconds=2))
    with Sink() as sink:
        async with lab.working(script=FAILS, secrets=sinks(slack=sink)):
            await (await lab.start(plan)).ended()
            for said in ({"no": "notification"}, "text", None):
                await notifier(lab, "robust", "TeamFailed").handle.signal("tell", said)
            result = await ended(lab, "robust", "TeamFailed")
    assert (result.told, result.suppressed) == (1, 0)
