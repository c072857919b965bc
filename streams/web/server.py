"""Uvicorn as Veille runs it: open live streams never hold up a stop. `serve` is `veille web`."""

import asyncio
import gc
import logging
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI

from connectors.letters import DeadLetter
from streams.archive import opened_archive
from streams.dead_letters import Outcome, replay
from streams.listening import bind
from streams.settings import Settings
from streams.store import opened_store
from streams.store.port import Store
from streams.users import kept
from streams.users.records import User
from streams.web.app import create_app
from streams.web.letters import Replay
from streams.web.pages import Pages

GRACE_SECONDS = 5
COLLECTED_AFTER = 10_000
"""So many more objects made than freed have the youngest ones looked through for garbage."""
_log = logging.getLogger(__name__)
REPLAY_SECONDS = 8
"""How long the form waits for the outcome."""


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


def serve(settings: Settings, topics: Path, *, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises `ConfigError` when the port is in use."""
    with bind(host, port) as listener:
        asyncio.run(_serve(settings, topics, host, listener))


def settle(pages: Pages) -> None:
    """Make what every page needs, and have garbage collection pass over all that stays for good:
    looking through modules and templates again and again would hold up one page in some hundred
    by 100 ms and more."""
    pages.compile()
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER, 20, 10)


def _replay(settings: Settings, store: Store) -> Replay | None:
    if not settings.kafka.bootstrap_servers:
        return None

    async def again(letters: Sequence[DeadLetter]) -> list[Outcome]:
        return await replay(settings, store, letters, seconds=REPLAY_SECONDS)

    return again


async def _serve(settings: Settings, topics: Path, host: str, listener: socket.socket) -> None:
    async with opened_store(settings) as store, opened_archive(settings, store) as archive:
        login = settings.web.login_needed(host)
        sample = any(one.connector == "sample" and one.enabled for one in settings.sources)
        app = create_app(
            store,
            topics_file=topics,
            sample=sample,
            hosts=[host, *filter(None, [urlsplit(settings.web.public_url).hostname])],
            replay=_replay(settings, store),
            alerts=settings.alerts,
            settings=settings,
            login=login,
            archive=archive,
        )
        await _warn(settings, store, host, login=login)
        settling = asyncio.create_task(asyncio.to_thread(settle, app.state.pages))
        await build_server(app).serve(sockets=[listener])
        await settling


async def _warn(settings: Settings, store: Store, host: str, *, login: bool) -> None:
    """Of what nobody should find out later."""
    if login and not await kept.every(store, kept.USER, User):
        _log.warning(
            "nobody can log in yet. Remedy: veille users add NAME --role admin, with the settings "
            "and the store of this installation"
        )
    if not login and settings.web.model_copy(update={"login": "auto"}).login_needed(host):
        _log.warning(
            "whoever reaches %s is an admin, for web.login is off. Remedy: set it to auto", host
        )
