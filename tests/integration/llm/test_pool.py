"""One pool of clients for a worker."""

import asyncio

import pytest

from ark_temporal.llm import Credentials, ModelError, ModelPool, ModelRequest, UserMessage
from ark_temporal.llm.pool import MAX_CLIENTS
from tests.integration.llm.providers import COMPATIBLE, KEY, Asker
from tests.integration.llm.stub_server import Reply, Rule, StubServer

QUESTION = ModelRequest(model="llama", messages=(UserMessage(text="?"),), timeout_seconds=20)


async def test_calls_share_a_connection(asker: Asker) -> None:
    with StubServer() as server:
        for _ in range(3):
            await asker.ask(server)
    assert len({request.client for request in server.requests}) == 1


async def test_many_calls_run_at_once(asker: Asker) -> None:
    calls = 40
    with StubServer([Rule(reply=Reply(delay=0.2))]) as server:
        replies = await asyncio.gather(*(asker.ask(server) for _ in range(calls)))
    assert len(replies) == calls
    assert len(server.requests) == calls
    # A few may find a connection that was just given back.
    assert len({request.client for request in server.requests}) > calls / 2


async def test_each_key_gets_its_own_client(asker: Asker) -> None:
    with StubServer() as server:
        for key in (KEY, "sk-another", KEY):
            model = asker.pool.get(asker.case.provider, asker.case.credentials(server.url, key))
            await model.generate(QUESTION.model_copy(update={"model": asker.case.model}))
    name, before = asker.case.key_header
    assert [request.headers[name] for request in server.requests] == [
        before + KEY,
        before + "sk-another",
        before + KEY,
    ]
    assert len({request.client for request in server.requests}) == 2


async def test_the_same_credentials_give_the_same_model(pool: ModelPool) -> None:
    first = pool.get("openai", COMPATIBLE.credentials("http://127.0.0.1:1"))
    assert pool.get("openai", COMPATIBLE.credentials("http://127.0.0.1:1")) is first
    assert pool.get("openai-compatible", COMPATIBLE.credentials("http://127.0.0.1:1")) is not first
    assert pool.get("openai", COMPATIBLE.credentials("http://127.0.0.1:2")) is not first
    other = Credentials(
        api_key=COMPATIBLE.credentials("").api_key,
        base_url="http://127.0.0.1:1/v1",
        extra={"organization": "org-2"},
    )
    assert pool.get("openai", other) is not first


async def test_organization_and_project_are_sent(pool: ModelPool) -> None:
    with StubServer() as server:
        credentials = COMPATIBLE.credentials(server.url).model_copy(
            update={"extra": {"organization": "org-1", "project": "proj-1"}}
        )
        await pool.get("openai", credentials).generate(QUESTION)
    headers = server.requests[0].headers
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-1", "proj-1")


async def test_an_evicted_model_finishes_its_call_and_can_be_asked_again(pool: ModelPool) -> None:
    with StubServer([Rule.model_validate({"match": {"nth": 1}, "reply": {"delay": 0.4}})]) as server:
        model = pool.get("openai-compatible", COMPATIBLE.credentials(server.url))
        running = asyncio.create_task(model.generate(QUESTION))
        await asyncio.to_thread(server.await_requests, 1)
        for number in range(MAX_CLIENTS):
            pool.get("openai-compatible", COMPATIBLE.credentials(server.url, f"sk-{number}"))
        assert pool.get("openai-compatible", COMPATIBLE.credentials(server.url)) is not model
        assert (await running).text == "echo: ?"
        assert (await model.generate(QUESTION)).text == "echo: ?"
        await asyncio.to_thread(server.await_no_connections)


async def test_a_used_model_is_not_the_one_evicted(pool: ModelPool) -> None:
    model = pool.get("openai", COMPATIBLE.credentials("http://127.0.0.1:1"))
    for number in range(MAX_CLIENTS + 5):
        pool.get("openai", COMPATIBLE.credentials("http://127.0.0.1:1", f"sk-{number}"))
        assert pool.get("openai", COMPATIBLE.credentials("http://127.0.0.1:1")) is model


async def test_closing_ends_connections(asker: Asker) -> None:
    with StubServer() as server:
        await asker.ask(server)
        assert server.connections == 1
        await asker.pool.aclose()
        await asyncio.to_thread(server.await_no_connections)


async def test_closing_ends_no_running_call() -> None:
    pool = ModelPool()
    with StubServer([Rule(reply=Reply(delay=0.3))]) as server:
        model = pool.get("openai-compatible", COMPATIBLE.credentials(server.url))
        running = asyncio.create_task(model.generate(QUESTION))
        await asyncio.to_thread(server.await_requests, 1)
        await pool.aclose()
        assert (await running).text == "echo: ?"
        await asyncio.to_thread(server.await_no_connections)


async def test_cancelling_a_call_leaves_the_model_usable(asker: Asker) -> None:
    with StubServer([Rule.model_validate({"match": {"nth": 1}, "reply": {"behaviour": "hang"}})]) as server:
        running = asyncio.create_task(asker.ask(server))
        await asyncio.to_thread(server.await_requests, 1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await asker.ask(server)).text == "echo: How are you?"


async def test_a_failed_call_leaves_the_model_usable(asker: Asker) -> None:
    with StubServer([Rule.model_validate({"match": {"nth": 1}, "reply": {"status": 500}})]) as server:
        with pytest.raises(ModelError):
            await asker.ask(server)
        assert (await asker.ask(server)).text == "echo: How are you?"


async def test_the_mock_needs_no_credentials(pool: ModelPool) -> None:
    reply = await pool.get("mock", Credentials()).generate(QUESTION)
    assert reply.provider == "mock"
    assert reply.text
