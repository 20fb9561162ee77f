import pytest

from ark_temporal.llm import Credentials, ModelError, Provider, resolve_credentials

KEY = "sk-planted-4711"


@pytest.mark.parametrize(
    ("provider", "variable", "host"),
    [
        ("anthropic", "ANTHROPIC_API_KEY", "api.anthropic.com"),
        ("openai", "OPENAI_API_KEY", "api.openai.com"),
        ("openai-compatible", "OPENAI_API_KEY", "api.openai.com"),
        ("gemini", "GEMINI_API_KEY", "generativelanguage.googleapis.com"),
        ("gemini", "GOOGLE_API_KEY", "generativelanguage.googleapis.com"),
    ],
)
def test_finds_the_key(provider: Provider, variable: str, host: str) -> None:
    credentials = resolve_credentials(provider, {variable: f" {KEY}\n"})
    assert credentials.api_key.get_secret_value() == KEY
    assert host in credentials.base_url


@pytest.mark.parametrize(
    ("provider", "key", "variable"),
    [
        ("anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
        ("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
        ("openai-compatible", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
        ("gemini", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"),
    ],
)
def test_finds_the_base_url(provider: Provider, key: str, variable: str) -> None:
    environment = {key: KEY, variable: "http://gateway:4000"}
    assert resolve_credentials(provider, environment).base_url == "http://gateway:4000"


def test_geminis_own_variable_comes_first() -> None:
    credentials = resolve_credentials("gemini", {"GOOGLE_API_KEY": "other", "GEMINI_API_KEY": KEY})
    assert credentials.api_key.get_secret_value() == KEY


def test_openais_organization_and_project() -> None:
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": " "}
    assert resolve_credentials("openai", environment).extra == {"organization": "org-1"}


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("openai", "OPENAI_API_KEY"),
        ("gemini", "GEMINI_API_KEY"),
        ("gemini", "GOOGLE_API_KEY"),
    ],
)
@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_missing_key_says_what_to_do(provider: Provider, variable: str, value: str | None) -> None:
    environment = {} if value is None else {variable: value}
    with pytest.raises(ModelError) as raised:
        resolve_credentials(provider, environment)
    assert raised.value.type == "ModelCredentialsMissing"
    assert not raised.value.retryable
    for words in (variable, "envFrom", "worker's environment", "--provider mock"):
        assert words in str(raised.value)


def test_a_local_server_needs_no_key() -> None:
    credentials = resolve_credentials("openai-compatible", {"OPENAI_BASE_URL": "http://localhost:11434/v1"})
    assert credentials.api_key.get_secret_value(), "the SDK insists on some key"


def test_a_compatible_model_without_anything_names_both_variables() -> None:
    with pytest.raises(ModelError) as raised:
        resolve_credentials("openai-compatible", {"ANTHROPIC_API_KEY": KEY})
    assert raised.value.type == "ModelCredentialsMissing"
    for words in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "model's name", "--provider mock"):
        assert words in str(raised.value)


def test_the_mock_needs_nothing() -> None:
    assert resolve_credentials("mock", {}) == Credentials()


@pytest.mark.parametrize("key", ["sk-“quoted”", "sk-two words", "sk-a\nsk-b"])
def test_what_no_header_can_carry_is_no_key(key: str) -> None:
    with pytest.raises(ModelError) as raised:
        resolve_credentials("openai", {"OPENAI_API_KEY": key})
    assert raised.value.type == "ModelCredentialsMissing"
    assert "OPENAI_API_KEY" in str(raised.value)
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["localhost:11434", "ftp://host/v1", "http://", "v1", "http://[::1", "http://host:port"]
)
def test_a_base_url_that_is_no_url(url: str) -> None:
    with pytest.raises(ModelError) as raised:
        resolve_credentials("openai-compatible", {"OPENAI_BASE_URL": url})
    assert raised.value.type == "ModelBadRequest"
    assert "OPENAI_BASE_URL" in str(raised.value)


def test_a_base_url_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(ModelError) as raised:
        resolve_credentials("openai-compatible", {"OPENAI_BASE_URL": f"https://me:{KEY}@gateway/v1"})
    assert raised.value.type == "ModelBadRequest"
    assert "OPENAI_BASE_URL" in str(raised.value)
    assert KEY not in str(raised.value)


def test_no_key_is_ever_shown() -> None:
    credentials = resolve_credentials("openai", {"OPENAI_API_KEY": KEY})
    shown = (
        repr(credentials),
        str(credentials),
        str(credentials.model_dump()),
        credentials.model_dump_json(),
    )
    assert not any(KEY in text for text in shown)
