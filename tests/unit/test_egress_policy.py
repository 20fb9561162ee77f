"""What an egress policy says about hosts and addresses."""

import pytest

from ark_temporal.tools.egress import EgressPolicy
from ark_temporal.tools.types import ToolError


def is_open(policy: EgressPolicy, host: str, *addresses: str, port: int = 443) -> bool:
    """Whether the host may be reached when its name stands for these addresses."""
    try:
        policy.check_host(host, port)
        policy.permitted(host, port, addresses or (host,))
    except ToolError as error:
        refused = error
    else:
        return True
    assert (refused.type, refused.sent, refused.retryable) == ("ToolForbidden", False, False)
    assert host.lower().removesuffix(".") in str(refused).lower()
    return False


@pytest.mark.parametrize(
    ("entry", "open_to", "closed_to"),
    [
        ("api.example.com", [("API.example.com.", "8.8.8.8")], [("x.api.example.com", "8.8.8.8")]),
        ("*.a.com", [("x.y.a.com", "8.8.8.8")], [("a.com", "8.8.8.8"), ("xa.com", "8.8.8.8")]),
        ("*", [("anything", "8.8.8.8"), ("8.8.8.8", "8.8.8.8")], []),
        ("10.1.2.3", [("10.1.2.3", "10.1.2.3"), ("name", "10.1.2.3")], [("10.1.2.4", "10.1.2.4")]),
        ("10.0.0.0/8", [("name", "10.255.0.1"), ("name", "::ffff:10.0.0.1")], [("name", "11.0.0.1")]),
        ("fd00::/8", [("fd12::1", "fd12::1")], [("name", "fc00::1"), ("name", "10.0.0.1")]),
        ("::ffff:10.0.0.0/104", [("name", "10.1.1.1")], [("name", "11.0.0.1")]),
        ("api.example.com:443", [("api.example.com", "8.8.8.8")], []),
        ("api.example.com:80", [], [("api.example.com", "8.8.8.8")]),
        ("[fd00::1]:443", [("fd00::1", "fd00::1")], []),
        ("[fd00::/8]:80", [], [("fd00::1", "fd00::1")]),
        ("10.0.0.0/8:443", [("name", "10.0.0.1")], []),
        ("bücher.example", [("xn--bcher-kva.example", "8.8.8.8"), ("BÜCHER.example", "8.8.8.8")], []),
    ],
)  # fmt: skip
def test_an_allow_list_admits_what_it_names_and_no_more(
    entry: str, open_to: list[tuple[str, str]], closed_to: list[tuple[str, str]]
) -> None:
    policy = EgressPolicy(allow=(entry,))
    assert [target for target in open_to if not is_open(policy, *target)] == []
    assert [target for target in closed_to if is_open(policy, *target)] == []


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("evil.example", "EVIL.example", "8.8.8.8"),
        ("*.evil.example", "a.evil.example", "8.8.8.8"),
        ("*", "8.8.8.8", "8.8.8.8"),
        ("127.0.0.0/8", "localhost", "127.0.0.1"),
        ("127.0.0.0/8", "0.0.0.0", "0.0.0.0"),
        ("127.0.0.0/8", "name", "::"),
        ("127.0.0.0/8", "name", "::ffff:127.0.0.1"),
        ("::1", "name", "::"),
        ("10.0.0.0/8", "name", "64:ff9b::10.0.0.1"),
        ("10.0.0.0/8", "name", "64:ff9b:1::10.0.0.1"),
        ("10.0.0.0/8", "name", "2002:0a00:0001::1"),
        ("10.0.0.0/8", "name", "::10.0.0.1"),
        ("::ffff:10.0.0.0/104", "name", "10.0.0.1"),
    ],
)
def test_what_is_denied_is_refused_in_every_form_whatever_is_allowed(
    entry: str, host: str, address: str
) -> None:
    assert is_open(EgressPolicy(), host, address)
    assert not is_open(EgressPolicy(deny=(entry,)), host, address)
    assert not is_open(EgressPolicy(allow=("*", host, address), deny=(entry,)), host, address)


def test_one_denied_address_refuses_the_host_but_one_that_is_not_allowed_is_only_left_out() -> None:
    both = ("8.8.8.8", "10.0.0.1")
    with pytest.raises(ToolError, match=r"denies '10\.0\.0\.0/8', and it is at 10\.0\.0\.1"):
        EgressPolicy(deny=("10.0.0.0/8",)).permitted("name", 80, both)
    assert EgressPolicy(allow=("10.0.0.0/8",)).permitted("name", 80, both) == ("10.0.0.1",)


def test_by_default_the_cluster_and_the_machine_may_be_reached() -> None:
    for address in ("127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "fd00::1", "8.8.8.8"):
        assert is_open(EgressPolicy(), "service", address)
        assert is_open(EgressPolicy(), address)


METADATA = [
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "fe80::1", "fe80::a9fe:a9fe",
    "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42", "192.0.0.192",
    "fd00:a9fe:a9fe::1", "100.100.100.200", "168.63.129.16", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
    "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::", "::169.254.169.254",
]  # fmt: skip


@pytest.mark.parametrize("address", METADATA)
def test_metadata_is_refused_whatever_else_is_allowed(address: str) -> None:
    for policy in (
        EgressPolicy(),
        EgressPolicy(allow=("*", "name", "0.0.0.0/0", "::/0", "169.0.0.0/8", "fc00::/7")),
    ):
        assert not is_open(policy, "name", address)
        assert not is_open(policy, "name", "8.8.8.8", address)
        assert not is_open(policy, address)


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("169.254.169.254", "169.254.169.254", "169.254.169.254"),
        ("169.254.0.0/16", "imds", "169.254.169.254"),
        ("169.254.169.254:443", "imds", "::ffff:169.254.169.254"),
        ("fd00:ec2::254", "fd00:ec2::254", "fd00:ec2::254"),
        ("metadata.google.internal", "Metadata.Google.Internal.", "169.254.169.254"),
    ],
)
def test_metadata_can_be_allowed_by_an_entry_for_just_that(entry: str, host: str, address: str) -> None:
    assert not is_open(EgressPolicy(), host, address)
    assert is_open(EgressPolicy(allow=(entry,)), host, address)
    assert is_open(EgressPolicy(allow=("*", entry)), "other.example", "8.8.8.8")
    assert not is_open(EgressPolicy(allow=(entry,), deny=(entry,)), host, address)


@pytest.mark.parametrize("name", ["metadata.google.internal", "metadata.goog", "METADATA.google.internal."])
def test_metadata_names_are_refused_wherever_they_lead(name: str) -> None:
    assert not is_open(EgressPolicy(), name, "8.8.8.8")
    assert not is_open(EgressPolicy(allow=("*", "*.google.internal")), name, "8.8.8.8")


def test_a_manifest_can_only_take_away() -> None:
    worker = EgressPolicy(allow=("*.example.com", "10.0.0.0/8"), deny=("10.1.0.0/16",))
    narrow = worker.narrowed(EgressPolicy(allow=("api.example.com", "evil.example", "10.0.0.0/7")))
    assert is_open(narrow, "api.example.com", "8.8.8.8")
    assert is_open(narrow, "name", "10.2.0.1")
    for target in [
        ("www.example.com", "8.8.8.8"),
        ("evil.example", "8.8.8.8"),
        ("name", "11.0.0.1"),
        ("x", "10.1.0.1"),
    ]:
        assert not is_open(narrow, *target)
    assert not is_open(
        EgressPolicy().narrowed(EgressPolicy(allow=("169.254.169.254",))),
        "169.254.169.254",
        "169.254.169.254",
    )
    twice = narrow.narrowed(EgressPolicy(deny=("api.example.com",)))
    assert not is_open(twice, "api.example.com", "8.8.8.8")
    assert is_open(narrow, "api.example.com", "8.8.8.8")


@pytest.mark.parametrize(
    "entry",
    [
        "", " ", "https://api.example.com", "api.example.com/path", "user@host", "a b", "*.", "*x.com",
        "a.*.com", "host:", "host:0", "host:65536", "host:http", "[::1", "[host]:80", "10.0.0.1/8",
        "10.0.0.0/33", "256.1.1.1", "0x7f000001", "2130706433", "127.1", "fe80::/129", "::1]:80",
        "host..example",
    ],
)  # fmt: skip
def test_an_entry_that_is_not_understood_is_an_error_that_quotes_it(entry: str) -> None:
    with pytest.raises(ValueError, match="of the egress policy is not understood") as caught:
        EgressPolicy(allow=(entry,))
    assert repr(entry) in str(caught.value)
    with pytest.raises(ValueError, match="of the egress policy is not understood"):
        EgressPolicy(deny=(entry,))


def test_policies_that_say_the_same_are_the_same() -> None:
    one, two = (EgressPolicy(allow=("a.example",)).narrowed(EgressPolicy(deny=("10.0.0.0/8",))) for _ in "ab")
    assert one == two
    assert len({one, two, EgressPolicy()}) == 2
