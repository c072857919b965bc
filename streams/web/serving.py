"""`veille web`: the pages over one store, until told to stop."""

import asyncio
import socket
from collections.abc import Sequence

from streams.criteria.topics import Topic
from streams.listening import bind
from streams.settings import Settings
from streams.store import open_store
from streams.web.app import create_app
from streams.web.server import build_server


def serve(settings: Settings, topics: Sequence[Topic], *, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises `ConfigError` when the port is in use."""
    with bind(host, port) as listener:
        asyncio.run(_serve(settings, topics, host, listener))


async def _serve(
    settings: Settings, topics: Sequence[Topic], host: str, listener: socket.socket
) -> None:
    store = open_store(settings)
    await store.open()
    try:
        sample = any(one.connector == "sample" and one.enabled for one in settings.sources)
        app = create_app(store, topics=topics, sample=sample, hosts=[host])
        await build_server(app).serve(sockets=[listener])
    finally:
        await store.close()
