"""The engine of incidents on made-up topics: false alarms, power, time and memory.

    python -m benchmarks.incidents [--topics N]

A quarter of the mentions are negative. They come by chance alone (Poisson), in waves of everything
(negative binomial), or with negatives and others in waves of their own; flat, or with days, nights
and weekends. Spikes triple the negatives of half an hour. An incident that opens within ten minutes
of a spike's end finds it; every other one is a false alarm.
"""

import argparse
import random
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from streams.alerts.engine import Engine
from streams.alerts.records import BUCKET_SECONDS, Counts
from tests.support.counts import DAY, MIDNIGHT, poisson, season

RATES: Final = (0.2, 2.0, 20.0, 80.0, 400.0)
"""All mentions a bucket."""
LAWS: Final = ("chance", "waves", "waves apart")
_DAYS: Final = 24
_SPIKES: Final = tuple(int(DAY * (5.37 + 2.63 * k)) for k in range(7))
_WALL: Final = datetime(2026, 4, 1, tzinfo=UTC)
_WIDE: Final = 0.2
"""The dispersion of waves: the variance of m is m + 0.2 m²."""


def made_up(
    rate: float, law: str, seed: int, *, seasonal: bool, spikes: tuple[int, ...] = ()
) -> dict[int, Counts]:
    """The buckets of a topic."""
    dice = random.Random(seed)

    def wave() -> float:
        return dice.gammavariate(1.0 / _WIDE, _WIDE)

    found = {}
    for index in range(_DAYS * DAY):
        mean = rate * (season(index) if seasonal else 1.0)
        first = wave() if law != "chance" else 1.0
        second = wave() if law == "waves apart" else first
        times = 3.0 if any(at <= index < at + 6 for at in spikes) else 1.0
        neg, rest = (
            poisson(0.25 * mean * first * times, dice),
            poisson(0.75 * mean * second, dice),
        )
        if neg + rest:
            start = int(MIDNIGHT) + index * BUCKET_SECONDS
            found[start] = Counts(total=neg + rest, neg=neg, pos=rest // 2, neu=rest - rest // 2)
    return found


def alarms(counts: dict[int, Counts]) -> Iterator[tuple[str, float]]:
    """Kind and bucket of every incident's opening."""
    engine = Engine()
    engine.load("topic", counts, max(counts) + BUCKET_SECONDS, _WALL)
    for one in engine.all():
        yield one.kind, (one.opened_at.timestamp() - MIDNIGHT) / BUCKET_SECONDS


def table(topics: int) -> None:
    """Power, and false alarms of topics with and without spikes."""
    months = topics * 2 * (_DAYS - 2.5) / 30.0
    print(f"{'a bucket':>9} {'law':12}{'seasons':>8}{'power':>8}{'false a month':>15}")
    for rate in RATES:
        for law in LAWS:
            for seasonal in (False, True):
                hits = false = 0
                for seed in range(topics):
                    quiet = made_up(rate, law, seed, seasonal=seasonal)
                    false += len(list(alarms(quiet)))
                    spiky = made_up(rate, law, seed + 99, seasonal=seasonal, spikes=_SPIKES)
                    found = list(alarms(spiky))
                    hit = {at for at in _SPIKES for _, when in found if at <= when <= at + 8}
                    hits += len(hit)
                    false += sum(all(not at <= w <= at + 8 for at in _SPIKES) for _, w in found)
                power = hits / (topics * len(_SPIKES))
                told = "yes" if seasonal else "no"
                print(
                    f"{rate:>9} {law:12}{told:>8}{power:>8.2f}{false / months:>15.2f}", flush=True
                )


def cost() -> None:
    """Microseconds a bucket, and kilobytes a topic that is held in memory."""
    print(f"\n{'a bucket':>9}{'µs a bucket':>13}{'kB a topic':>12}")
    for rate in (0.05, 2.0, 80.0):
        counts = made_up(rate, "waves", 1, seasonal=True)
        began = time.process_time()
        for _ in range(3):
            list(alarms(counts))
        took = (time.process_time() - began) / 3 / (_DAYS * DAY)
        engine, some = Engine(), 5
        tracemalloc.start()
        for name in range(some):
            engine.load(str(name), counts, max(counts) + BUCKET_SECONDS, _WALL)
        held = tracemalloc.get_traced_memory()[0] / some
        tracemalloc.stop()
        print(f"{rate:>9}{took * 1e6:>13.1f}{held / 1000:>12.0f}")


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--topics", type=int, default=3, help="made-up topics a line")
    given = parser.parse_args()
    table(given.topics)
    cost()


if __name__ == "__main__":
    main()
