"""Veille's own processes in tests: commands run to their end, and workers that can be killed."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest import mock

ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    """Ours without any `VEILLE_` variable, with the checkout's packages first; what was compiled
    is kept, for hundreds of processes are started."""
    dropped = ("VEILLE_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **more}


def veille(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    seconds: float = 120,
) -> subprocess.CompletedProcess[bytes]:
    """Run `veille …` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments],
        env=environment(**(env or {})),
        input=stdin,
        capture_output=True,
        timeout=seconds,
        check=False,
    )


def veille_here(
    *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """As `veille`, for a test that calls many short commands: in this process, which has been
    started already. Not from within a running loop."""
    from streams.cli import run

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        mock.patch.dict(os.environ, environment(**(env or {})), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run(list(arguments))
    return subprocess.CompletedProcess(
        arguments, code, out.buffer.getvalue(), err.buffer.getvalue()
    )


def veille_json(*arguments: str, env: Mapping[str, str] | None = None) -> Any:
    """The JSON that a command prints; the test fails with its message when it fails."""
    done = veille(*arguments, env=env)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


class Process:
    """`veille …` in the background, in a group of its own; its output goes to `log`."""

    def __init__(self, *arguments: str, env: Mapping[str, str], log: Path) -> None:
        self._command = [sys.executable, "-m", "streams.cli", *arguments]
        self._env = environment(**env)
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self._command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return self

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9: nothing can be tidied up."""
        assert self.process is not None
        self._signal(signal.SIGKILL)
        self.process.wait(10)

    @property
    def memory(self) -> int:
        """Bytes of the process that are in memory (RSS)."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def pause(self) -> None:
        """SIGSTOP: it is there and does nothing, as on a machine that swaps or a moved VM."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT, after `pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def stop(self, seconds: float = 15) -> int:
        """SIGTERM, and the exit code; killed and -9 when it does not end in time."""
        assert self.process is not None
        if self.running:
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.running:
            self.kill()
