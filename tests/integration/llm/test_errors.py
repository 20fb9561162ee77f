"""Every way in which a call fails, as one vocabulary; each after exactly one request."""

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from ark_temporal.llm import ModelError, ModelErrorType, ModelPool, ModelRequest, UserMessage
from tests.integration.llm.providers import ANTHROPIC, COMPATIBLE, GEMINI, KEY, OPENAI, Asker, Case
from tests.integration.llm.stub_server import Behaviour, Reply, Rule, StubServer

STATUSES: list[tuple[int, ModelErrorType, bool]] = [
    (307, "ModelBadRequest", False),
    (400, "ModelBadRequest", False),
    (401, "ModelAuthenticationError", False),
    (402, "ModelQuotaExhausted", False),
    (403, "ModelPermissionError", False),
    (404, "ModelNotFound", False),
    (408, "ModelTimeout", True),
    (409, "ModelUnavailable", True),
    (413, "ModelContextTooLong", False),
    (422, "ModelBadRequest", False),
    (429, "ModelRateLimited", True),
    (500, "ModelUnavailable", True),
    (502, "ModelUnavailable", True),
    (503, "ModelUnavailable", True),
    (529, "ModelOverloaded", True),
]


async def _fail(asker: Asker, reply: Reply, **fields: Any) -> ModelError:
    with StubServer([Rule(reply=reply)]) as server:
        error = await asker.fail(server, **fields)
    assert len(server.requests) == 1, "an SDK has retried"
    assert error.__cause__ is None, "the provider's own exception would be written into histories"
    assert error.__suppress_context__
    assert KEY not in str(error)
    return error


@pytest.mark.parametrize(("status", "type", "retryable"), STATUSES)
async def test_statuses(asker: Asker, status: int, type: ModelErrorType, retryable: bool) -> None:
    error = await _fail(asker, Reply(status=status, text="Words of the provider."))
    assert (error.type, error.retryable, error.status) == (type, retryable, status)
    assert error.retry_after is None
    assert "Words of the provider." in str(error)
    assert repr(asker.case.model) in str(error)


BEHAVIOURS: list[tuple[Behaviour, ModelErrorType, bool]] = [
    ("garbage", "ModelBadReply", True),
    ("empty", "ModelBadReply", True),
    ("cut", "ModelConnectionError", True),
    ("huge", "ModelReplyTooLarge", False),
    ("context_length", "ModelContextTooLong", False),
]


@pytest.mark.parametrize(("behaviour", "type", "retryable"), BEHAVIOURS)
async def test_unusable_replies(
    asker: Asker, behaviour: Behaviour, type: ModelErrorType, retryable: bool
) -> None:
    error = await _fail(asker, Reply(behaviour=behaviour))
    assert (error.type, error.retryable) == (type, retryable)


async def test_a_reply_that_is_large_only_when_decompressed(asker: Asker) -> None:
    error = await _fail(asker, Reply(behaviour="huge", headers={"content-encoding": "gzip"}))
    assert error.type == "ModelReplyTooLarge"


@pytest.mark.parametrize("body", [[], "text", 7, {"content": 5, "output": 5, "choices": 5, "candidates": 5}])
async def test_json_of_another_shape(asker: Asker, body: Any) -> None:
    error = await _fail(asker, Reply(body=body))
    assert (error.type, error.retryable) == ("ModelBadReply", True)


async def test_a_server_that_never_answers_is_left_at_the_deadline(asker: Asker) -> None:
    with StubServer() as warm:
        await asker.ask(warm)
    started = time.monotonic()
    error = await _fail(asker, Reply(behaviour="hang"), timeout_seconds=0.4)
    assert time.monotonic() - started < 10
    assert (error.type, error.retryable) == ("ModelTimeout", True)
    assert "0.4 seconds" in str(error)


async def test_a_late_answer_does_not_disturb_the_next_call(asker: Asker) -> None:
    slow = Rule.model_validate({"match": {"nth": 1}, "reply": {"text": "late", "delay": 0.5}})
    with StubServer([slow, Rule(reply=Reply(text="in time"))]) as server:
        await asker.fail(server, timeout_seconds=0.2)
        assert (await asker.ask(server)).text == "in time"


async def test_nobody_listens(asker: Asker) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        credentials = asker.case.credentials(f"http://127.0.0.1:{taken.getsockname()[1]}")
        model = asker.pool.get(asker.case.provider, credentials)
        took: list[float] = []
        for _ in range(3):
            started = time.monotonic()
            with pytest.raises(ModelError) as raised:
                await model.generate(ModelRequest(model=asker.case.model, messages=(UserMessage(text="?"),)))
            took.append(time.monotonic() - started)
            assert (raised.value.type, raised.value.retryable) == ("ModelConnectionError", True)
    assert min(took) < 0.3, "an SDK has waited and tried again"


async def test_a_wrong_key_is_explained_and_not_shown(asker: Asker) -> None:
    error = await _fail(asker, Reply(status=401, text=f"Incorrect API key provided: {KEY}. Find yours."))
    assert asker.case.key_variable in str(error)
    assert "Incorrect API key provided: ***. Find yours." in str(error)


async def test_a_long_message_is_cut_after_the_key_is_taken_out(asker: Asker) -> None:
    error = await _fail(asker, Reply(status=400, text="a" * 490 + KEY + "b" * 9000))
    assert "***" in str(error)
    assert KEY[:8] not in str(error)
    assert len(str(error)) < 1000


async def test_a_message_is_one_line(asker: Asker) -> None:
    error = await _fail(asker, Reply(status=400, text="one\ntwo\x1b[31m"))
    assert "one two" in str(error)
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
async def test_retry_after(asker: Asker, headers: dict[str, str], seconds: float | None) -> None:
    error = await _fail(asker, Reply(status=429, headers=headers))
    assert error.retry_after == seconds


async def test_retry_after_as_a_date(asker: Asker) -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    error = await _fail(asker, Reply(status=503, headers={"retry-after": in_a_minute}))
    assert error.retry_after == pytest.approx(60, abs=15)


async def test_what_cannot_be_retried_has_no_time_to_retry(asker: Asker) -> None:
    error = await _fail(asker, Reply(status=400, headers={"retry-after": "7"}))
    assert error.retry_after is None


@pytest.mark.parametrize(("status", "told"), [(400, "true"), (500, "false")])
async def test_the_provider_may_say_whether_to_retry(asker: Asker, status: int, told: str) -> None:
    error = await _fail(asker, Reply(status=status, headers={"x-should-retry": told}))
    assert error.retryable is (told == "true")


def _openai_error(code: str) -> dict[str, Any]:
    return {"error": {"message": "No.", "type": "x", "code": code}}


def _gemini_error(status: int, message: str, **detail: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": "X", "details": [detail]}}


SPECIAL: list[tuple[Case, int, dict[str, Any], ModelErrorType, bool]] = [
    (OPENAI, 429, _openai_error("insufficient_quota"), "ModelQuotaExhausted", False),
    (COMPATIBLE, 429, _openai_error("insufficient_quota"), "ModelQuotaExhausted", False),
    (COMPATIBLE, 400, _openai_error("content_filter"), "ModelRefused", False),
    (COMPATIBLE, 400, {"error": "this model's maximum context length is 8192"}, "ModelContextTooLong", False),
    (
        ANTHROPIC,
        400,
        {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low."}},
        "ModelQuotaExhausted",
        False,
    ),
    (ANTHROPIC, 500, {"error": {"type": "overloaded_error", "message": "Busy."}}, "ModelOverloaded", True),
    (GEMINI, 400, _gemini_error(400, "No.", reason="API_KEY_INVALID"), "ModelAuthenticationError", False),
]


@pytest.mark.parametrize(("case", "status", "body", "type", "retryable"), SPECIAL)
async def test_what_a_provider_says_beyond_the_status(
    pool: ModelPool, case: Case, status: int, body: dict[str, Any], type: ModelErrorType, retryable: bool
) -> None:
    error = await _fail(Asker(pool, case), Reply(status=status, body=body))
    assert (error.type, error.retryable) == (type, retryable)


async def test_gemini_says_in_the_body_when_to_retry(pool: ModelPool) -> None:
    body = _gemini_error(429, "Slowly.", retryDelay="34.5s")
    error = await _fail(Asker(pool, GEMINI), Reply(status=429, body=body))
    assert error.retry_after == 34.5


async def test_gemini_refuses_a_prompt_for_good(pool: ModelPool) -> None:
    error = await _fail(Asker(pool, GEMINI), Reply(body={"promptFeedback": {"blockReason": "SAFETY"}}))
    assert (error.type, error.retryable) == ("ModelRefused", False)
    assert "SAFETY" in str(error)


async def test_gemini_without_content(pool: ModelPool) -> None:
    lost, malformed = (
        Reply(body={"candidates": [{"finishReason": reason}]})
        for reason in ("MISSING_THOUGHT_SIGNATURE", "MALFORMED_FUNCTION_CALL")
    )
    assert not (await _fail(Asker(pool, GEMINI), lost)).retryable
    assert (await _fail(Asker(pool, GEMINI), malformed)).retryable


async def test_openai_gives_up_within_a_reply(pool: ModelPool) -> None:
    body: dict[str, Any] = {"status": "failed", "output": [], "error": {"code": "server_error"}}
    error = await _fail(Asker(pool, OPENAI), Reply(body=body))
    assert (error.type, error.retryable) == ("ModelUnavailable", True)


async def test_a_gateways_error_within_a_200(pool: ModelPool) -> None:
    body: dict[str, Any] = {"error": {"code": 429, "message": "Upstream is busy."}}
    reply = Reply(body=body, headers={"retry-after": "3"})
    error = await _fail(Asker(pool, COMPATIBLE), reply)
    assert (error.type, error.retry_after) == ("ModelRateLimited", 3)


TOO_LONG = [
    (ANTHROPIC, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
    (OPENAI, "Your input exceeds the context window of this model. Please adjust your input and try again."),
    (COMPATIBLE, "The decoder prompt (length 5000) is longer than the maximum model length of 4096."),
    (COMPATIBLE, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"),
    (COMPATIBLE, "the request exceeds the available context size, try increasing it"),
    (COMPATIBLE, "This model's maximum prompt length is 131072 but the request contains 140000 tokens."),
    (COMPATIBLE, "Input is too long for requested model."),
    (GEMINI, "The input token count exceeds the maximum number of tokens allowed (1048576)."),
]


@pytest.mark.parametrize(("case", "words"), TOO_LONG, ids=range(len(TOO_LONG)))
async def test_too_long_a_conversation_in_many_words(pool: ModelPool, case: Case, words: str) -> None:
    error = await _fail(Asker(pool, case), Reply(status=400, text=words))
    assert (error.type, error.retryable) == ("ModelContextTooLong", False)
    plain = await _fail(Asker(pool, case), Reply(status=400, body={"detail": words}))
    assert plain.type == "ModelContextTooLong"


async def test_openai_finds_out_late_that_a_conversation_is_too_long(pool: ModelPool) -> None:
    error_of_reply = {"code": "context_length_exceeded"}
    body: dict[str, Any] = {"status": "failed", "output": [], "error": error_of_reply}
    error = await _fail(Asker(pool, OPENAI), Reply(body=body))
    assert (error.type, error.retryable) == ("ModelContextTooLong", False)


async def test_a_request_that_no_provider_takes_is_not_sent(asker: Asker) -> None:
    with StubServer() as server:
        error = await asker.fail(server, UserMessage(text="x" * 33 * 1024 * 1024))
    assert (error.type, error.retryable) == ("ModelContextTooLong", False)
    assert "32 MiB" in str(error)
    assert server.requests == []


async def test_half_a_character_in_an_error(asker: Asker) -> None:
    error = await _fail(asker, Reply(status=400, text="No \ud83d."))
    assert "No \ufffd." in str(error)


async def test_a_lost_connection_is_not_tried_again(asker: Asker) -> None:
    """Also not by an SDK that retries only what happens before there is an answer."""
    connections = 0

    def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.transport.abort()

    server = await asyncio.start_server(drop, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        model = asker.pool.get(asker.case.provider, asker.case.credentials(url))
        with pytest.raises(ModelError) as raised:
            await model.generate(ModelRequest(model=asker.case.model, messages=(UserMessage(text="?"),)))
    assert (raised.value.type, connections) == ("ModelConnectionError", 1)


async def test_a_redirect_is_not_followed_with_the_key(asker: Asker) -> None:
    with StubServer() as elsewhere:
        error = await _fail(asker, Reply(status=308, headers={"location": f"{elsewhere.url}/v1/messages"}))
    assert elsewhere.requests == []
    assert "base URL" in str(error)
