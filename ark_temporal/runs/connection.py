"""Connecting to a Temporal: which one, as whom, and with which payload storage."""

import json
import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ark_temporal.runs.attributes import ensure_attributes
from ark_temporal.runs.paths import data_directory

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.envconfig import ClientConnectConfig
    from temporalio.service import TLSConfig

    from ark_temporal.storage import Journal, Keyring, Storage

DEFAULT_ADDRESS = "127.0.0.1:7233"
CONNECT_TIMEOUT = timedelta(seconds=10)
STORAGE_VARIABLE = "ARK_STORAGE"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})


class ConnectionFailedError(RuntimeError):
    """Temporal cannot be reached, or refuses us."""


@dataclass(frozen=True)
class ConnectOptions:
    """Which Temporal to use. What is None comes from `TEMPORAL_*`, a profile, or a running `dev`.

    Attributes:
        storage: Directory or URL of the payload storage; None takes the local default where the server is on
            this machine, and no storage elsewhere.
    """

    address: str | None = None
    namespace: str | None = None
    api_key: str | None = None
    tls: bool | None = None
    tls_cert_path: Path | None = None
    tls_key_path: Path | None = None
    tls_ca_path: Path | None = None
    tls_server_name: str | None = None
    profile: str | None = None
    config_file: Path | None = None
    storage: str | None = None


@dataclass(frozen=True)
class Connection:
    """A client and where it leads.

    Attributes:
        address: `host:port` of the server.
        ui: URL of its Web UI where we know it, else None.
        storage: The storage in use, for payloads and the journal.
    """

    client: "Client"
    address: str
    ui: str | None = None
    storage: "Storage | None" = None
    _searchable: list[bool] = field(default_factory=list[bool], repr=False)

    async def searchable(self) -> bool:
        """Whether the server has our search attributes, registering them where we may. Asked once.

        Raises:
            RPCError: The server does not answer.
        """
        if not self._searchable:
            self._searchable.append(await ensure_attributes(self.client))
        return self._searchable[0]

    @property
    def journal(self) -> "Journal | None":
        """Where what was paid for is kept until Temporal has it; None without storage."""
        return self.storage.journal if self.storage else None

    @property
    def payload_limit_bytes(self) -> int:
        """The largest prompt or result of a run submitted over this connection."""
        from ark_temporal.plan.start import DEFAULT_PAYLOAD_LIMIT
        from ark_temporal.storage.converter import STORED_UP_TO_BYTES

        return STORED_UP_TO_BYTES if self.storage else DEFAULT_PAYLOAD_LIMIT

    def run_url(self, workflow_id: str) -> str | None:
        """Where the Web UI shows a run."""
        if self.ui is None:
            return None
        from urllib.parse import quote

        return f"{self.ui}/namespaces/{self.client.namespace}/workflows/{quote(workflow_id, safe='')}"

    async def aclose(self) -> None:
        """Close what the storage keeps open. The client goes by itself."""
        if self.storage is not None:
            await self.storage.aclose()


async def connect(options: ConnectOptions) -> Connection:
    """Connect to the Temporal that the options, the environment or a running `dev` name.

    Raises:
        ConnectionFailedError: It cannot be reached or refuses us; or the configuration cannot be read.
        ValueError: The storage is not one that is supported, or the encryption keys are none.
    """
    from temporalio.service import RPCError

    from ark_temporal.storage import keyring_from

    keyring = keyring_from(os.environ)
    config = _configuration(options)
    dev = running_dev() if "target_host" not in config else None
    address = config.setdefault("target_host", dev.address if dev else DEFAULT_ADDRESS)
    storage = _storage(options, address, keyring)
    try:
        client = await connect_client(config, storage, keyring)
    except (RuntimeError, RPCError, ValueError) as error:
        raise ConnectionFailedError(_explain(address, error, config)) from None
    dev = dev or running_dev()
    return Connection(client, address, dev.ui if dev and dev.address == address else None, storage)


async def connect_client(
    config: "ClientConnectConfig", storage: "Storage | None", keyring: "Keyring | None"
) -> "Client":
    """A client whose payloads, failures and headers are encrypted where there are keys.

    Raises:
        RuntimeError: Temporal cannot be reached, or refuses us.
    """
    from temporalio.client import Client
    from temporalio.common import HeaderCodecBehavior

    from ark_temporal.storage import data_converter

    return await Client.connect(
        **config,
        data_converter=data_converter(storage.driver if storage else None, keyring),
        header_codec_behavior=HeaderCodecBehavior.CODEC if keyring else HeaderCodecBehavior.NO_CODEC,
        connect_timeout=CONNECT_TIMEOUT,
    )


@dataclass(frozen=True)
class DevServer:
    """What a running `ark-temporal dev` leaves for other commands to find."""

    address: str
    ui: str
    pid: int

    def announce(self) -> None:
        """Let other commands of this user find it."""
        path = _dev_file()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(json.dumps({"address": self.address, "ui": self.ui, "pid": self.pid}))

    def withdraw(self) -> None:
        """It is no longer there."""
        current = running_dev()
        if current is None or current.pid == self.pid:
            _dev_file().unlink(missing_ok=True)


def running_dev() -> DevServer | None:
    """The `dev` that runs on this machine for this user, if one does."""
    try:
        told = json.loads(_dev_file().read_text())
        server = DevServer(address=str(told["address"]), ui=str(told["ui"]), pid=int(told["pid"]))
        os.kill(server.pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return server


def _dev_file() -> Path:
    return data_directory() / "dev.json"


def _configuration(options: ConnectOptions) -> "ClientConnectConfig":
    """Temporal's own environment configuration with the options over it."""
    from temporalio.envconfig import ClientConfig

    try:
        config = ClientConfig.load_client_connect_config(
            profile=options.profile, config_file=str(options.config_file) if options.config_file else None
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ConnectionFailedError(f"Temporal's configuration cannot be read: {error}.") from None
    if options.address:
        config["target_host"] = options.address
    if options.namespace:
        config["namespace"] = options.namespace
    if options.api_key:
        config["api_key"] = options.api_key
    tls = _tls(options)
    if tls is not None:
        config["tls"] = tls
    return config


def _tls(options: ConnectOptions) -> "bool | TLSConfig | None":
    from temporalio.service import TLSConfig

    paths = (options.tls_ca_path, options.tls_cert_path, options.tls_key_path)
    if not any(paths) and options.tls_server_name is None:
        return options.tls
    try:
        ca, cert, key = (path.read_bytes() if path else None for path in paths)
    except OSError as error:
        raise ConnectionFailedError(f"A TLS file cannot be read: {error}.") from None
    return TLSConfig(
        server_root_ca_cert=ca, client_cert=cert, client_private_key=key, domain=options.tls_server_name
    )


def _storage(options: ConnectOptions, address: str, keyring: "Keyring | None") -> "Storage | None":
    from ark_temporal.storage import directory_storage, open_storage

    where = options.storage or os.environ.get(STORAGE_VARIABLE)
    if where:
        return open_storage(where, keyring)
    on_this_machine = address.rsplit(":", 1)[0] in _LOOPBACK
    return directory_storage(local_storage(), keyring) if on_this_machine else None


def local_storage() -> Path:
    """The storage directory of whoever uses a Temporal on this machine and names no other."""
    return data_directory() / "payloads"


def _last_cause(reason: str) -> str:
    """The innermost message of what the transport says, which is a printed data structure."""
    messages = re.findall(r'message: "([^"]+)"', reason)
    return messages[-1] if messages else reason.strip().rstrip(".")


def _explain(address: str, error: Exception, config: "ClientConnectConfig") -> str:
    reason = _last_cause(str(error))
    api_key = config.get("api_key")
    if api_key:
        reason = reason.replace(api_key, "[redacted]")
    if any(word in reason for word in ("Unauthenticated", "PermissionDenied", "unauthorized")):
        return f"Temporal at {address} does not authorise us: {reason}. Check --api-key or TEMPORAL_API_KEY."
    return (
        f"Temporal at {address} cannot be reached: {reason}. Start one with `ark-temporal dev`, or name "
        "another with --address or TEMPORAL_ADDRESS."
    )
