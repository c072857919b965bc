"""No connection of this process leads to a private address, whatever library makes it.

For the process that runs Apprise alone: the hook sees every socket and stays until the end.
"""

import ipaddress
import socket
import sys
from collections.abc import Iterable
from typing import Any, Final

from connectors.addresses import is_allowed, is_named
from connectors.errors import NotAllowed

_WATCHED: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


def guard(allow_hosts: Iterable[str]) -> None:
    """From now on `socket` refuses what `connectors.addresses` refuses. Hosts the user allowed are
    resolved now: their addresses may be reached."""
    allowed = frozenset(allow_hosts)
    trusted = {address for entry in allowed for address in _addresses(entry)}

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _WATCHED:
            _check(arguments[1], allowed, trusted)

    sys.addaudithook(look)


def _check(target: Any, allowed: frozenset[str], trusted: set[str]) -> None:
    if target is None:  # a socket that is connected already
        return
    if not isinstance(target, tuple):
        raise NotAllowed("channels don't reach Unix sockets")
    host, port = str(target[0]), int(target[1])
    if host.partition("%")[0] in trusted or is_named(host, port, allowed):
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise NotAllowed(f"{host!r:.80} is no checked address") from None
    if not is_allowed(address):
        raise NotAllowed(
            f"{host}:{port} is a private or reserved address;"
            f" if you trust it, name its host: VEILLE_ALLOW_HOSTS"
        )


def _addresses(entry: str) -> set[str]:
    name, colon, port = entry.strip().rpartition(":")
    host = name if colon and port.isdigit() and not name.endswith(":") else entry.strip()
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host.strip("[]"), None)}
    except (OSError, UnicodeError):
        return set()
