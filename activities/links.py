"""Where people look at a run, and where each of them decides: known to workers, and to no history."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from pydantic import JsonValue

from ark_temporal.runs.approval_links import URL_VARIABLE, link_key, sign_link

UI_VARIABLE = "ARK_UI_URL"
"""Where people look at runs: Temporal's Web UI, or an address with `{run}` for the run's id."""

GOOD_FOR = timedelta(days=7)
"""How long a link to decide is good where the question has no deadline."""


def _nowhere(run: str) -> str | None:
    return None


@dataclass(frozen=True)
class Links:
    """Makes addresses for messages.

    Attributes:
        run_url: Where Temporal's Web UI shows a run; None where that is not known.
        namespace: Temporal's, as its Web UI has it in addresses.
        ui: As `ARK_UI_URL` says.
        gateway: As `ARK_GATEWAY_URL` says.
        key: Signs links to decide; None makes none.
    """

    run_url: Callable[[str], str | None] = _nowhere
    namespace: str = "default"
    ui: str = ""
    gateway: str = ""
    key: bytes | None = field(default=None, repr=False)

    @classmethod
    def read(
        cls, environment: Mapping[str, str], run_url: Callable[[str], str | None], namespace: str
    ) -> "Links":
        """What the environment says.

        Raises:
            ValueError: The key for links is too short.
        """
        ui, gateway = (environment.get(name, "").strip().rstrip("/") for name in (UI_VARIABLE, URL_VARIABLE))
        return cls(run_url, namespace, ui, gateway, link_key(environment))

    def to_run(self, run: str) -> str:
        """Where a run is looked at: the Web UI, else the gateway's API; empty where neither is known."""
        id = quote(run, safe="")
        if "{run}" in self.ui:
            return self.ui.replace("{run}", id)
        if self.ui:
            return f"{self.ui}/namespaces/{self.namespace}/workflows/{id}"
        known = self.run_url(run)
        if known is None and self.gateway:
            return f"{self.gateway}/api/v1/runs/{id}"
        return known or ""

    def to_decide(self, run: str, gate: Mapping[str, JsonValue]) -> dict[str, str]:
        """A link for each who is named among those who may decide.

        Args:
            run: The run that waits.
            gate: What it waits for, as messages show it.
        """
        key, approvers = self.key, gate.get("approvers")
        if key is None or not self.gateway or not isinstance(approvers, list):
            return {}
        digest, until = str(gate.get("digest") or ""), _until(gate.get("deadline"))
        return {
            str(by): sign_link(key, self.gateway, run, str(gate.get("id")), digest, str(by), until)
            for by in approvers
        }


def _until(deadline: JsonValue) -> datetime:
    latest = datetime.now(UTC) + GOOD_FOR
    try:
        told = datetime.fromisoformat(deadline) if isinstance(deadline, str) else latest
    except ValueError:
        return latest
    return told if told.tzinfo is not None else latest
