"""`ark-temporal schema` and `explain`: what manifests may say."""

from typing import Annotated

import typer

from cli import complete
from cli.errors import CommandError
from cli.output import write_json, write_text


def schema(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="A kind, such as ArkTeam; without it, all of them.",
            show_default=False,
            autocompletion=complete.kinds,
        ),
    ] = None,
) -> None:
    """Print the JSON Schema of manifests, for editors."""
    from ark_temporal.manifests import KINDS, json_schema, kind_named

    if kind is not None and kind_named(kind) is None:
        raise CommandError(f'There is no kind "{kind}"; kinds are {", ".join(KINDS)}.')
    write_json(json_schema(kind))


def explain(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A kind or one of its fields, such as arkteam.spec.pipeline.loop.",
            show_default=False,
            autocompletion=complete.kinds,
        ),
    ],
) -> None:
    """Explain a kind or a field of manifests."""
    from ark_temporal import manifests

    try:
        write_text(str(manifests.explain(path)))
    except LookupError as error:
        raise CommandError(str(error.args[0])) from None
