"""People are told over real sockets: by servers that answer well, badly, late, and not at all."""

import asyncio
import json
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import pytest
from pydantic import JsonValue
from temporalio import workflow
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.messaging import Messenger
from activities.notifying import Notifications
from ark_temporal.plan.calls import Notification, Notified
from ark_temporal.plan.people import ChannelPlan, NotifyPlan
from ark_temporal.plan.references import GivenValue, KeyRef
from ark_temporal.runs.names import NOTIFY_ACTIVITY
from ark_temporal.secrets import MappingStore, Secrets
from ark_temporal.tools.egress import EgressPolicy, guarded_client
from tests.integration.agents.sink import Sink
from tests.integration.lab import Lab
from tests.integration.plans import NAMESPACE
from tests.integration.raw_http import RawServer, Reply, answer, serving

TOKEN = "T0K/B3N/sk-very-secret-value"
PASSWORD = "Bearer sk-other-secret-value"
SLACK = ChannelPlan(type="slack", url=KeyRef(name="slack", key="url"))
HOOK = ChannelPlan(
    type="webhook",
    url=KeyRef(name="hook", key="url"),
    headers={
        "Authorization": GivenValue(ref=KeyRef(name="hook", key="auth")),
        "X-Team": GivenValue(value="kitchen"),
    },
)
GATE: dict[str, JsonValue] = {"gate": {"id": "serve-1", "approvers": ["ann", "bob"]}}


def telling(*channels: ChannelPlan, events: tuple[str, ...] = ()) -> Notification:
    return Notification(
        id="n-1",
        step="serve",
        namespace=NAMESPACE,
        team="menu",
        run="run-1",
        event="ApprovalRequested",
        notify=NotifyPlan(name="pager", channels=channels, events=events),
        message="Is it\nhot?",
        about=GATE,
    )


@dataclass
class Desk:
    """A worker's activity without a worker, attempt by attempt."""

    urls: Mapping[str, str]
    policy: EgressPolicy = field(default_factory=EgressPolicy)
    attempt: int = 0
    kept: list[JsonValue] = field(default_factory=list[JsonValue])

    async def tell(self, notification: Notification) -> Notified:
        self.attempt += 1
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, attempt=self.attempt, heartbeat_details=[*self.kept])
        environment.on_heartbeat = self._keep
        stores = MappingStore(
            {("Secret", NAMESPACE, name): {"url": url, "auth": PASSWORD} for name, url in self.urls.items()}
        )
        async with guarded_client(self.policy) as client:
            messenger = Messenger(client, Secrets([stores], {}), self.policy)
            return await environment.run(Notifications(messenger).notify, notification)

    async def failure(self, notification: Notification) -> ApplicationError:
        with pytest.raises(ApplicationError) as caught:
            await self.tell(notification)
        error = caught.value
        assert error.type == "NotificationFailed"
        assert error.__cause__ is None
        for secret in (TOKEN, "sk-very-secret-value", PASSWORD, *self.urls.values()):
            assert secret not in str(error)
        return error

    def _keep(self, *details: object) -> None:
        self.kept = json.loads(json.dumps(details))


def secret_url(server: RawServer) -> str:
    return server.url(f"/{TOKEN}")


async def failed(reply: Reply, channel: ChannelPlan = SLACK) -> ApplicationError:
    """How a channel with this reply fails."""
    async with serving(reply) as server:
        error = await Desk({"slack": secret_url(server), "hook": secret_url(server)}).failure(
            telling(channel)
        )
        assert len(server.requests) == 1
        return error


async def test_both_kinds_of_channel_are_told() -> None:
    async with serving(answer()) as slack, serving(answer()) as hook:
        desk = Desk({"slack": secret_url(slack) + "\n", "hook": hook.url("/hook?a=b")})
        assert await desk.tell(telling(SLACK, HOOK)) == Notified()
    (told,) = slack.requests
    assert (told.method, told.target) == ("POST", f"/{TOKEN}")
    assert told.values("content-type") == ["application/json"]
    assert json.loads(told.body) == {
        "text": "ApprovalRequested: Is it\nhot? (team menu, run run-1, step serve)"
    }
    (posted,) = hook.requests
    assert (posted.method, posted.target) == ("POST", "/hook?a=b")
    assert posted.values("authorization") == [PASSWORD]
    assert posted.values("x-team") == ["kitchen"]
    assert json.loads(posted.body) == {
        "event": "ApprovalRequested",
        "team": "menu",
        "run": "run-1",
        "step": "serve",
        "message": "Is it\nhot?",
        **GATE,
    }


@pytest.mark.parametrize(
    ("template", "body", "type"),
    [
        ("{{ .Message }}", b"Is it\nhot?", "text/plain; charset=utf-8"),
        ('{"who": {{ toJson .gate.approvers }}}', b'{"who": ["ann","bob"]}', "application/json"),
    ],
)
async def test_a_webhook_is_sent_its_template(template: str, body: bytes, type: str) -> None:
    async with serving(answer()) as server:
        channel = HOOK.model_copy(update={"template": template})
        assert await Desk({"hook": server.url()}).tell(telling(channel)) == Notified()
    (posted,) = server.requests
    assert (posted.body, posted.values("content-type")) == (body, [type])


async def test_a_template_that_does_not_render_is_a_warning() -> None:
    async with serving(answer()) as server:
        channel = SLACK.model_copy(update={"template": '{{ fail "no" }}'})
        (warning,) = (await Desk({"slack": server.url()}).tell(telling(channel))).warnings
    assert warning.startswith('ArkNotify "pager" (slack, by key "url" of Secret "slack"): its template')
    assert b"Is it" in server.requests[0].body


async def test_events_that_are_not_listed_are_not_told() -> None:
    async with serving(answer()) as server:
        desk = Desk({"slack": server.url()})
        assert await desk.tell(telling(SLACK, events=("TeamFailed",))) == Notified()
        assert server.requests == []
        assert await desk.tell(telling(SLACK, events=("TeamFailed", "ApprovalRequested"))) == Notified()
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Oops", "503 Unavailable"])
async def test_what_may_work_later_is_tried_again(status: str) -> None:
    error = await failed(answer(b"", status=status))
    assert not error.non_retryable
    assert error.next_retry_delay is None
    assert f"It answered HTTP {status[:3]}." in str(error)


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "404 Not Found", "410 Gone"])
async def test_what_will_never_work_is_not_tried_again(status: str) -> None:
    error = await failed(answer(b"no_service", status=status))
    assert error.non_retryable
    assert str(error).endswith(f"It answered HTTP {status[:3]}: no_service.")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30), ("1.5", 1.5), ("1e300", 86_400), ("0", None), ("-4", None), ("nan", None), ("soon", None)],
)
async def test_the_other_side_says_when_to_come_back(header: str, seconds: float | None) -> None:
    error = await failed(answer(status="429 Too Many Requests", headers=f"Retry-After: {header}\r\n"))
    assert error.next_retry_delay == (None if seconds is None else timedelta(seconds=seconds))


async def test_the_other_side_says_when_to_come_back_by_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    error = await failed(answer(status="503 Unavailable", headers=f"Retry-After: {date}\r\n"))
    assert error.next_retry_delay is not None
    assert timedelta(seconds=100) < error.next_retry_delay <= timedelta(seconds=120)


async def test_nobody_there_is_tried_again() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/{TOKEN}"
        error = await Desk({"slack": url}).failure(telling(SLACK))
    assert not error.non_retryable
    assert "It cannot be connected to." in str(error)


async def test_a_connection_that_breaks_off_is_tried_again() -> None:
    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    error = await failed(hang_up)
    assert not error.non_retryable
    assert "The connection was lost" in str(error)


@pytest.mark.slow
async def test_silence_is_tried_again() -> None:
    async def say_nothing(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    error = await failed(say_nothing)
    assert not error.non_retryable
    assert "It did not answer within 10 seconds." in str(error)


async def test_redirects_are_not_followed() -> None:
    async with serving(answer()) as elsewhere:
        moved = answer(status="307 Moved", headers=f"Location: {elsewhere.url()}\r\n")
        error = await failed(moved, HOOK)
        assert elsewhere.requests == []
    assert error.non_retryable
    assert "redirects are not followed" in str(error)


@pytest.mark.parametrize(("status", "arrived"), [("200 OK", True), ("400 Bad Request", False)])
async def test_an_answer_without_end_does_not_hold_anybody_up(status: str, arrived: bool) -> None:
    async def go_on(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n\r\n".encode())
        while True:
            writer.write(b"a" * 65_536)
            await writer.drain()

    async with asyncio.timeout(5):
        if not arrived:
            assert str(await failed(go_on)).endswith("It answered HTTP 400.")
            return
        async with serving(go_on) as server:
            assert await Desk({"slack": server.url()}).tell(telling(SLACK)) == Notified()


async def test_only_one_word_of_an_answer_is_repeated() -> None:
    error = await failed(answer(b"a" * 5_000, status="400 Bad Request"))
    assert str(error).endswith("It answered HTTP 400.")


async def test_a_secret_that_the_other_side_repeats_is_not_repeated() -> None:
    error = await failed(answer(f"no such hook: {TOKEN}, {PASSWORD}", status="404 Not Found"), HOOK)
    assert str(error).endswith("It answered HTTP 404.")


async def test_a_secret_in_the_host_is_not_repeated() -> None:
    error = await Desk({"slack": "http://sk-very-secret-value.invalid/x"}).failure(telling(SLACK))
    assert "[redacted]" in str(error)


@pytest.mark.parametrize(
    "url", ["", "sk-very-secret-value", f"ftp://x/{TOKEN}", f"https://u:{TOKEN}@x/", "http://[::/"]
)
async def test_an_address_that_is_none_is_not_tried_again(url: str) -> None:
    desk = Desk({"slack": url or " "})
    with pytest.raises(ApplicationError) as caught:
        await desk.tell(telling(SLACK))
    assert caught.value.non_retryable
    assert "The address of the webhook" in str(caught.value)
    assert "sk-very-secret-value" not in str(caught.value)


async def test_hosts_that_the_operator_denies_are_not_told() -> None:
    async with serving(answer()) as server:
        desk = Desk({"slack": secret_url(server)}, EgressPolicy(deny=("127.0.0.0/8",)))
        error = await desk.failure(telling(SLACK))
        assert server.connections == 0
    assert error.non_retryable
    assert "may not be reached" in str(error)


async def test_a_secret_that_this_worker_lacks_is_named() -> None:
    error = await Desk({}).failure(telling(SLACK))
    assert error.non_retryable
    assert 'Key "url" of Secret "lab/slack" is not known to this worker' in str(error)


async def test_a_header_whose_secret_is_missing_is_named() -> None:
    async with serving(answer()) as server:
        lacking = HOOK.model_copy(update={"headers": {"X-Key": GivenValue(ref=KeyRef(name="keys", key="k"))}})
        error = await Desk({"hook": server.url()}).failure(telling(lacking))
        assert server.requests == []
    assert 'Key "k" of Secret "lab/keys"' in str(error)


async def test_the_next_attempt_tells_only_who_was_not_told() -> None:
    with Sink() as slack, Sink(status=503) as hook:
        desk = Desk({"slack": slack.url, "hook": hook.url})
        error = await desk.failure(telling(SLACK, HOOK))
        assert 'channel 2 (webhook, by key "url" of Secret "hook"): It answered HTTP 503.' in str(error)
        assert "channel 1" not in str(error)
        hook.status = 200
        assert await desk.tell(telling(SLACK, HOOK)) == Notified()
        assert (len(slack.asked), len(hook.asked)) == (1, 2)
        first, second = (asked.key for asked in hook.asked)
        assert first == second != slack.asked[0].key


async def test_a_channel_that_can_never_be_told_is_a_warning_where_another_was() -> None:
    with Sink(status=404) as slack, Sink(status=503) as hook:
        desk = Desk({"slack": slack.url, "hook": hook.url})
        assert not (await desk.failure(telling(SLACK, HOOK))).non_retryable
        hook.status = 200
        (warning,) = (await desk.tell(telling(SLACK, HOOK))).warnings
        assert warning.endswith("It answered HTTP 404.")
        assert (len(slack.asked), len(hook.asked)) == (1, 2)


async def test_one_line_is_logged_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "activities")
    with Sink(status=503) as hook:
        desk = Desk({"hook": f"{hook.url}/{TOKEN}"})
        await desk.failure(telling(HOOK))
        hook.status = 200
        await desk.tell(telling(HOOK))
    lines = [record.getMessage() for record in caplog.records if record.name == "activities.notifying"]
    assert lines == ["ApprovalRequested: team menu, run run-1, step serve: Is it hot?"]
    assert TOKEN not in caplog.text
    assert PASSWORD not in caplog.text


@workflow.defn
class Teller:
    """Asks for one notification, as runs do."""

    @workflow.run
    async def run(self, notification: Notification, queue: str) -> Notified:
        return await workflow.execute_activity(
            NOTIFY_ACTIVITY,
            notification,
            result_type=Notified,
            task_queue=queue,
            start_to_close_timeout=timedelta(seconds=30),
        )


async def told_by_a_run(lab: Lab, notification: Notification) -> Notified:
    worker = Worker(
        lab.connection.client,
        task_queue=f"{lab.queue}-teller",
        workflows=[Teller],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker, asyncio.timeout(30):
        return await lab.connection.client.execute_workflow(
            Teller.run, args=[notification, lab.queue], id=str(uuid4()), task_queue=worker.task_queue
        )


async def test_temporal_tells_again_who_was_down_and_nobody_else(lab: Lab) -> None:
    with Sink() as slack, Sink(status=503) as hook:
        secrets = {"slack": {"url": slack.url}, "hook": {"url": f"{hook.url}/{TOKEN}", "auth": PASSWORD}}
        async with lab.working(secrets=secrets):
            telling_all = asyncio.create_task(told_by_a_run(lab, telling(SLACK, HOOK)))
            await hook.until_asked(1)
            hook.status = 200
            assert await telling_all == Notified()
        assert (len(slack.asked), len(hook.asked)) == (1, 2)


async def test_temporal_does_not_try_what_cannot_work(lab: Lab) -> None:
    async with lab.working():
        with pytest.raises(WorkflowFailureError) as caught:
            await told_by_a_run(lab, telling(SLACK))
    assert isinstance(caught.value.cause, ActivityError)
    assert isinstance(caught.value.cause.cause, ApplicationError)
    assert 'Secret "lab/slack" is not known to this worker' in str(caught.value.cause.cause)
