"""Listening sockets, with errors a person can act on."""

import socket

from streams.errors import ConfigError


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `ConfigError` that names the address and the remedy.

    It says that it speaks TCP: asyncio sends small writes at once only on those that do, and each
    answer would wait 40 ms for the other side's acknowledgement without it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"can't listen on {host}:{port}: {error.strerror}. "
            "Remedy: stop what uses it, or choose another with --port"
        ) from None
    return listener
