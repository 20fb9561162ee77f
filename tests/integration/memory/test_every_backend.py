"""What every memory does, whatever it is kept in."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ark_temporal.memory import MemoryEntry, MemoryPool, MemoryUnavailable
from ark_temporal.memory.types import MAX_LIMIT, MAX_RECALLED, MAX_TEXT
from tests.integration.memory.backends import Backend, entry


async def test_what_was_stored_is_recalled(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config())
    east = timezone(timedelta(hours=5, minutes=30))
    stored = MemoryEntry(
        id='run-1/"step"\n\\1',
        created=datetime(2026, 1, 31, 15, 0, 0, 123_987, tzinfo=east),
        text='Die Rechnung „42" ist bezahlt.\n\x00 {"id":"x","created":"0"} 請求書 🧾',
        metadata={"agent": "buchhalter", "run": "run-1", "step": "prüfen"},
    )
    await memory.remember(stored)
    [found] = await memory.recall("Rechnung", limit=5)
    assert found.model_copy(update={"score": None}) == stored
    assert found.created == datetime(2026, 1, 31, 9, 30, 0, 123_000, tzinfo=UTC)


async def test_an_empty_memory_recalls_nothing(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config())
    assert await memory.recall("anything", limit=5) == []
    assert await memory.search("anything", limit=5) == []


async def test_a_second_run_finds_what_the_first_stored(backend: Backend) -> None:
    if not backend.persists:
        pytest.skip("This backend forgets by design.")
    first = MemoryPool()
    await first.get(backend.config()).remember(entry("The customer pays in June."))
    await first.aclose()
    second = MemoryPool()
    recalled = await second.get(backend.config()).recall("customer", limit=5)
    await second.aclose()
    assert [each.text for each in recalled] == ["The customer pays in June."]


async def test_a_retried_write_makes_no_second_entry(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config(ttl=100))
    again = entry("Paid once.", "run-1/pay", age=2)
    await memory.remember(again)
    await memory.remember(entry("Something else.", age=1))
    await memory.remember(again)
    await memory.remember(again.model_copy(update={"text": "Said otherwise by the second attempt."}))
    assert sorted(each.text for each in await memory.recall("paid", limit=9)) == [
        "Paid once.",
        "Something else.",
    ]


async def test_attempts_at_the_same_time_make_one_entry(backend: Backend, pool: MemoryPool) -> None:
    other = MemoryPool()
    memories = [pool.get(backend.config()), (other if backend.persists else pool).get(backend.config())]
    again = entry("Paid once.")
    await asyncio.gather(*(memory.remember(again) for memory in memories * 10))
    assert len(await memories[0].recall("paid", limit=9)) == 1
    await other.aclose()


async def test_memories_do_not_see_each_other(backend: Backend, pool: MemoryPool) -> None:
    configs = [
        backend.config("notes"),
        backend.config("letters"),
        backend.config("notes", namespace="bank"),
    ]
    for number, config in enumerate(configs):
        await pool.get(config).remember(entry(f"secret number {number}", "the-same-id"))
    for number, config in enumerate(configs):
        for found in (
            await pool.get(config).recall("secret", limit=9),
            await pool.get(config).search("secret", limit=9),
        ):
            assert [each.text for each in found] == [f"secret number {number}"]


async def test_many_agents_write_at_once(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config(ttl=1000))
    await asyncio.gather(*(memory.remember(entry(f"note {number}")) for number in range(50)))
    found = await memory.recall("note", limit=MAX_LIMIT)
    assert {each.text for each in found} == {f"note {number}" for number in range(50)}


async def test_no_more_is_brought_back_than_asked_for(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config())
    for number in range(MAX_LIMIT + 5):
        await memory.remember(entry(f"note {number}"))
    for limit, count in ((-1, 0), (0, 0), (1, 1), (7, 7), (1000, MAX_LIMIT)):
        assert len(await memory.recall("note", limit=limit)) == count
        assert len(await memory.search("note", limit=limit)) == count


async def test_a_search_finds_words_in_any_case_best_first(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config())
    await memory.remember(entry("The REFUND of the invoice was paid to the customer.", age=9))
    await memory.remember(entry("The customer called.", age=5))
    await memory.remember(entry("Rain tomorrow.", age=1))
    found = await memory.search("Invoice refund customer", limit=2)
    assert [each.text for each in found] == [
        "The REFUND of the invoice was paid to the customer.",
        "The customer called.",
    ]
    scores = [each.score or 0 for each in found]
    assert 1 >= scores[0] > scores[1] > 0


@pytest.mark.parametrize("query", ["", "  \n", "\ud83d", "?!", "x" * 100_000])
async def test_any_query_will_do(backend: Backend, pool: MemoryPool, query: str) -> None:
    memory = pool.get(backend.config())
    await memory.remember(entry("Something."))
    assert len(await memory.recall(query, limit=3)) <= 1
    assert len(await memory.search(query, limit=3)) <= 1


async def test_an_entry_lives_as_long_as_it_should(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config(ttl=2))
    await memory.remember(entry("long ago", age=5))
    await memory.remember(entry("a while ago", age=1))
    await memory.remember(entry("just now"))
    assert {each.text for each in await memory.recall("ago", limit=9)} == {"a while ago", "just now"}
    await asyncio.sleep(1.1)
    assert [each.text for each in await memory.recall("ago", limit=9)] == ["just now"]
    assert [each.text for each in await memory.search("ago now", limit=9)] == ["just now"]
    await asyncio.sleep(1)
    assert await memory.recall("ago", limit=9) == []


async def test_without_a_time_to_live_entries_stay(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config())
    await memory.remember(entry("from another age", age=1e9))
    assert len(await memory.recall("age", limit=9)) == 1


async def test_a_text_too_long_is_cut_with_a_mark(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config())
    await memory.remember(entry("é" * (MAX_TEXT + 1), "long"))
    [found] = await memory.recall("é", limit=1)
    assert len(found.text) == MAX_TEXT
    assert found.text.endswith("… [cut]")


async def test_a_recall_is_no_larger_than_a_prompt_can_bear(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config())
    fitting = MAX_RECALLED // MAX_TEXT
    for number in range(fitting + 2):
        await memory.remember(entry(f"word {number} " + "x" * MAX_TEXT, str(number), age=100 - number))
    for found in (await memory.recall("word", limit=50), await memory.search("word", limit=50)):
        assert len(found) == fitting
    if not backend.by_meaning:
        assert [each.id for each in await memory.recall("", limit=50)] == ["2", "3", "4", "5"]


async def test_a_closed_memory_opens_again(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config())
    await memory.remember(entry("before"))
    await memory.aclose()
    await memory.remember(entry("after"))
    assert "after" in {each.text for each in await memory.recall("after", limit=9)}


async def test_closing_waits_for_calls(backend: Backend, pool: MemoryPool) -> None:
    memory = pool.get(backend.config())
    calls = [asyncio.create_task(memory.remember(entry(f"note {number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await pool.aclose()
    await asyncio.gather(*calls)


def test_a_pool_gives_the_same_memory_each_time(backend: Backend) -> None:
    pool = MemoryPool()
    assert pool.get(backend.config()) is pool.get(backend.config())
    assert pool.get(backend.config()) is not pool.get(backend.config("other"))


def test_unavailable_says_whether_to_try_again() -> None:
    assert MemoryUnavailable("x", retryable=True).retryable
