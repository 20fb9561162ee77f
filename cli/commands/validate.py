"""`ark-temporal validate`: what is wrong with manifests, before anything runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.amounts import plural
from cli.exit_codes import ExitCode
from cli.output import parse_format, write_json, write_text
from cli.terminal import complain

if TYPE_CHECKING:
    from ark_temporal.manifests import ArkTeam, Bundle, Diagnostic


def validate(
    sources: options.Sources,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail too.")] = False,
    output: options.PlainOutput = "text",
) -> None:
    """Check manifests before anything runs.

    Shows every error and warning with its file, line, column and mend. The exit code is 0 where the manifests
    are valid, else 2.
    """
    form = parse_format(output)

    from ark_temporal.manifests import load

    bundle = load(sources)
    found = [*bundle.diagnostics, *(_not_carried_out(bundle) if bundle.ok else [])]
    counts = {severity: sum(each.severity == severity for each in found) for severity in ("error", "warning")}
    ok = not counts["error"] and not (strict and counts["warning"])
    if form == "json":
        from dataclasses import asdict

        from ark_temporal.manifests import ArkAgent

        teams = [_facts(team) for team in bundle.teams]
        agents = [each.metadata.model_dump(include={"name", "namespace"}) for each in bundle.all(ArkAgent)]
        told = [asdict(each) for each in found]
        write_json({"ok": ok, "diagnostics": told, "teams": teams, "agents": agents})
    else:
        _show(bundle, found, counts, ok=ok)
    raise typer.Exit(ExitCode.SUCCEEDED if ok else ExitCode.USAGE)


def _not_carried_out(bundle: "Bundle") -> "list[Diagnostic]":
    """Valid, but not yet done by this version; each once, though several teams may share an agent."""
    from ark_temporal.manifests import ArkAgent
    from ark_temporal.plan.compile import CompileError, compile_agent, compile_team

    found: dict[Diagnostic, None] = {}
    for each in (*bundle.teams, *bundle.all(ArkAgent)):
        try:
            if isinstance(each, ArkAgent):
                name = f"{each.metadata.namespace}/{each.metadata.name}"
                compiled = compile_agent(bundle, name, ignore_unsupported=True)
            else:
                compiled = compile_team(bundle, each, ignore_unsupported=True)
            found.update(dict.fromkeys(compiled.warnings))
        except CompileError as error:
            found.update(dict.fromkeys(error.diagnostics))
    return list(found)


def _show(bundle: "Bundle", found: "list[Diagnostic]", counts: dict[str, int], *, ok: bool) -> None:
    from ark_temporal.manifests import ArkAgent
    from cli.sources import show_diagnostics

    show_diagnostics(found)
    counted = ", ".join(plural(count, severity) for severity, count in counts.items() if count)
    if not ok:
        complain(f"The manifests are not valid: {counted}.")
        return
    summary = f"{plural(len(bundle.teams), 'team')}, {plural(_agents(bundle), 'agent')}: valid"
    lines = [f"{summary} ({counted})" if counted else summary]
    lines += [f"  {team.metadata.namespace}/{team.metadata.name}  {_shape(team)}" for team in bundle.teams]
    if not bundle.teams:
        lines += [f"  {each.metadata.namespace}/{each.metadata.name}  agent" for each in bundle.all(ArkAgent)]
    write_text("\n".join(lines))


def _shape(team: "ArkTeam") -> str:
    steps = len(team.spec.pipeline)
    return f"{_mode(team)}, {plural(steps, 'step')}" if steps else _mode(team)


def _mode(team: "ArkTeam") -> str:
    if team.spec.pipeline:
        return "pipeline"
    return "dynamic" if team.spec.routing is None else "routed"


def _facts(team: "ArkTeam") -> dict[str, object]:
    return {
        "name": team.metadata.name,
        "namespace": team.metadata.namespace,
        "mode": _mode(team),
        "roles": [role.name for role in team.spec.roles],
        "steps": [step.id for step in team.spec.pipeline],
    }


def _agents(bundle: "Bundle") -> int:
    """Agents of their own, and those that roles describe."""
    from ark_temporal.manifests import ArkAgent

    inline = sum(
        role.ark_agent is None and role.ark_team is None for team in bundle.teams for role in team.spec.roles
    )
    return len(bundle.all(ArkAgent)) + inline
