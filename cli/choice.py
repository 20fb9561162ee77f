"""Which team or agent of the manifests a command is about, and with what input."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.errors import CommandError
from cli.sources import forced_provider, show_diagnostics

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ark_temporal.manifests import ArkTeam, Bundle
    from ark_temporal.plan.compile import Compiled
    from ark_temporal.plan.model import Plan


@dataclass(frozen=True)
class Choice:
    """What was asked for.

    Attributes:
        team: A team; None for the first one.
        agent: An agent that is to run by itself.
        task: What is to be done, as given with `--task`.
        given: What was given with `-i`.
    """

    team: str | None = None
    agent: str | None = None
    task: str | None = None
    given: Sequence[str] = ()

    @property
    def texts(self) -> list[str]:
        """All that may want to read standard input."""
        return [*self.given, *([self.task] if self.task is not None else [])]


def compile_choice(
    bundle: "Bundle",
    choice: Choice,
    provider: str,
    *,
    ignore_unsupported: bool,
    starts: bool = True,
) -> "Plan":
    """The plan of what was asked for: of an agent, of a team, or of the first team.

    Args:
        bundle: The manifests, without errors.
        choice: What was asked for.
        provider: As `--provider` says.
        ignore_unsupported: Whether to do without what is not carried out yet.
        starts: Whether it will be run, so that an agent needs its task.

    Raises:
        CommandError: There is no such thing, it cannot be run, or the options do not go together.
    """
    from ark_temporal.plan.compile import CompileError, compile_agent, compile_team, select_team

    _refuse_contradictions(choice)
    alone = _is_for_an_agent(bundle, choice)
    if alone and starts:
        _refuse_missing_task(choice)
    forced = forced_provider(provider)
    try:
        if alone:
            compiled = compile_agent(
                bundle, choice.agent, provider=forced, ignore_unsupported=ignore_unsupported
            )
        else:
            team = select_team(bundle, choice.team)
            compiled = compile_team(bundle, team, provider=forced, ignore_unsupported=ignore_unsupported)
            if choice.team is None and len(bundle.teams) > 1:
                _warn_of_choice(team, bundle.teams)
    except CompileError as error:
        show_diagnostics(error.diagnostics)
        name = choice.agent or choice.team or (bundle.teams[0].metadata.name if bundle.teams else "")
        what = "The agent" if alone else "Team"
        raise CommandError(f'{what} "{name}" cannot be run.' if name else f"{what} cannot be run.") from None
    except LookupError as error:
        raise CommandError(str(error.args[0])) from None
    return _shown(compiled)


def input_of(choice: Choice, plan: "Plan") -> "dict[str, JsonValue]":
    """The input that was given, the task among it.

    Raises:
        CommandError: It cannot be read, or the task is given twice.
        InputError: The plan has no input that a task could be.
    """
    from ark_temporal.plan.inputs import task_input
    from cli.inputs import read_input, read_text

    values = read_input(choice.given)
    if choice.task is None:
        return values
    task = read_text(choice.task, "--task")
    if not task.strip():
        raise CommandError("--task: the task is empty. Say what is to be done.")
    told = task_input(plan, task)
    if twice := next((name for name in told if name in values), None):
        raise CommandError(f"The task is given twice: keep --task, or the `{twice}` of -i.")
    return {**values, **told}


def _refuse_contradictions(choice: Choice) -> None:
    if choice.team is not None and choice.agent is not None:
        raise CommandError("--team and --agent exclude each other: run the one or the other.")


def _is_for_an_agent(bundle: "Bundle", choice: Choice) -> bool:
    """Whether an agent is to run by itself; without a team in the manifests, nothing else can be meant."""
    from ark_temporal.manifests import ArkAgent

    if choice.agent is not None:
        return True
    if choice.team is not None or bundle.teams:
        return False
    agents = bundle.all(ArkAgent)
    if len(agents) > 1:
        names = ", ".join(agent.metadata.name for agent in agents)
        raise CommandError(f"The manifests hold no team; name the agent to run with --agent: {names}.")
    return bool(agents)


def _refuse_missing_task(choice: Choice) -> None:
    if choice.task is None and not choice.given:
        raise CommandError("An agent that runs by itself needs to know what to do: add --task TEXT.")


def _shown(compiled: "Compiled") -> "Plan":
    show_diagnostics(compiled.warnings)
    return compiled.plan


def _warn_of_choice(team: "ArkTeam", teams: "Sequence[ArkTeam]") -> None:
    from cli.terminal import complain

    others = ", ".join(each.metadata.name for each in teams if each is not team)
    complain(
        f'Team "{team.metadata.name}", the first one, is taken; --team takes another: {others}.', "warning"
    )
