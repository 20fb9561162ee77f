"""Nothing that proves who calls is written anywhere: not in answers, logs, histories, memos or visibility."""

import base64
import logging
from collections.abc import AsyncGenerator

import pytest

from ark_temporal.runs.find import RunSummary
from tests.integration.gateway.place import GITHUB, PASSWORD, SLACK, STRIPE, TOKEN, Gateway
from tests.integration.gateway.senders import github, slack_event, stripe, twilio

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLANTED = [TOKEN, GITHUB, SLACK, STRIPE, PASSWORD, base64.b64encode(f"AC1:{PASSWORD}".encode()).decode()]


async def everything(gateway: Gateway) -> AsyncGenerator[bytes]:
    """All that Temporal keeps of all workflows."""
    client = gateway.connection.client
    async for execution in client.list_workflows():
        yield str(execution.raw_info).encode()
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        yield (await handle.describe()).raw_description.SerializeToString()
        async for event in handle.fetch_history_events():
            yield event.SerializeToString()


async def test_credentials_stay_where_they_are(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        await gateway.post("hook", {"text": "x"}),
        await gateway.post("hook", {"text": "x"}, headers={"cookie": TOKEN}, params={"token": TOKEN}),
        await gateway.post("hook", {"text": "x"}, headers={"authorization": f"Bearer {TOKEN[:-1]}"}),
        await gateway.post("alone", {"text": "x"}, headers={"authorization": f"Bearer {TOKEN}"}),
    ]
    sent = [github("x"), slack_event("x"), stripe(), twilio("x", token="t9")]
    for event, (body, headers) in zip(("github", "slack", "stripe", "twilio"), sent, strict=True):
        answers.append(await gateway.post(event, body, headers=headers))
    assert [each.status_code for each in answers] == [202, 202, 401, 202, 202, 202, 202, 200]
    signatures = [
        sent[0][1]["x-hub-signature-256"],
        sent[1][1]["x-slack-signature"],
        sent[2][1]["stripe-signature"],
    ]
    runs: list[RunSummary] = []
    for event in ("hook", "alone", "github", "slack", "stripe", "twilio"):
        found = await gateway.runs_of(event, 1)
        runs += found
        for run in found:
            await gateway.ended(run.id)
    assert len(runs) == 7
    kept = [piece async for piece in everything(gateway)]
    kept += [each.content + str(each.headers).encode() for each in answers]
    kept += [
        record.getMessage().encode() for record in caplog.records if record.name.startswith("ark-temporal")
    ]
    assert any(b"webhook {" in each for each in kept)
    directory = gateway.services.options.state_directory
    assert directory is not None
    kept += [file.read_bytes() for file in directory.parent.rglob("payloads/**/*") if file.is_file()]
    for secret in [*PLANTED, *signatures]:
        assert not any(secret.encode() in piece for piece in kept)
