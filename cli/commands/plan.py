"""`ark-temporal plan`: what would run, what it reaches, and what it costs at the worst."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cli import options
from cli.loop import run_async
from cli.output import parse_format, write_json, write_text

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ark_temporal.llm.types import Provider
    from ark_temporal.manifests import Bundle
    from ark_temporal.plan.model import AgentPlan, Plan
    from ark_temporal.secrets import Secrets
    from cli.choice import Choice


def plan(
    sources: options.Sources,
    team: options.Team = None,
    agent: options.Agent = None,
    task: options.Task = None,
    given: options.Input = None,
    provider: options.Provider = "auto",
    prices: options.PricesFile = None,
    secrets_dir: options.SecretsDirectory = None,
    ignore_unsupported: options.IgnoreUnsupported = False,
    output: options.PlainOutput = "text",
) -> None:
    """Show what would run, without running it.

    In what order and on which models, what people decide and who may hand tasks to whom, which tools every
    role reaches and what they can change, and the most calls, tokens and dollars that it may take. Nothing is
    asked: no model, no tool, no server. With an input, it is checked too. Exit code 2 where the manifests
    cannot be run.
    """
    from cli.choice import Choice, compile_choice
    from cli.local import check_files
    from cli.sources import load_sources

    form = parse_format(output)
    check_files(prices=prices, secrets_dir=secrets_dir)
    choice = Choice(team, agent, task, given or ())
    bundle = load_sources(sources, inputs=choice.texts)
    planned = compile_choice(bundle, choice, provider, ignore_unsupported=ignore_unsupported, starts=False)

    from ark_temporal.llm.prices import load_prices
    from ark_temporal.plan.forecast import forecast

    found = forecast(
        planned,
        providers=run_async(_providers(planned, bundle, secrets_dir)),
        prices=load_prices(prices),
        run_input=_input(planned, choice),
    )
    if form == "json":
        write_json(found.model_dump(mode="json"))
    else:
        from cli.plan_text import describe_forecast

        write_text(describe_forecast(found))


def _input(planned: "Plan", choice: "Choice") -> "dict[str, JsonValue] | None":
    """The run's input, checked, if any is given; defaults alone count where nothing is required."""
    from cli.choice import input_of

    values = input_of(choice, planned)
    if not values and any(each.required for each in planned.inputs):
        return None

    from ark_temporal.plan.inputs import resolve_input

    return resolve_input(planned, values)


async def _providers(planned: "Plan", bundle: "Bundle", secrets_dir: Path | None) -> "dict[str, Provider]":
    """Who would answer for each role, with the manifests' Secrets and this shell's environment."""
    from ark_temporal.plan.reach import every_agent
    from ark_temporal.secrets import Secrets, with_mounted
    from cli.sources import mapping_store

    secrets = Secrets(with_mounted([mapping_store(bundle)], secrets_dir), os.environ)
    found: dict[str, Provider] = {}
    for role, agent in every_agent(planned):
        provider = await _provider(agent, secrets, planned.namespace)
        if provider is not None:
            found[role] = provider
    return found


async def _provider(agent: "AgentPlan", secrets: "Secrets", namespace: str) -> "Provider | None":
    if agent.provider is not None:
        return agent.provider

    from ark_temporal.llm.detect import detect_provider
    from ark_temporal.llm.errors import ModelError
    from cli.terminal import complain

    values = (await secrets.environment(agent.env_from, namespace)).values
    try:
        return detect_provider(agent.model, values.get("AGENT_PROVIDER"), values.get("OPENAI_BASE_URL"))
    except ModelError:
        complain(f'AGENT_PROVIDER of role "{agent.role}" is not the name of a provider.', "warning")
        return None
