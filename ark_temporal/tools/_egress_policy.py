"""Which hosts tools may reach."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from ark_temporal.tools._egress_rules import (
    METADATA_NAMES,
    Address,
    Rule,
    forms,
    is_metadata,
    normalized,
    parse_address,
    parse_rule,
)
from ark_temporal.tools.types import ToolError


@dataclass(frozen=True)
class EgressPolicy:
    """Which hosts tools may reach: all that manifests declare, in the cluster too, unless a list says less.

    An entry is a host name, `*.suffix` (what is below it, not itself), `*`, an address or a range, with
    `:port` where only that port is meant. A name is compared with the host of the URL, an address with
    whatever the host's name stands for when it is called. What is denied is refused whatever is allowed.

    The addresses and names at which clouds hand out credentials are refused too, unless `allow` has an
    entry for just those: `*` and `0.0.0.0/0` do not open them, `169.254.169.254` does.

    Attributes:
        allow: Nothing else may be reached, where there is any entry.
        deny: What may not be reached.
        narrowed_by: Policies that have to permit a host as well.

    Raises:
        ValueError: An entry is not understood.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    narrowed_by: tuple["EgressPolicy", ...] = ()
    _allow: tuple[Rule, ...] = field(init=False, repr=False, compare=False)
    _deny: tuple[Rule, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_allow", tuple(parse_rule(entry) for entry in self.allow))
        object.__setattr__(self, "_deny", tuple(parse_rule(entry) for entry in self.deny))

    def narrowed(self, by: "EgressPolicy") -> "EgressPolicy":
        """The policy that permits what both permit: a manifest can take away from it and add nothing."""
        return replace(self, narrowed_by=(*self.narrowed_by, by))

    def check_host(self, host: str, port: int) -> None:
        """Refuse what can be refused before the host's name is looked up.

        Raises:
            ToolError: `ToolForbidden`.
        """
        address = parse_address(host)
        if address is not None:
            self.permitted(host, port, [host])
            return
        name = _comparable(host)
        if name in METADATA_NAMES and not self._means_metadata_name(name, port):
            _refuse_metadata(name)
        for layer in self._layers():
            layer._check_name(name, port)

    def permitted(self, host: str, port: int, addresses: Sequence[str]) -> tuple[str, ...]:
        """Those addresses of a host that may be connected to, in their normal form.

        Raises:
            ToolError: `ToolForbidden`: one of them is denied, or none is allowed.
        """
        name = _comparable(host)
        kept: list[str] = []
        for text in addresses:
            address = parse_address(text)
            if address is None:
                _refuse(name, f"{text!r}, which its name stands for, is no address.")
            self._check_metadata(name, port, address)
            for layer in self._layers():
                layer._check_denied(name, port, address)
            if all(layer._is_allowed(name, port, address) for layer in self._layers()):
                kept.append(str(address))
        if not kept:
            found = "" if parse_address(host) else f" Its name stands for {', '.join(addresses[:5])}."
            _refuse(name, f"it is not on the list of what the egress policy allows.{found}")
        return tuple(kept)

    def _layers(self) -> Iterator["EgressPolicy"]:
        yield self
        for each in self.narrowed_by:
            yield from each._layers()

    def _check_name(self, name: str, port: int) -> None:
        for rule in self._deny:
            if rule.has_name(name, port):
                _refuse(name, f"the egress policy denies {rule.text!r}.")
        if not self._allow or any(rule.has_name(name, port) for rule in self._allow):
            return
        # Looking a name up tells its server what was asked, so nothing is looked up in vain.
        if not any(rule.network is not None for rule in self._allow):
            _refuse(name, f"it is not on the list of what the egress policy allows for port {port}.")

    def _check_denied(self, name: str, port: int, address: Address) -> None:
        for rule in self._deny:
            if rule.has_name(name, port) or any(rule.has_address(form, port) for form in forms(address)):
                _refuse(name, f"the egress policy denies {rule.text!r}, and it is at {address}.")

    def _is_allowed(self, name: str, port: int, address: Address) -> bool:
        if not self._allow:
            return True
        return any(rule.has_name(name, port) or rule.has_address(address, port) for rule in self._allow)

    def _check_metadata(self, name: str, port: int, address: Address) -> None:
        for form in forms(address):
            if is_metadata(form) and not (
                self._means_metadata_name(name, port)
                or any(rule.names_metadata and rule.has_address(form, port) for rule in self._allow)
            ):
                _refuse_metadata(name, address)

    def _means_metadata_name(self, name: str, port: int) -> bool:
        return any(rule.names_metadata and rule.has_name(name, port) for rule in self._allow)


def _comparable(host: str) -> str:
    try:
        return normalized(host)
    except ValueError:
        _refuse(host, "it is no host name.")


def _refuse_metadata(name: str, address: Address | None = None) -> NoReturn:
    where = f" ({address})" if address is not None and str(address) != name else ""
    _refuse(
        name,
        f"it leads to the cloud's metadata{where}, which hands out credentials. Who runs the worker can "
        "allow it with an entry for just that address or name.",
    )


def _refuse(host: str, why: str) -> NoReturn:
    raise ToolError(
        "ToolForbidden", f'The host "{host}" may not be reached: {why}', sent=False, retryable=False
    )
