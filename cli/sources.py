"""Manifests as commands take them: loaded, and complained about."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from cli.amounts import plural
from cli.errors import CommandError
from cli.terminal import Span, Style, printable, stderr

if TYPE_CHECKING:
    from ark_temporal.llm.types import Provider
    from ark_temporal.manifests import Bundle, Diagnostic
    from ark_temporal.secrets import MappingStore, SecretStore

_STYLES: dict[str, Style] = {"error": "red", "warning": "yellow", "info": "cyan"}


def load_sources(
    sources: Sequence[str],
    *,
    inputs: Sequence[str] = (),
    texts: Mapping[str, str] | None = None,
    stdin: TextIO | None = None,
) -> "Bundle":
    """Load manifests and show what there is to say about them.

    Args:
        sources: Files, directories and `-`.
        inputs: What was given as input, which may want standard input too.
        texts: Manifests that are in no file, by what findings call them.
        stdin: What `-` reads, where standard input itself has been read.

    Raises:
        CommandError: They have errors.
    """
    if [*sources, *inputs].count("-") > 1:
        raise CommandError("Standard input can be read only once: use - for the manifests or for the input.")
    from ark_temporal.manifests import load

    bundle = load(sources, texts=texts, stdin=stdin)
    show_diagnostics(bundle.diagnostics)
    if not bundle.ok:
        raise CommandError(f"The manifests have {plural(len(bundle.errors), 'error')}; nothing was started.")
    return bundle


def show_diagnostics(diagnostics: "Sequence[Diagnostic]") -> None:
    """One line each: place, severity, what, and how to mend it."""
    terminal = stderr()
    for each in diagnostics:
        place, _, rest = printable(str(each)).partition(f": {each.severity}: ")
        severity = Span(f"{each.severity}: ", _STYLES[each.severity])
        terminal.write(terminal.paint([Span(f"{place}: ", "bold"), severity, Span(rest)]) + "\n")


def forced_provider(provider: str) -> "Provider | None":
    """The provider that `--provider` forces on all models; None lets each decide by its name."""
    from typing import get_args

    from ark_temporal.llm.types import Provider

    known: tuple[Provider, ...] = get_args(Provider)
    return next((each for each in known if each == provider), None)


def secret_stores(bundle: "Bundle", *, allow_commands: bool) -> "list[SecretStore]":
    """What a process serves that is given these manifests: their Secrets, ConfigMaps and ArkSecrets.

    Raises:
        CommandError: An ArkSecret is a program, and none may be started here.
    """
    from ark_temporal.manifests import ArkSecret
    from ark_temporal.secrets import ProvidedStore

    provided = bundle.all(ArkSecret)
    programs = [each.metadata.name for each in provided if each.spec.provider == "command"]
    if programs and not allow_commands:
        raise CommandError(
            f'The ArkSecret "{programs[0]}" is a program, and this process may start none. Say '
            "--allow-commands, or leave its file out."
        )
    return [mapping_store(bundle), ProvidedStore(provided, allow_commands=allow_commands)]


def given_stores(
    secrets: Sequence[str] | None, secrets_dir: Path | None, *, allow_commands: bool
) -> "list[SecretStore]":
    """What `--secrets` and `--secrets-dir` give to a process.

    Raises:
        CommandError: They cannot be read, or a program may not be started here.
    """
    from ark_temporal.secrets import with_mounted

    if secrets_dir is not None and not secrets_dir.is_dir():
        raise CommandError(f"--secrets-dir: {secrets_dir} is not a directory.")
    given = secret_stores(load_sources(secrets), allow_commands=allow_commands) if secrets else []
    return with_mounted(given, secrets_dir)


def mapping_store(bundle: "Bundle") -> "MappingStore":
    """The Secrets and ConfigMaps of the manifests, for a worker in this process."""
    from collections.abc import Mapping

    from ark_temporal.secrets import MappingStore

    objects: dict[tuple[Literal["Secret", "ConfigMap"], str, str], Mapping[str, str]] = {
        ("ConfigMap", *key): values for key, values in bundle.config_maps.items()
    }
    for key, secret in bundle.secrets.items():
        objects["Secret", *key] = {name: value.get_secret_value() for name, value in secret.items()}
    return MappingStore(objects)
