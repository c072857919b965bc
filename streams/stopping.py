"""Being told to stop: SIGTERM and Ctrl-C as an event."""

import asyncio
import contextlib
import signal


def stop_on_signals() -> asyncio.Event:
    """An event that is set by SIGTERM or Ctrl-C, for the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises instead
            loop.add_signal_handler(number, stop.set)
    return stop
