"""Uvicorn as Veille runs it: open live streams never hold up a stop."""

import socket

import uvicorn
from fastapi import FastAPI

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
