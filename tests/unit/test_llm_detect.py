import pytest

from ark_temporal.llm import ModelError, Provider, detect_provider


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("claude-sonnet-4-5", "anthropic"),
        ("gpt-4o", "openai"),
        ("o1", "openai"),
        ("o1-mini", "openai"),
        ("o3", "openai"),
        ("o4-mini", "openai"),
        ("gemini-2.5-flash", "gemini"),
        ("mock", "mock"),
        ("GPT-4o", "openai"),
        ("o1x", "openai-compatible"),
        ("o2", "openai-compatible"),
        ("o10", "openai-compatible"),
        ("olmo-3", "openai-compatible"),
        ("claudette", "openai-compatible"),
        ("mockingbird", "openai-compatible"),
        ("anthropic/claude-sonnet-4-5", "openai-compatible"),
        ("qwen2.5:7b", "openai-compatible"),
        ("", "openai-compatible"),
    ],
)
def test_by_model(model: str, provider: Provider) -> None:
    assert detect_provider(model) == provider
    assert detect_provider(model, "") == provider
    assert detect_provider(model, " Auto ") == provider


@pytest.mark.parametrize(
    ("named", "provider"),
    [
        ("anthropic", "anthropic"),
        ("OpenAI", "openai"),
        ("openai-compatible", "openai-compatible"),
        ("Gemini", "gemini"),
        ("google", "gemini"),
        (" mock\n", "mock"),
    ],
)
def test_the_agents_provider_wins_over_the_model(named: str, provider: Provider) -> None:
    assert detect_provider("claude-sonnet-4-5", named) == provider


def test_an_unknown_provider_is_named_with_those_allowed() -> None:
    with pytest.raises(ModelError) as raised:
        detect_provider("gpt-4o", "openia")
    assert raised.value.type == "ModelBadRequest"
    assert not raised.value.retryable
    for word in ("AGENT_PROVIDER", "openia", "anthropic", "openai-compatible", "gemini", "mock", "auto"):
        assert word in str(raised.value)


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        (None, "openai"),
        (" ", "openai"),
        ("https://api.openai.com/v1", "openai"),
        ("https://eu.api.openai.com/v1/", "openai"),
        ("http://localhost:4000/v1", "openai-compatible"),
        ("https://api.openai.com.evil.example/v1", "openai-compatible"),
        ("https://notapi.openai.company/v1", "openai-compatible"),
        ("http://[::1", "openai-compatible"),
    ],
)
def test_another_base_url_means_chat_completions(url: str | None, provider: Provider) -> None:
    assert detect_provider("gpt-4o", None, url) == provider
    assert detect_provider("gpt-4o", "openai", url) == provider
    assert detect_provider("claude-sonnet-4-5", None, url) == "anthropic"
