"""Uvicorn as Veille runs it: open live streams never hold up a stop. `serve` is `veille web`."""

import asyncio
import socket
from collections.abc import Sequence

import uvicorn
from fastapi import FastAPI

from streams.criteria.topics import Topic
from streams.listening import bind
from streams.settings import Settings
from streams.store import open_store
from streams.web.app import create_app

GRACE_SECONDS = 5


class PageServer(uvicorn.Server):
    """Ends the live streams first: uvicorn waits for open responses, which these always are."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.hub.stop()
        await super().shutdown(sockets)


def build_server(app: FastAPI, *, host: str = "127.0.0.1", port: int = 8420) -> PageServer:
    """A server for `await server.serve()`; `server.should_exit = True` stops it."""
    return PageServer(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=15,
        )
    )


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
