"""What an ArkEvent says about its webhook: who may call it, what a redelivery is, and what is answered."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ark_temporal.manifests.base import Int, KeyRef, ManifestModel, NameRef, NonBlank, Template


def _one_line(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise PydanticCustomError(
            "header-value", "Expected one line of ASCII text, such as `application/json`."
        )
    return text


class HmacAuth(ManifestModel):
    """A signature over the body."""

    scheme: Literal["github", "slack", "stripe"] = Field(
        description="Whose signature it is, with its header."
    )
    secret_ref: KeyRef = Field(description="The key of a Secret that holds the signing secret.")
    tolerance_seconds: Annotated[Int, Field(ge=1)] = Field(
        default=300, description="How old a signature with a time in it may be."
    )


class JwtAuth(ManifestModel):
    """A token of an OpenID Connect provider."""

    issuer: NonBlank = Field(description="The `iss` that the token must have.")
    audience: NonBlank = Field(description="The `aud` that the token must have.")
    jwks_url: NonBlank | None = Field(
        default=None,
        validation_alias="jwksURL",
        serialization_alias="jwksURL",
        description="Where the provider's keys are; by default what its discovery document says.",
    )
    claims: dict[str, str] = Field(
        default_factory=dict[str, str], description="Further claims that the token must have, by name."
    )


class WebhookAuth(ManifestModel):
    """One way to prove that a call may fire the event."""

    type: Literal["token", "basic", "hmac", "jwt", "none"] = Field(
        description="`token` is the event's own, made once; `none` lets everybody in."
    )
    basic: NameRef | None = Field(
        default=None, description="A Secret with the keys `username` and `password`, for `basic`."
    )
    hmac: HmacAuth | None = Field(default=None, description="Settings of `hmac`.")
    jwt: JwtAuth | None = Field(default=None, description="Settings of `jwt`.")


class WebhookAnswer(ManifestModel):
    """The HTTP answer, where a sender wants another than ours."""

    status: Annotated[Int, Field(ge=200, le=599)] = Field(default=200, description="The status code.")
    content_type: Annotated[NonBlank, AfterValidator(_one_line)] = Field(
        default="text/plain; charset=utf-8", description="Its Content-Type."
    )
    body: Template = Field(
        default="",
        description="Its body; may use `.trigger`, `.run.id` and `.run.url`, and `.output` where the call "
        "waits for the run. `html` escapes for HTML and XML, `toJson` for JSON.",
    )


class WebhookRate(ManifestModel):
    """How often a webhook may be called."""

    requests: Annotated[Int, Field(ge=1)] = Field(description="So many calls.")
    window_seconds: Annotated[Int, Field(ge=1)] = Field(default=60, description="In so many seconds.")


class WebhookSource(ManifestModel):
    """Who may call a webhook, and what it answers."""

    auth: list[WebhookAuth] | None = Field(
        default=None, description="One of these must let a call in; by default, the event's token does."
    )
    idempotency_key: Template | None = Field(
        default=None,
        description="What a redelivery has in common with the first delivery; may use `.trigger`. By default "
        "the header `Idempotency-Key`, or the delivery's id of a known sender.",
    )
    mode: Literal["async", "sync"] = Field(
        default="async", description="Answer at once, or with the run's result; `?mode=` goes before it."
    )
    timeout_seconds: Annotated[Int, Field(ge=1, le=300)] = Field(
        default=60, description="How long a call waits for the run's result."
    )
    respond: WebhookAnswer | None = Field(
        default=None, description="What is answered instead of JSON of ours."
    )
    challenge: Template | None = Field(
        default=None,
        description="Where this is not empty, it is the whole answer and nothing fires: for senders that ask "
        "whether the address is ours. May use `.trigger`; asked with GET, the query is `.trigger.body`.",
    )
    rate_limit: WebhookRate | None = Field(default=None, description="Calls over it are answered with 429.")
    max_body_bytes: Annotated[Int, Field(ge=1, le=10_485_760)] = Field(
        default=1_048_576, description="Larger bodies are answered with 413."
    )
