"""Checks of ArkMemory, ArkNotify and ArkSettings: the block that is chosen must be there."""

from collections.abc import Iterator

from ark_temporal.manifests.ark_memory import LOCAL_STORE, ArkMemory, Embeddings, VectorStoreMemory
from ark_temporal.manifests.ark_notify import ArkNotify, EmailChannel
from ark_temporal.manifests.ark_settings import ArkSettings
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.addresses import check_address, check_headers, is_mail_address
from ark_temporal.manifests.origins import Finding, Path


def check_memory(memory: ArkMemory, bundle: Bundle) -> Iterator[Finding]:
    """Findings about an ArkMemory."""
    spec = memory.spec
    for backend, block, given in (
        ("redis", "redis", spec.redis),
        ("vector-store", "vectorStore", spec.vector_store),
    ):
        if spec.backend == backend and given is None:
            message = f'The backend "{backend}" needs the block `{block}`.'
            yield Finding(("spec", block), "missing-block", message, f"Add `{block}` to the spec.")
    if spec.vector_store is not None:
        yield from _endpoint(spec.vector_store)
        yield from _embeddings(spec.vector_store.embeddings)


def _embeddings(embeddings: Embeddings) -> Iterator[Finding]:
    if embeddings.provider == "openai-compatible" and not embeddings.model.strip():
        message = "A server that is compatible with OpenAI has no usual model."
        path = ("spec", "vectorStore", "embeddings", "model")
        yield Finding(path, "missing-field", message, "Name its embedding model by `model`.")


def _endpoint(store: VectorStoreMemory) -> Iterator[Finding]:
    path = ("spec", "vectorStore", "endpoint")
    if store.endpoint == LOCAL_STORE:
        if store.provider != "qdrant":
            message = f"Only Qdrant can be `{LOCAL_STORE}`; {store.provider} has an address."
            yield Finding(path, "invalid-url", message)
    else:
        yield from check_address(store.endpoint, path)


def check_notify(notify: ArkNotify, bundle: Bundle) -> Iterator[Finding]:
    """Findings about an ArkNotify."""
    for index, channel in enumerate(notify.spec.channels):
        blocks = {"slack": channel.slack, "webhook": channel.webhook, "email": channel.email}
        if blocks[channel.type] is None:
            message = f'The channel of type "{channel.type}" needs the block `{channel.type}`.'
            yield Finding(("spec", "channels", index, channel.type), "missing-block", message, "Add it.")
        if channel.webhook is not None:
            yield from check_headers(
                channel.webhook.headers, ("spec", "channels", index, "webhook", "headers")
            )
        if channel.email is not None:
            yield from _mail(channel.email, ("spec", "channels", index, "email"))
    first: dict[str, int] = {}
    for index, event in enumerate(notify.spec.events or []):
        if first.setdefault(event.type, index) != index:
            message = (
                f'The event "{event.type}" is already given as item {first[event.type] + 1} of this list.'
            )
            yield Finding(("spec", "events", index, "type"), "duplicate-name", message, "Remove one of them.")


def _mail(email: EmailChannel, path: Path) -> Iterator[Finding]:
    for place, address in (("from", email.sender), *((index, each) for index, each in enumerate(email.to))):
        at = (*path, "from") if place == "from" else (*path, "to", place)
        if not is_mail_address(address):
            message = f"{address!r} is no mail address."
            yield Finding(at, "invalid-address", message, "Write `name@example.org`, or `Name <address>`.")
    if email.password_from is not None and email.username_from is None:
        message = "A password is given and no user name, so nobody logs in."
        yield Finding((*path, "passwordFrom"), "missing-field", message, "Name its key by `usernameFrom`.")
    if email.username_from is not None and email.tls == "none":
        message = "The user name and the password travel in the clear."
        hint = "Use `tls: starttls` or `tls: tls`."
        yield Finding((*path, "tls"), "insecure", message, hint, severity="warning")


def check_settings(settings: ArkSettings, bundle: Bundle) -> Iterator[Finding]:
    """Findings about an ArkSettings."""
    if settings.spec.fragments and settings.spec.prompt_fragments:
        message = "Both `fragments` and `promptFragments` are given; `fragments` are used."
        path = ("spec", "promptFragments")
        yield Finding(path, "fragments-overridden", message, severity="info", at_key=True)
