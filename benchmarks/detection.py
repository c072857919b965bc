"""The detector: a public benchmark's rules, made-up topics, real crises, speed; and its peers.

    python -m benchmarks.detection [--data DIR] [--topics N]

`--data` (../shared/data) holds `anomaly/`, series in Numenta's form with `windows.json`, and
`posts/airlines.jsonl`, a post a line with created_at, airline and label. What is not there is named
and left out. Ring counts are of `normal`; a peer rings above the threshold in its name.
"""

import argparse
import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.detection_peers import Peer, ours, peers
from benchmarks.detection_rules import PROFILES, read_series, score
from streams.alerts.detector import Bucket, Detector
from streams.alerts.records import Sensitivity
from tests.support.counts import DAY, buckets, counts

RATES: Final = (0.05, 0.2, 1.0, 5.0, 20.0, 100.0, 500.0)
_PEER_RATES: Final = (0.2, 20.0, 500.0)
_DAYS: Final = 44
_MONTHS: Final = (_DAYS - 2) / 30.0
_CRISES: Final = {
    "Delta": ("02-22 15:00", "02-22 18:00"),
    "Southwest": ("02-21 15:00", "02-21 20:00"),
}


def benchmark(folder: Path, found: Sequence[Peer]) -> None:
    """Numenta's rules; peers get the threshold that suits them best."""
    if not (folder / "windows.json").is_file():
        print(f"{folder}: no windows.json: the public benchmark is left out")
        return
    series = read_series(folder)
    windows = sum(len(one.windows) for one in series.values())
    print(f"\nNumenta's rules, {len(series)} series, {windows} windows (standard / low FP)")
    print(f"{'':40}{'best threshold':>18}{'as it rings':>18}{'found':>7}{'false':>7}")
    for peer in found:
        scores = {}
        for name, one in series.items():
            update = peer.make()
            pairs = zip(one.starts, one.values, strict=True)
            scores[name] = [update(start, value) for start, value in pairs]
        best = [score(series, scores, false)[0].score for false in PROFILES.values()]
        rung = {n: [s if s > peer.rings_at else 0.0 for s in all_] for n, all_ in scores.items()}
        plain = [score(series, rung, false)[1] for false in PROFILES.values()]
        print(
            f"{peer.name:40}{best[0]:>10.1f} /{best[1]:6.1f}"
            f"{plain[0].score:>10.1f} /{plain[1].score:6.1f}{plain[0].found:>7}{plain[0].false:>7}"
        )


def _alarms(peer: Peer, values: Sequence[int]) -> list[int]:
    update = peer.make()
    return [
        index
        for index, bucket in enumerate(buckets(iter(values)))
        if update(bucket.start, bucket.count) > peer.rings_at and index >= 2 * DAY
    ]


def made_up(found: Sequence[Peer], topics: int) -> None:
    """False alarms a topic a month without spikes; power for threefold ones of half an hour."""
    print(
        f"\nMade-up topics: false alarms a month / power, means of {topics} topics a line, peers 1"
    )
    print(f"{'a bucket':>9} {'law':8}{'season':8}" + "".join(f"{p.name[:24]:>26}" for p in found))
    for rate in RATES:
        for dispersion in (0.0, 0.2):
            for seasonal in (False, True):
                law = "NB 0.2" if dispersion else "Poisson"
                told = ""
                for peer in found if rate in _PEER_RATES else found[:1]:
                    few = topics if peer is found[0] else 1
                    false, power = _cell(peer, rate, dispersion, seasonal, few)
                    told += f"{false:>18.2f} / {power:5.2f}"
                print(f"{rate:>9} {law:8}{'yes' if seasonal else 'no':8}{told}")


def _cell(
    peer: Peer, rate: float, dispersion: float, seasonal: bool, topics: int
) -> tuple[float, float]:
    starts = [int(DAY * (9.37 + 5.13 * k)) for k in range(7)]
    false, power = [], []
    for seed in range(topics):
        quiet = list(counts(rate, _DAYS, seed, dispersion=dispersion, seasonal=seasonal))
        false.append(len(_alarms(peer, quiet)) / _MONTHS)
        spiky = list(
            counts(rate, _DAYS, seed + 99, dispersion=dispersion, seasonal=seasonal, spikes=starts)
        )
        rang = _alarms(peer, spiky)
        power.append(statistics.mean(any(s <= at < s + 8 for at in rang) for s in starts))
    return statistics.mean(false), statistics.mean(power)


def sensitivities(topics: int) -> None:
    """Alarms a week of each sensitivity on quiet made-up topics."""
    print("\nFalse alarms a topic a week, quiet made-up topics of all rates, laws and seasons")
    named: tuple[Sensitivity, ...] = ("low", "normal", "high")
    for name in named:
        peer = Peer(name, lambda name=name: ours(name), 0.0)  # type: ignore[misc]
        alarms = [
            len(_alarms(peer, list(counts(r, _DAYS, seed + 500, dispersion=d, seasonal=s))))
            for r in RATES
            for d in (0.0, 0.2)
            for s in (False, True)
            for seed in range(topics)
        ]
        print(f"{name:8}{statistics.mean(alarms) / (_DAYS - 2) * 7:8.3f}")


def airlines(path: Path) -> None:
    """Rings for negative posts by human labels, with and without the total beside them."""
    if not path.is_file():
        print(f"{path}: not there: the airlines are left out")
        return
    negatives: dict[str, Counter[int]] = defaultdict(Counter)
    totals: dict[str, Counter[int]] = defaultdict(Counter)
    for line in path.read_text("utf-8").splitlines():
        post = json.loads(line)
        at = int(datetime.fromisoformat(post["created_at"]).timestamp()) // 300 * 300
        totals[post["airline"]][at] += 1
        negatives[post["airline"]][at] += post["label"] == "negative"
    first = min(min(times) for times in totals.values())
    last = max(max(times) for times in totals.values())
    for shared in (False, True):
        print(f"\nAirlines, negatives {'and their share' if shared else 'alone'}: rings")
        for airline in sorted(totals):
            detector, rings = Detector(), []
            for at in range(first, last + 1, 300):
                total = totals[airline][at] if shared else None
                verdict = detector.update(Bucket(at, negatives[airline][at], total))
                if verdict.severity:
                    when = datetime.fromtimestamp(at + 300, UTC)
                    rings.append(f"{when:%m-%d %H:%M} ({verdict.score:.1f})")
            wanted = _CRISES.get(airline)
            goal = f"  goal: {wanted[0]} to {wanted[1]}" if wanted else ""
            print(f"{airline:16}{', '.join(rings) or 'none'}{goal}")


def speed() -> None:
    """Microseconds an update, and characters of a state."""
    print("\nSpeed: microseconds a bucket of process time")
    for rate in (0.05, 20.0, 500.0):
        series = list(buckets(counts(rate, 60, 1, dispersion=0.2, seasonal=True)))
        detector = Detector()
        begun = time.process_time()
        for bucket in series:
            detector.update(bucket)
        took = (time.process_time() - begun) / len(series) * 1e6
        print(f"{rate:>8} a bucket{took:8.2f}{len(json.dumps(detector.state())):>8} characters")


def main() -> None:
    """Everything, in one table after another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--topics", type=int, default=2, help="made-up topics a line")
    given = parser.parse_args()
    found = list(peers())
    benchmark(given.data / "anomaly", found)
    airlines(given.data / "posts" / "airlines.jsonl")
    speed()
    sensitivities(given.topics)
    made_up(found, given.topics)


if __name__ == "__main__":
    main()
