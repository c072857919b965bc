"""The airline crisis: posts of February 2015 through the whole way, and the alarms that come of it.

    python -m benchmarks.airlines

Reads `posts/airlines.jsonl` of the folder of shared data (`VEILLE_SHARED_DATA`, else
`../shared/data`); without it, says so and ends. Replays it embedded, with a topic an airline and
all settings as they come, and holds the incidents against what people's labels tell: a negative
spike at Delta on 22 February by 18:00 UTC, one at Southwest on 21 February by 20:00, and at most
one other alarm in the eight days.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, Final

TOPICS: Final = """topics:
  - {id: Delta, query: "jetblue"}
  - {id: Southwest, query: "southwestair"}
  - {id: Virgin America, query: "virginamerica"}
"""
# Posts of the rows that are named Delta speak of JetBlue.
CRISES: Final = {
    "Delta": ("2015-02-22T00:00:00+00:00", "2015-02-22T18:00:00+00:00"),
    "Southwest": ("2015-02-21T00:00:00+00:00", "2015-02-21T20:00:00+00:00"),
}
MOST_OTHERS: Final = 1


def posts() -> Path:
    """Where they are, if they are."""
    folder = os.environ.get("VEILLE_SHARED_DATA", "")
    root = Path(folder) if folder else Path(__file__).parents[2] / "shared" / "data"
    return root / "posts" / "airlines.jsonl"


def replayed(path: Path, folder: Path) -> list[dict[str, Any]]:
    """The incidents of a new installation in this folder, after a replay."""
    (folder / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    (folder / "veille.yaml").write_text("sources: []\n", encoding="utf-8")
    root = str(Path(__file__).parents[1])
    env = {name: value for name, value in os.environ.items() if not name.startswith("VEILLE_")}
    env |= {"VEILLE_CONFIG": str(folder), "VEILLE_DATA_DIR": str(folder / "data")}
    env["PYTHONPATH"] = root

    def veille(*arguments: str) -> str:
        command = [sys.executable, "-m", "streams.cli", *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return done.stdout

    veille("replay", str(path), "--map", "author.handle=author", "--json")
    return [json.loads(line) for line in veille("alerts", "list", "--json").splitlines()]


def judged(incidents: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Crises that were missed, and how many other alarms there were."""
    missed, hits = [], set()
    for topic, (first, last) in CRISES.items():
        begin, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
        found = [
            one["id"]
            for one in incidents
            if one["topic"] == topic
            and one["kind"] == "negative-spike"
            and begin <= datetime.fromisoformat(one["opened_at"]) <= end
        ]
        hits.update(found[:1])
        if not found:
            missed.append(topic)
    return missed, len(incidents) - len(hits)


def main() -> int:
    path = posts()
    if not path.is_file():
        print(f"{path}: not there, so nothing was measured")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        incidents = replayed(path, Path(folder))
    for one in incidents:
        figures = f"{one['observed']:g} against {one['expected']:.1f}"
        print(f"{one['opened_at']} {one['topic']}: {one['kind']}, {one['severity']}, {figures}")
    missed, others = judged(incidents)
    print(f"missed: {', '.join(missed) or 'none'}; other alarms: {others} (at most {MOST_OTHERS})")
    return int(bool(missed) or others > MOST_OTHERS)


if __name__ == "__main__":
    sys.exit(main())
