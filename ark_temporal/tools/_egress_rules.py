"""Rules of an egress policy: what an entry means, and which addresses lead to a cloud's metadata."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA_NETWORKS: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(each)
    for each in (
        "169.254.0.0/16",  # link-local: AWS, Azure, Google, and nearly all others
        "fe80::/10",
        "fd00:ec2::/32",  # AWS: instances, EKS pod identity
        "fd20:ce::254/128",  # Google
        "fd00:c1::a9fe:a9fe/128",  # Oracle
        "192.0.0.192/32",  # Oracle, classic
        "fd00:a9fe:a9fe::/48",  # Akamai
        "fd00:42::42/128",  # Scaleway
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's wire server, which hands out certificates
    )
)
"""Where clouds hand out a machine's credentials to whoever asks from inside."""

METADATA_NAMES: Final = frozenset(
    {
        "metadata.google.internal",
        "metadata.goog",
        "instance-data.ec2.internal",
        "metadata.tencentyun.com",
        "metadata.platformequinix.com",
        "metadata.packet.net",
        "api.metadata.cloud.ibm.com",
    }
)

_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


@dataclass(frozen=True)
class Rule:
    """One entry of an allow or deny list.

    Attributes:
        text: As it was written.
        name: A host name, `*.suffix`, or `*`; empty where the entry is about addresses.
        network: Addresses that it is about.
        port: The only port that it is about; None is every port.
    """

    text: str
    name: str = ""
    network: Network | None = None
    port: int | None = None

    def has_name(self, host: str, port: int) -> bool:
        """Whether it is about a host by its name."""
        if not self.name or self.port not in (None, port):
            return False
        return self.name in ("*", host) or (self.name.startswith("*.") and host.endswith(self.name[1:]))

    def has_address(self, address: Address, port: int) -> bool:
        """Whether it is about an address."""
        return self.network is not None and self.port in (None, port) and address in self.network

    @property
    def names_metadata(self) -> bool:
        """Whether it is about nothing but cloud metadata, so that who wrote it meant it."""
        if self.network is not None:
            return any(_is_within(self.network, each) for each in METADATA_NETWORKS)
        return self.name in METADATA_NAMES


def parse_rule(text: str) -> Rule:
    """Read an entry: a host, `*.suffix`, `*`, an address or a range, each with `:port` or without.

    Raises:
        ValueError: It is none of these.
    """
    try:
        host, port = _split_port(text.strip())
        network = _network(host)
        if network is not None:
            return Rule(text, network=network, port=port)
        return Rule(text, name=_name(host), port=port)
    except ValueError as error:
        raise ValueError(
            f"The entry {text!r} of the egress policy is not understood: {error} Write a host "
            '("api.example.com", "*.example.com", "*"), an address or a range ("10.0.0.0/8", "fd00::/8"), '
            'and a port after it if only that one is meant ("api.example.com:443", "[fd00::1]:443").'
        ) from None


def normalized(host: str) -> str:
    """A host name as it is compared: lower case, in ASCII, without the dot that may end it."""
    host = host.removesuffix(".").lower()
    if host.isascii():
        return host
    import httpx2

    try:
        return httpx2.URL(scheme="http", host=host).raw_host.decode("ascii")
    except httpx2.InvalidURL:
        raise ValueError("it is no host name.") from None


def parse_address(text: str) -> Address | None:
    """An address in its one normal form, or None where the text is a name."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    # A zone says which link a link-local address is on; elsewhere it means nothing.
    return address if address.is_link_local else ipaddress.IPv6Address(int(address))


def forms(address: Address) -> Iterator[Address]:
    """The address, and those that a connection to it may reach: tunnels carry IPv4 in IPv6."""
    yield address
    if address == ipaddress.IPv4Address(0):
        yield ipaddress.IPv4Address("127.0.0.1")
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address == ipaddress.IPv6Address(0):
        yield from (ipaddress.IPv6Address("::1"), ipaddress.IPv4Address("127.0.0.1"))
    elif address in _COMPATIBLE or any(address in each for each in _TRANSLATED):
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def is_metadata(address: Address) -> bool:
    """Whether a cloud may hand out credentials at an address."""
    return any(address in each for each in METADATA_NETWORKS)


def _split_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("the brackets do not hold an IPv6 address.")
        if ":" not in host:
            raise ValueError("brackets are for IPv6 only.")
        return host, _port(rest[1:]) if rest else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    return host, _port(port) if colon else None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ValueError(f"{text!r} is no port.")
    return int(text)


def _network(host: str) -> Network | None:
    if "/" not in host and ":" not in host and parse_address(host) is None:
        return None
    try:
        network = ipaddress.ip_network(host)
    except ValueError as error:
        raise ValueError(f"{error}.") from None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        inner = network.network_address.ipv4_mapped
        if inner is not None:
            return ipaddress.IPv4Network((inner, network.prefixlen - 96))
    return network


def _name(host: str) -> str:
    if host == "*":
        return host
    name = normalized(host)
    if not _NAME.fullmatch(name):
        raise ValueError("it is no host name.")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise ValueError("it looks like an address, but not in the usual form.")
    return name


def _is_within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)
