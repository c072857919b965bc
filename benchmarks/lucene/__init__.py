"""Apache Lucene's Monitor on the same topics and posts, for `benchmarks.criteria`."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

_HERE: Final = Path(__file__).parent
_CACHE: Final = _HERE.parents[1] / ".servers" / "lucene"
_BATCHES: Final = ("500", "2000")


class Run(NamedTuple):
    """Lucene's best setting: posts a second, matches, and what the setting was.

    `pairs` are the places of a post and of a query that it met.
    """

    rate: float
    matches: int
    setting: str
    pairs: set[tuple[int, int]]


def missing() -> str:
    """Why Lucene can't run here; empty when it can."""
    absent = [name for name in ("java", "javac", "mvn") if not shutil.which(name)]
    return f"{' and '.join(absent)} not found on the PATH" if absent else ""


def best(queries: Iterable[str], posts: Iterable[str]) -> Run:
    """Compile and warm up the driver, try both presearchers and several batch sizes."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("queries", "posts", "pairs")]
        for path, lines in zip(files, (queries, posts, ()), strict=True):
            one_line = (" ".join(line.split()) + "\n" for line in lines)
            path.write_text("".join(one_line), encoding="utf-8")
        # The serial collector: one thread is what is compared.
        command = ["java", "-XX:+UseSerialGC", "-Xmx3g", "-cp", _class_path(), "MonitorBenchmark"]
        answer = _run([*command, *map(str, files), *_BATCHES])
        lines = files[-1].read_text(encoding="utf-8").splitlines()
    run = max(json.loads(answer)["runs"], key=lambda run: run["rate"])
    presearcher = "multipass" if run["multipass"] else "one pass"
    pairs = {(int(post), int(query)) for post, _, query in (line.partition(" ") for line in lines)}
    return Run(run["rate"], run["matches"], f"{presearcher}, batches of {run['batch']}", pairs)


def _class_path() -> str:
    classes, jars = _CACHE / "classes", _CACHE / "jars"
    source = _HERE / "MonitorBenchmark.java"
    if not jars.is_dir():
        beside = _CACHE / "jars.new"
        maven = ["mvn", "-B", "-q", "-f", str(_HERE / "pom.xml")]
        _run([*maven, "dependency:copy-dependencies", f"-DoutputDirectory={beside}"])
        beside.rename(jars)
    _run(["javac", "-cp", f"{jars}/*", "-d", str(classes), str(source)])
    return f"{classes}:{jars}/*"


def _run(command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{run.stdout}\n{run.stderr}")
    return run.stdout
