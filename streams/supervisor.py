"""One process tree: starts Veille's parts as children, starts again what dies, stops all.

A child is tethered: its standard input is a pipe that ends when the parent does, so that not even
`kill -9` of the parent leaves one behind.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

TETHER: Final = "VEILLE_TETHER"
STOP_SECONDS: Final = 10.0
FIRST_REST_SECONDS: Final = 0.5
LONGEST_REST_SECONDS: Final = 30.0


@dataclass(slots=True)
class Child:
    """One part: the command that runs it and, once it is started, its process."""

    name: str
    arguments: Sequence[str]
    process: asyncio.subprocess.Process | None = None
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Supervisor:
    """Runs `veille <arguments>` children with `env` on top of ours."""

    def __init__(
        self, env: Mapping[str, str], *, on_note: Callable[[str], None] = lambda _: None
    ) -> None:
        self._env = {**os.environ, **env, TETHER: "1"}
        self._children: list[Child] = []
        self._stopping = False
        self._note = on_note

    def start(self, name: str, *arguments: str) -> Child:
        child = Child(name, arguments)
        child.task = asyncio.create_task(self._keep(child))
        self._children.append(child)
        return child

    async def _keep(self, child: Child) -> None:
        rest = 0.0
        while not self._stopping:
            started = asyncio.get_running_loop().time()
            child.process = await self._spawn(child)
            code = await child.process.wait()
            if self._stopping:
                return
            if code == 2:  # misused: settings are wrong, and starting again would not mend them
                self._note(f"{child.name} can't start; see the message above")
                return
            lived = asyncio.get_running_loop().time() - started
            again = rest and lived <= 60
            rest = min(rest * 2, LONGEST_REST_SECONDS) if again else FIRST_REST_SECONDS
            self._note(f"{child.name} ended with code {code}; starting it again in {rest:g} s")
            await asyncio.sleep(rest)

    async def _spawn(self, child: Child) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "streams.cli",
            *child.arguments,
            env=self._env,
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which stops us in order
        )

    async def failed(self) -> str:
        """Returns the name of the first child that has given up for good."""
        tasks = {child.task: child.name for child in self._children if child.task}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[next(iter(done))]

    async def stop(self) -> None:
        """Stop children in the order they were started, within `STOP_SECONDS` in all."""
        self._stopping = True
        deadline = asyncio.get_running_loop().time() + STOP_SECONDS
        for child in self._children:
            await self._stop_one(child, deadline)

    async def _stop_one(self, child: Child, deadline: float) -> None:
        process = child.process
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            left = max(0.2, deadline - asyncio.get_running_loop().time())
            try:
                await asyncio.wait_for(process.wait(), left)
            except TimeoutError:
                self._note(f"{child.name} did not stop in time and was killed")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if child.task:
            child.task.cancel()
            await asyncio.gather(child.task, return_exceptions=True)


def tether() -> None:
    """In a child: end when the parent is gone. Does nothing outside a supervisor."""
    if os.environ.pop(TETHER, ""):
        tie = os.dup(0)
        threading.Thread(target=_follow, args=(tie,), daemon=True, name="tether").start()


def _follow(tie: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(tie, 4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
