import ipaddress

import pytest

from connectors.addresses import check_literal, is_allowed, is_named, open_socket, resolve
from connectors.errors import NotAllowed, Retriable


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.255.255"),  # noqa: S104 - refused, not bound
        *("192.0.0.8", "192.168.1.1", "198.18.0.1", "203.0.113.5", "224.0.0.1", "255.255.255.255"),
        *("168.63.129.16", "::", "::1", "::7f00:1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe"),
        *("64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::1", "2001:db8::1", "fc00::1", "fe80::1"),
        *("fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "fd00:ec2::254"),
    ],
)
def test_reserved_addresses_are_refused(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "172.32.0.1"],
)
def test_public_addresses_pass(address: str) -> None:
    assert is_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "0"])
def test_odd_notations_are_refused(host: str) -> None:
    with pytest.raises(NotAllowed, match="VEILLE_ALLOW_HOSTS"):
        check_literal(host, 80, ())


def test_only_the_host_as_written_is_allowed() -> None:
    assert is_named("LocalHost", 80, {"localhost"})
    assert is_named("[::1]", 80, {"::1"})
    assert is_named("intranet", 8080, {"intranet:8080"})
    assert not is_named("intranet", 80, {"intranet:8080"})
    assert not is_named("localhost", 80, {"127.0.0.1"})


async def test_names_are_checked_where_they_lead() -> None:
    with pytest.raises(NotAllowed, match=r"localhost:80 \("):
        await resolve("localhost", 80, ())
    assert await resolve("127.1", 80, {"127.1"}) == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 300, "a..b"])
async def test_unknown_names_may_come_back(host: str) -> None:
    with pytest.raises(Retriable, match="resolve"):
        await resolve(host, 80, ())


async def test_no_socket_to_a_private_address() -> None:
    with pytest.raises(NotAllowed):
        await open_socket("127.0.0.1", 9, (), seconds=1)
    with pytest.raises(Retriable, match="connect"):
        await open_socket("127.0.0.1", 9, {"127.0.0.1"}, seconds=1)
