"""Pages of runs on a real Temporal: each run once, however many start and end at the same time."""

import asyncio

import pytest

from ark_temporal.runs.find import OUR_RUNS
from ark_temporal.runs.pages import Page, Place, list_page
from ark_temporal.runs.submit import submit
from tests.integration.lab import Lab
from tests.integration.plans import chain

pytestmark = pytest.mark.slow


async def start(lab: Lab, count: int) -> list[str]:
    plan = chain("write", case=None)
    started = [submit(lab.connection, plan, {}, task_queue=lab.queue) for _ in range(count)]
    return [each.id for each in await asyncio.gather(*started)]


async def seen(lab: Lab, count: int) -> None:
    async with asyncio.timeout(20):
        while len([each async for each in lab.connection.client.list_workflows(OUR_RUNS)]) < count:
            await asyncio.sleep(0.1)


async def read(lab: Lab, limit: int, window: int, after: Place | None) -> Page:
    page = await list_page(lab.connection, OUR_RUNS, limit, after, window=window)
    assert len(page.runs) <= limit
    starts = [(each.start_time, each.id) for each in page.runs]
    assert starts == sorted(starts, reverse=True)
    return page


async def test_each_run_is_on_one_page_whatever_the_window_is(lab: Lab) -> None:
    runs = await start(lab, 20)
    await asyncio.sleep(1)
    runs += await start(lab, 1)
    await asyncio.sleep(1)
    runs += await start(lab, 12)
    await seen(lab, len(runs))
    for limit, window in ((7, 500), (7, 16), (3, 8), (2, 3), (1, 2), (32, 33), (33, 34), (100, 500)):
        found: list[str] = []
        after: Place | None = None
        while True:
            page = await read(lab, limit, window, after)
            found += [each.id for each in page.runs]
            if page.end is None:
                break
            after = page.end
        assert len(found) == len(set(found)), (limit, window)
        assert set(found) == set(runs), (limit, window)

    found, after, ended = [], None, list(runs)
    while True:
        page = await read(lab, 6, 12, after)
        found += [each.id for each in page.runs]
        if page.end is None:
            break
        after = page.end
        await start(lab, 3)
        for run in (found[0], ended.pop(0)):  # one that was listed, and one that mostly was not
            handle = lab.connection.client.get_workflow_handle(run)
            if (await handle.describe()).close_time is None:
                await handle.terminate()
        await asyncio.sleep(0.3)
    assert len(found) == len(set(found))
    assert set(found) == set(runs)


async def test_a_filter_that_is_none_is_refused(lab: Lab) -> None:
    with pytest.raises(ValueError, match="does not understand"):
        await list_page(lab.connection, "Nonsense = 'x'", 5)
