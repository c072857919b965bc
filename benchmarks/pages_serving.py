"""The pages in a process of their own, as `veille web` serves them, for `benchmarks.pages`.

    python -m benchmarks.pages_serving DIRECTORY [--elasticsearch URL] [--port 8420] [--cold]

`--cold` lets no answer be used twice, so that each request asks the store anew.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from benchmarks.pages_data import TOPICS, settings_of
from streams.web.recent import Recent, _Kept
from streams.web.server import serve
from tests.support.servers import free_port

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Served:
    """The server's address, and what `/proc` says of its process."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self._proc = Path(f"/proc/{pid}")

    def memory(self) -> int:
        """Resident bytes."""
        return int((self._proc / "statm").read_text().split()[1]) * _PAGE

    def peak(self) -> int:
        """The most there ever were."""
        for line in (self._proc / "status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0

    def cpu(self) -> float:
        """Seconds of processor time so far, which other work on the machine takes no part in."""
        fields = (self._proc / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICK


@contextlib.contextmanager
def served(directory: Path, elasticsearch: str = "", *, cold: bool = False) -> Iterator[Served]:
    """Until the block ends. Raises `RuntimeError` where it does not start."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.pages_serving", str(directory)]
    command += ["--elasticsearch", elasticsearch, "--port", str(port), *["--cold"] * cold]
    process = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, f"{url}/healthz")
        yield Served(url, process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 90
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=5).is_success:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the pages did not start: {process.poll()}")


def _never_twice() -> None:
    def stale(_: Recent[Any], kept: _Kept[Any]) -> bool:
        return kept.answer.done()  # who asks while it is made still shares it

    Recent._stale = stale  # type: ignore[method-assign,assignment]  # in the benchmark's own process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--elasticsearch", default="")
    parser.add_argument("--port", type=int, default=8420)
    parser.add_argument("--cold", action="store_true")
    asked = parser.parse_args()
    if asked.cold:
        _never_twice()
    topics = asked.directory / "topics.yaml"
    rows = [{"id": topic, "query": topic} for topic in TOPICS]
    topics.write_text(json.dumps({"topics": rows}))
    settings = settings_of(asked.directory, asked.elasticsearch)
    serve(settings, topics, host="127.0.0.1", port=asked.port)


if __name__ == "__main__":
    main()
