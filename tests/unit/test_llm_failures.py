import httpx2
import pytest
from pydantic import SecretStr

from ark_temporal.llm import Credentials, ModelError, ModelRequest, UserMessage
from ark_temporal.llm._failures import model_errors

REQUEST = ModelRequest(model="llama", messages=(UserMessage(text="?"),))
CREDENTIALS = Credentials(api_key=SecretStr("sk-planted"), base_url="http://localhost/v1")


async def _raise_within(raised: Exception) -> None:
    async with model_errors("openai-compatible", CREDENTIALS, REQUEST):
        raise raised


async def test_a_failure_inside_of_groups_is_found() -> None:
    refused = httpx2.ConnectError("refused by sk-planted")
    with pytest.raises(ModelError) as raised:
        await _raise_within(ExceptionGroup("outer", [ExceptionGroup("inner", [refused])]))
    assert raised.value.type == "ModelConnectionError"
    assert "refused by ***" in str(raised.value)


@pytest.mark.parametrize("bug", [KeyError("x"), TypeError("y"), ExceptionGroup("z", [KeyError("x")])])
async def test_a_bug_is_no_failed_call(bug: Exception) -> None:
    with pytest.raises(type(bug)) as raised:
        await _raise_within(bug)
    assert raised.value is bug
