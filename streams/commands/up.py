"""`veille up`: everything in one process tree, with Python alone."""

import asyncio
import contextlib
import time
import uuid
from typing import Annotated, Final

import httpx
import typer

from streams.commands.common import ConfigOption, err, load_config_topics, load_settings, out, run
from streams.errors import VeilleError
from streams.listening import bind
from streams.memory_broker import MemoryBroker
from streams.settings import Settings
from streams.stopping import stop_on_signals
from streams.store import opened_store
from streams.supervisor import Supervisor

READY_SECONDS: Final = 60.0


def up(
    *,
    host: Annotated[str | None, typer.Option(help="Address of the pages.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of the pages.")] = None,
    config: ConfigOption = None,
) -> None:
    """Run everything here: broker, worker, sources, store and pages. Ctrl-C stops it.

    Without settings of yours it watches public sources that need no key, and a sample of
    invented posts, so that the page lives even without a network.

    [bold]Example[/bold]: veille up --port 8420
    """
    settings = load_settings(config)
    load_config_topics(config)  # say what is wrong with them before anything starts
    address = settings.web.host if host is None else host
    number = settings.web.port if port is None else port
    with bind(address, number) as probe:  # say so at once when the port is taken
        number = probe.getsockname()[1]
    run(_up(settings, address, number, [] if config is None else ["--config", str(config)]))


async def _up(settings: Settings, host: str, port: int, config: list[str]) -> None:
    started = time.monotonic()
    stop = stop_on_signals()
    await _prepare_store(settings)
    with MemoryBroker() as broker:
        await _tell_address(settings, broker.address)
        children = Supervisor(child_env(settings, broker.address), on_note=_note)
        children.start("sources", "connect", *config)
        children.start("worker", "worker", "--instance", "embedded", *config)
        if settings.webhooks:
            children.start("webhooks", "webhooks", "run", *config)
        pages = ("web", "--host", host, "--port", str(port))
        children.start("pages", *pages, *config)
        try:
            await _serve(children, host, port, stop, started)
        finally:
            out.print("Stopping …", style="dim")
            await children.stop()


async def _serve(
    children: Supervisor, host: str, port: int, stop: asyncio.Event, started: float
) -> None:
    stopping = asyncio.create_task(stop.wait())
    failing = asyncio.create_task(children.failed())
    ready = asyncio.create_task(_ready(host, port))
    try:
        await asyncio.wait({stopping, failing, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and not ready.exception() and not stop.is_set():
            url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            out.print(f"Veille is up in {time.monotonic() - started:.1f} s: [bold]{url}[/bold]")
            out.print("Ctrl-C stops it.", style="dim")
        await asyncio.wait({stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            raise VeilleError(f"{failing.result()} can't run; its message is above")
    finally:
        for task in (stopping, failing, ready):
            task.cancel()
        await asyncio.gather(stopping, failing, ready, return_exceptions=True)


async def _prepare_store(settings: Settings) -> None:
    """Open once before the children do: a store that can't be used is said once."""
    async with opened_store(settings):
        pass


async def _tell_address(settings: Settings, address: str) -> None:
    """For commands that send something to the parts, such as `veille dead-letters replay`."""
    async with opened_store(settings) as store:
        await store.put_state("broker", "embedded", {"address": address})


async def _ready(host: str, port: int) -> None:
    """Until the page answers."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # not a bind
    url = f"http://{f'[{address}]' if ':' in address else address}:{port}/healthz"
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(int(READY_SECONDS * 10)):
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(url)).is_success:
                    return
            await asyncio.sleep(0.1)
    raise VeilleError(f"{url} does not answer")


def child_env(settings: Settings, broker: str) -> dict[str, str]:
    """What the children of an embedded installation are told."""
    return {
        "VEILLE_KAFKA__BOOTSTRAP_SERVERS": broker,
        "VEILLE_KAFKA__IN_MEMORY": "true",
        "VEILLE_KAFKA__LIFE": uuid.uuid4().hex[:12],
        "VEILLE_DATA_DIR": str(settings.data_dir),
    }


def _note(sentence: str) -> None:
    err.print(sentence, style="yellow", highlight=False)
