"""Which addresses Veille may connect to.

Feeds, redirects and settings come from outside; none may lead into the private network, to a
cloud's metadata service or to this machine. The check is made on the address that the connection
then uses, so a name that resolves differently the second time gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Final

from connectors.errors import NotAllowed, Retriable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The IANA special-purpose registries, and what clouds keep for themselves. Python's `is_global`
# lets several of these through (6to4 and NAT64 of private addresses, multicast).
_DENIED_V4: Final = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's host agent, on a public address
    )
)
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_DENIED_V6: Final = tuple(
    ipaddress.IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "3fff::/20")
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


def is_allowed(address: Address) -> bool:
    """Whether `address` is an ordinary public one, also once unwrapped from IPv6."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in _DENIED_V4)
    inner = _unwrapped(address)
    if inner is not None:
        return is_allowed(inner)
    if address.scope_id is not None or address not in _GLOBAL_V6:
        return False
    return not any(address in block for block in _DENIED_V6)


def _unwrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a mapped, 6to4, NAT64 or compatible address stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or address in _COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def is_named(host: str, port: int, allow_hosts: Iterable[str]) -> bool:
    """Whether the user allowed this very host, as written (`name` or `name:port`)."""
    name = host.strip("[]").lower().rstrip(".")
    written = f"[{name}]" if ":" in name else name
    return any(
        entry.lower().strip() in (name, written, f"{written}:{port}") for entry in allow_hosts
    )


def check_literal(host: str, port: int, allow_hosts: Iterable[str]) -> None:
    """Refuse a URL that names a forbidden address outright, in any notation, before connecting.

    `127.1`, `2130706433` and `0x7f.1` are addresses to the system's resolver, so they are here.
    Names are resolved and checked when the connection is made. Raises `NotAllowed`.
    """
    if is_named(host, port, allow_hosts):
        return
    address = _literal(host)
    if address is not None and not is_allowed(address):
        raise _refusal(host, port, [address])


def _literal(host: str) -> Address | None:
    name = host.strip("[]")
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(name))
    except (OSError, ValueError):
        return None


async def resolve(host: str, port: int, allow_hosts: Iterable[str]) -> list[str]:
    """The addresses of `host` that may be connected to, in the resolver's order.

    Raises `NotAllowed` where all of them are forbidden, `Retriable` where there is none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a valid name"
        raise Retriable(f"can't resolve the host {host!r:.120}: {reason}") from None
    texts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if is_named(host, port, allow_hosts):
        return texts
    addresses = [ipaddress.ip_address(text) for text in texts]
    allowed = [str(address) for address in addresses if is_allowed(address)]
    if not allowed:
        raise _refusal(host, port, addresses)
    return allowed


async def open_socket(
    host: str, port: int, allow_hosts: Iterable[str], *, seconds: float
) -> socket.socket:
    """A connected socket to a checked address of `host`, for clients that take one.

    Raises `NotAllowed`, or `Retriable` where no address answers in `seconds`.
    """
    loop = asyncio.get_running_loop()
    reason = "no address"
    for address in (await resolve(host, port, allow_hosts))[:4]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(seconds):
                await loop.sock_connect(connection, (address, port))
        except (OSError, TimeoutError) as error:
            connection.close()
            reason = "it timed out" if isinstance(error, TimeoutError) else str(error)
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise Retriable(f"can't connect to {host}:{port}: {reason}")


def _refusal(host: str, port: int, addresses: list[Address]) -> NotAllowed:
    shown = ", ".join(str(address) for address in addresses[:3])
    where = "" if shown == host.strip("[]") else f" ({shown})"
    return NotAllowed(
        f"{host}:{port}{where} is a private or reserved address;"
        f" if you trust it, name it: VEILLE_ALLOW_HOSTS={host}"
    )
