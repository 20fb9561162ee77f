"""The reference of all kinds as Markdown, made from the models."""

from collections.abc import Iterator

from ark_temporal.manifests.base import API_VERSION, ArkResource, ManifestModel, Resource
from ark_temporal.manifests.explain import shown_default, shown_range, summary_of
from ark_temporal.manifests.fields import Field, fields_of
from ark_temporal.manifests.kinds import KINDS

_HEAD = frozenset({"apiVersion", "kind", "metadata", "status"})


def render_reference() -> str:
    """All kinds with all their fields, as one Markdown page."""
    lines = [
        "# Manifest reference",
        "",
        f"Every object has `apiVersion` (`{API_VERSION}`), `kind`, `metadata` and, for most kinds, `spec`. "
        "Fields are marked **required** or show their default. A `status` is ignored.",
        "",
        *(f"- [{kind}](#{kind.lower()})" for kind in KINDS),
    ]
    for model in KINDS.values():
        lines += ["", *_kind(model)]
    lines += ["", "## Metadata", "", *_fields(fields_of(Resource)["metadata"].shape.model, "metadata")]
    return "\n".join(lines) + "\n"


def _kind(model: type[Resource]) -> Iterator[str]:
    yield from (f"## {model.KIND}", "", summary_of(model))
    short = [name for name in model.SHORT_NAMES if name != model.KIND.lower()]
    if short:
        yield from ("", f"Short name: {', '.join(f'`{name}`' for name in short)}.")
    if not issubclass(model, ArkResource):
        yield from ("", "A Kubernetes kind, with `apiVersion: v1`.")
    yield ""
    rows = [field for field in fields_of(model).values() if field.name not in _HEAD]
    yield from _table(rows)
    for field in rows:
        if field.shape.model:
            yield from _fields(field.shape.model, field.name, heading=False)


def _fields(model: type[ManifestModel] | None, path: str, *, heading: bool = True) -> Iterator[str]:
    """Tables of a model and of the models in it."""
    if model is None:
        return
    if not heading:
        yield from ("", f"### `{path}`", "", summary_of(model), "")
    rows = list(fields_of(model).values())
    yield from _table(rows)
    for field in rows:
        if field.shape.model and not field.other_name_of:
            mark = {"list": "[]", "map": ".*", "": ""}[field.shape.container]
            yield from _fields(field.shape.model, f"{path}.{field.name}{mark}", heading=False)


def _table(rows: list[Field]) -> Iterator[str]:
    yield from ("| field | type | default | meaning |", "| --- | --- | --- | --- |")
    for field in rows:
        allowed = shown_range(field)
        kind = field.shape.name + (f": {allowed}" if allowed else "")
        default = f"`{shown_default(field)}`" if shown_default(field) else ""
        need = "**required**" if field.required else default
        yield f"| `{field.name}` | {_cell(kind)} | {_cell(need)} | {_cell(field.description)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
