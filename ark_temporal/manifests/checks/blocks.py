"""Checks of ArkMemory, ArkNotify and ArkSettings: the block that is chosen must be there."""

from collections.abc import Iterator

from ark_temporal.manifests.ark_memory import LOCAL_STORE, ArkMemory, Embeddings, VectorStoreMemory
from ark_temporal.manifests.ark_notify import ArkNotify
from ark_temporal.manifests.ark_settings import ArkSettings
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.addresses import check_address, check_headers
from ark_temporal.manifests.origins import Finding


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
        if (channel.slack if channel.type == "slack" else channel.webhook) is None:
            message = f'The channel of type "{channel.type}" needs the block `{channel.type}`.'
            yield Finding(("spec", "channels", index, channel.type), "missing-block", message, "Add it.")
        if channel.webhook is not None:
            yield from check_headers(
                channel.webhook.headers, ("spec", "channels", index, "webhook", "headers")
            )
    first: dict[str, int] = {}
    for index, event in enumerate(notify.spec.events or []):
        if first.setdefault(event.type, index) != index:
            message = (
                f'The event "{event.type}" is already given as item {first[event.type] + 1} of this list.'
            )
            yield Finding(("spec", "events", index, "type"), "duplicate-name", message, "Remove one of them.")


def check_settings(settings: ArkSettings, bundle: Bundle) -> Iterator[Finding]:
    """Findings about an ArkSettings."""
    if settings.spec.fragments and settings.spec.prompt_fragments:
        message = "Both `fragments` and `promptFragments` are given; `fragments` are used."
        path = ("spec", "promptFragments")
        yield Finding(path, "fragments-overridden", message, severity="info", at_key=True)
