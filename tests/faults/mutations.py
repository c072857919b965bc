"""`make mutations`: takes each guarantee out of a copy of the source, and names the failing test.

A mutation that no test notices ends the program with exit code 1. `--only WORD` runs those whose
guarantee or tests hold the word. Each that is noticed has its line in docs/reliability.md.
"""

import argparse
import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.faults.report import PAGE
from tests.support import fetch
from tests.support.veille import ROOT

BEGIN: Final = "<!-- mutations: written by `make mutations` -->"
END: Final = "<!-- end of mutations -->"
HEAD: Final = (
    "| guarantee | taken out of | how | caught by | seconds |\n| --- | --- | --- | --- | --- |"
)
UNTRIED: Final = "Written, and not tried yet: "
PAGE_ROW: Final = re.compile(r"^\| ([^|]+) \| `[\w/.]+` \| [^|]+ \| `(test_[^`]+)`", re.M)
_FAILED: Final = re.compile(r"^FAILED (?:tests/)?(\S+?)(?: - |$)", re.M)


@dataclasses.dataclass(frozen=True)
class Mutation:
    """One guarantee taken out: `old` becomes `new` in `file`, and one of `tests` must fail."""

    guarantee: str
    how: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


WORKER: Final = "tests/faults/test_worker.py"
BROKER: Final = "tests/faults/test_broker.py"
STORES: Final = "tests/contract/test_store.py"
SLAB: Final = "tests/contract/test_slab.py"
RUNNER: Final = "tests/unit/test_runner.py"
REPLAY: Final = "tests/servers/test_replay.py"

MUTATIONS: Final = (
    Mutation(
        "posts are committed after their mentions are acknowledged",
        "acknowledge first, then wait for Kafka",
        "streams/agents.py",
        "        refused = await delivered(futures)\n",
        "        self._done(event, made.entries)\n        refused = await delivered(futures)\n",
        ("tests/unit/test_delivery.py",),
    ),
    Mutation(
        "mentions are committed after the store has them",
        "acknowledge first, then write",
        "streams/agents.py",
        "        report = await self._store.write(good)\n",
        "        for event in events:\n            event.ack()\n"
        "        report = await self._store.write(good)\n",
        (f"{WORKER}::test_stop_while_the_store_hangs",),
    ),
    Mutation(
        "a failed send is no send",
        "pass over errors of the broker",
        "connectors/kafka.py",
        "        if isinstance(result, KafkaError):\n",
        "        if isinstance(result, KafkaError):\n            continue\n"
        "        if isinstance(result, KafkaError):\n",
        ("tests/unit/test_delivery.py",),
    ),
    Mutation(
        "only the acknowledged prefix is committed",
        "commit whatever was handed out",
        "streams/slab.py",
        "        while slabs and slabs[0].acked:\n",
        "        while slabs:\n",
        (SLAB, f"{WORKER}::test_stop_while_the_store_hangs"),
    ),
    Mutation(
        "what was lost unread is counted",
        "ignore gaps in offsets",
        "streams/slab.py",
        "        slab = Slab(records, max(0, records[0].offset - expected))\n",
        "        slab = Slab(records, 0)\n",
        (SLAB, f"{BROKER}::test_retention_dropped_unread_records"),
    ),
    Mutation(
        "what was lost while no worker ran is counted",
        "expect the first record that comes",
        "streams/slab.py",
        "                self.in_flight.expect(tp, offset)\n",
        "                pass\n",
        (f"{BROKER}::test_retention_dropped_unread_records",),
    ),
    Mutation(
        "an older version never overwrites a newer one (SQLite)",
        "drop the version check",
        "streams/store/sqlite_writes.py",
        "        if mention.version < self._versions.get(mention.id, 0):\n",
        "        if mention.version < 0:\n",
        (f"{STORES}::test_newer_wins_and_older_is_stale_whatever_the_order",),
    ),
    Mutation(
        "an older version never overwrites a newer one (Elasticsearch)",
        "write without a version",
        "streams/store/es_bulk.py",
        "        meta = _encode(_Meta(self.index, self.id, self.version, ordered))\n",
        "        meta = _encode(_Meta(self.index, self.id))\n",
        (f"{STORES}::test_newer_wins_and_older_is_stale_whatever_the_order",),
    ),
    Mutation(
        "a retraction takes back what no longer matches",
        "a watermark that kills nothing",
        "streams/store/rules.py",
        "        return content < self.version and topic not in self.topics\n",
        "        return False\n",
        (
            f"{STORES}::test_edit_leaves_a_topic",
            f"{REPLAY}::test_every_mention_is_the_pure_functions",
        ),
    ),
    Mutation(
        "a cursor is saved after its posts are safe",
        "save the cursor first",
        "connectors/outbox.py",
        "                refused = await receipt if receipt is not None else ()\n",
        "                if batch.cursor is not None:\n"
        "                    await self._cursors.save(self._source, batch.cursor)\n"
        "                refused = await receipt if receipt is not None else ()\n",
        (RUNNER,),
    ),
    Mutation(
        "what can't be processed is kept as a dead letter",
        "drop it",
        "streams/judging.py",
        "        self.letters.append((letter.id.encode(), letters.encode(letter)))\n",
        "",
        ("tests/unit/test_agents.py", f"{BROKER}::test_dead_letters_can_not_be_written"),
    ),
    Mutation(
        "ids are deterministic: nothing counts twice",
        "a random id for each mention",
        "streams/pipeline.py",
        "            id=mention_id(match.topic, post.id),\n",
        "            id=__import__('uuid').uuid4().hex,\n",
        (f"{REPLAY}::test_every_mention_is_the_pure_functions",),
    ),
    Mutation(
        "a stop is bounded",
        "wait for the broker without end",
        "streams/worker.py",
        "        timer.start()\n",
        "",
        (f"{WORKER}::test_stop_while_the_broker_hangs",),
    ),
    Mutation(
        "a broker that restarts is asked again",
        "give up at the first error",
        "streams/offsets.py",
        "                if time.monotonic() > deadline:\n                    raise\n",
        "                raise\n",
        (f"{BROKER}::test_offsets_are_asked_for_until_they_are_told",),
    ),
)


def copied(folder: Path) -> Path:
    """A copy of what tests need, sharing the servers that were fetched."""
    for name in ("connectors", "streams", "tests", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def apply(mutation: Mutation, folder: Path) -> None:
    """Raises `SystemExit` where the source no longer holds the line."""
    path = folder / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        sys.exit(
            f"{mutation.file}: not once {mutation.old!r}. Remedy: mend tests/faults/mutations.py"
        )
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


def caught_by(tests: Sequence[str], folder: Path) -> str:
    """The first test that fails in the copy; empty when none does."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("VEILLE_")}
    env |= {"VEILLE_SERVERS_DIR": str(fetch.cache_dir()), "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p"]
    done = subprocess.run(
        [*command, "no:randomly", "-m", "not soak", *tests],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    found = _FAILED.search(done.stdout)
    if done.returncode > 1 or (done.returncode and not found):
        sys.exit(f"the tests could not be run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return found[1] if found else ""


def tried(mutation: Mutation) -> str:
    """One line of the table; empty when no test noticed."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="veille-mutation-") as name:
        folder = copied(Path(name))
        apply(mutation, folder)
        test = caught_by(mutation.tests, folder)
    if not test:
        return ""
    seconds = time.monotonic() - began
    cells = (mutation.guarantee, f"`{mutation.file}`", mutation.how, f"`{Path(test).name}`")
    return "| " + " | ".join(cells) + f" | {seconds:.0f} |"


def write(line: str) -> None:
    """A line into the table of the page, in the place of the one of the same guarantee."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    old, _, after = rest.partition(END)
    lines = {row[1]: row[0] for row in re.finditer(r"^\| ([^|]+) \| `.+$", old, re.M)}
    lines[line.split(" | ", maxsplit=1)[0].removeprefix("| ")] = line
    known = [lines[one.guarantee] for one in MUTATIONS if one.guarantee in lines]
    body = "\n".join([HEAD, *known])
    if untried := [one.guarantee for one in MUTATIONS if one.guarantee not in lines]:
        body += f"\n\n{UNTRIED}{'; '.join(untried)}."
    PAGE.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="those whose guarantee or tests hold this word")
    only = parser.parse_args().only
    noticed = True
    for mutation in MUTATIONS:
        if only not in mutation.guarantee + " ".join(mutation.tests):
            continue
        line = tried(mutation)
        noticed = noticed and bool(line)
        sys.stdout.write((line or f"NOT NOTICED: {mutation.guarantee}: {mutation.how}") + "\n")
        sys.stdout.flush()
        if line:
            write(line)
    sys.exit(0 if noticed else 1)


if __name__ == "__main__":
    main()
