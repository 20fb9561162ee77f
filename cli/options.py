"""Options that several commands share, each written once."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import complete

if TYPE_CHECKING:
    from ark_temporal.runs.connection import ConnectOptions

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCES",
        help="Manifests: files, directories with their subdirectories, or - for standard input.",
        show_default=False,
    ),
]
OptionalSources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCES",
        help="Manifests whose Secrets, ConfigMaps and ArkSecrets are served: files, directories, or -.",
        show_default=False,
    ),
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help='The id of a run, or "latest".',
        show_default=False,
        autocompletion=complete.runs,
    ),
]
Event = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The event, as name or namespace/name.",
        show_default=False,
        autocompletion=complete.events,
    ),
]
Team = Annotated[
    str | None,
    typer.Option(
        "--team",
        "-t",
        metavar="NAME",
        help="The team to run, as name or namespace/name.",
        show_default=False,
        autocompletion=complete.teams,
    ),
]
Agent = Annotated[
    str | None,
    typer.Option(
        "--agent",
        "-a",
        metavar="NAME",
        help="Run one ArkAgent by itself, as name or namespace/name, at a --task.",
        show_default=False,
        autocompletion=complete.agents,
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="TEXT",
        help="What is to be done: text, @FILE with it, or - for standard input. A team takes it as its input "
        "`task`, or as the one that it needs. Manifests with no team and one agent need no --agent.",
        show_default=False,
    ),
]
Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="INPUT",
        help="Input of the run: key=value, a JSON object, @FILE with one, or - to read one from standard "
        "input. May be repeated; the later wins.",
        show_default=False,
    ),
]
Provider = Annotated[
    Literal["auto", "anthropic", "openai", "openai-compatible", "gemini", "mock"],
    typer.Option(help="Who answers for all models; auto decides by a model's name."),
]
EventsProvider = Annotated[
    Literal["auto", "anthropic", "openai", "openai-compatible", "gemini", "mock"],
    typer.Option(
        "--provider", help="Who answers in the runs that events start; auto decides by a model's name."
    ),
]
IgnoreUnsupported = Annotated[
    bool, typer.Option("--ignore-unsupported", help="Run without the parts that are not carried out yet.")
]
RunId = Annotated[
    str | None,
    typer.Option(
        "--id",
        "--idempotency-key",
        metavar="ID",
        help="The id of the run. With the id of a run that exists, nothing is started.",
        show_default=False,
    ),
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Who does it.", show_default="your login name"),
]
ResultOutput = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="text|json|jsonl|PATH",
        help="text: the run's result. json: its whole record. jsonl: events as they happen, the record last. "
        "A path: the result goes to that file.",
    ),
]
PlainOutput = Annotated[str, typer.Option("--output", "-o", metavar="text|json", help="How to print it.")]
MockScriptFile = Annotated[
    Path | None,
    typer.Option("--mock-script", metavar="FILE", help="What the mock provider answers.", show_default=False),
]
PricesFile = Annotated[
    Path | None,
    typer.Option("--prices", metavar="FILE", help="A price table of your own.", show_default=False),
]
SecretsDirectory = Annotated[
    Path | None,
    typer.Option(
        "--secrets-dir",
        metavar="DIR",
        envvar="ARK_SECRETS_DIR",
        help="Directory of mounted Secrets and ConfigMaps: NAMESPACE/NAME/KEY or NAME/KEY.",
        show_default=False,
    ),
]
SecretSources = Annotated[
    list[str] | None,
    typer.Option(
        "--secrets",
        metavar="SOURCE",
        help="Manifests whose Secrets and ArkSecrets it may use: a file or a directory. May be repeated.",
        show_default=False,
    ),
]
TaskQueue = Annotated[str, typer.Option(metavar="NAME", help="The task queue that the workers listen on.")]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE",
        envvar="ARK_STORAGE",
        help="Where payloads are kept that a history has no room for, the same for all who share a "
        "Temporal: a directory, redis://HOST:PORT/DB or s3://BUCKET/PREFIX.",
        show_default=False,
    ),
]
WatchSeconds = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=0,
        help="Stop watching after so long; the run goes on (exit code 3).",
        show_default=False,
    ),
]
NoWait = Annotated[
    bool,
    typer.Option(
        "--no-wait", help="Leave when the run waits for a person (exit code 7), instead of asking or waiting."
    ),
]
MaxConcurrentCalls = Annotated[
    int, typer.Option(metavar="N", min=1, help="Model calls, and tool calls, under way at the same time.")
]
MaxCachedWorkflows = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        help="Runs kept in memory; one that is not is read from its history again when it goes on.",
    ),
]
ToolModules = Annotated[
    list[str] | None,
    typer.Option(
        "--tools",
        metavar="MODULE",
        envvar="ARK_TOOLS",
        help="Python tools for agents: package.module or path/to/file.py, each with :function for just one. "
        "May be repeated.",
        show_default=False,
    ),
]
AllowHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="HOST",
        envvar="ARK_ALLOW_HOSTS",
        help="Tools may reach this and nothing else: a host, *.suffix, an address or a range, with :PORT for "
        "just that port. May be repeated.",
        show_default=False,
    ),
]
DenyHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--deny-host",
        metavar="HOST",
        envvar="ARK_DENY_HOSTS",
        help="Tools may not reach this, whatever is allowed. May be repeated.",
        show_default=False,
    ),
]
AllowCommands = Annotated[
    bool,
    typer.Option(
        "--allow-commands/--no-allow-commands",
        help="Whether MCP servers that are commands may be started here.",
    ),
]


def connects(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which Temporal to use, as its one parameter `connect`."""
    shared = list(inspect.signature(_connect_options).parameters.values())
    own = [each for each in inspect.signature(command).parameters.values() if each.name != "connect"]

    def connecting(**given: object) -> None:
        options = {each.name: given.pop(each.name) for each in shared}
        command(**given, connect=_connect_options(**options))  # type: ignore[arg-type]

    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *shared)]
    connecting.__name__, connecting.__doc__ = command.__name__, command.__doc__
    connecting.__annotations__ = {each.name: each.annotation for each in parameters}
    connecting.__dict__["__signature__"] = inspect.Signature(parameters)
    return connecting


def _connect_options(
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Temporal's address. Else TEMPORAL_ADDRESS, a profile, a running `dev`, or 127.0.0.1:7233.",
            show_default=False,
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", metavar="NAME", help="Temporal's namespace.", show_default=False),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="API key; better in TEMPORAL_API_KEY, where no list of processes shows it.",
            show_default=False,
        ),
    ] = None,
    tls: Annotated[
        bool | None, typer.Option("--tls/--no-tls", help="Whether to use TLS.", show_default=False)
    ] = None,
    tls_cert_path: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The client's certificate.", show_default=False)
    ] = None,
    tls_key_path: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The client's private key.", show_default=False)
    ] = None,
    tls_ca_path: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Who signed the server's.", show_default=False)
    ] = None,
    tls_server_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The name in the server's certificate.", show_default=False),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Profile of Temporal's configuration file.", show_default=False),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Temporal's configuration file.", show_default=False),
    ] = None,
    storage: Storage = None,
) -> "ConnectOptions":
    from ark_temporal.runs.connection import ConnectOptions

    return ConnectOptions(
        address=address,
        namespace=namespace,
        api_key=api_key,
        tls=tls,
        tls_cert_path=tls_cert_path,
        tls_key_path=tls_key_path,
        tls_ca_path=tls_ca_path,
        tls_server_name=tls_server_name,
        profile=profile,
        config_file=config_file,
        storage=storage,
    )
