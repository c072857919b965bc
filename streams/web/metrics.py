"""`/metrics`: the ledger and the lag for Prometheus, in its text format (version 0.0.4).

Written by hand: a few counters and gauges need no library. Everything comes from the store, so
that one page tells of all workers and sources, whichever process they run in.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from streams.accountant import lag_of
from streams.alerts.deaths import standing
from streams.alerts.state import AlertState
from streams.balance import Line, Snapshot, by_source, snapshot
from streams.gaps import MISSED, by_topic
from streams.settings import Webhook
from streams.store.port import Store
from streams.webhooks.standing import Standing, at_work, standings

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
COUNTERS: Final = {
    "read": "Items that came from a source.",
    "published": "Posts of a source that are safe in veille.posts.",
    "duplicates": "Items a source gave again, known by their content and left out.",
    "dead": "Items of a source that became dead letters.",
    "matched": "Posts that met a topic.",
    "unmatched": "Posts that met no topic.",
    "refused": "Posts that became dead letters in the filter.",
    "mentions": "Mentions made of matched posts.",
    "stored": "Mentions the store has, or has a newer version of.",
    "dropped": "Mentions that became dead letters in the index.",
    "again": "Records written more than once, counted nowhere else.",
}
_OF_WEBHOOKS: Final = {
    "sent_total": "Mentions that a webhook took.",
    "failures_total": "Tries to post to a webhook that failed.",
    "set_aside": "Mentions that a webhook could not take, to be replayed.",
    "behind_seconds": "Seconds since all that had arrived was posted: nothing that waits is older.",
}

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


class Metric(msgspec.Struct, frozen=True):
    """One metric with its samples; a counter's name ends in `_total`."""

    name: str
    kind: str
    help: str
    samples: list[Sample]


async def page(store: Store, now: datetime, webhooks: Sequence[Webhook] = ()) -> str:
    """The whole page. Raises `StoreError`."""
    workers = await store.states("worker")
    lag = lag_of(workers, now)
    found = await snapshot(store, now, lag=lag)
    return render(
        [
            *_ledger(found),
            _missed(by_topic(await store.states(MISSED))),
            *_broker(lag),
            *_alerts(await standing(store)),
            *_webhooks(await standings(store, webhooks), now),
            *([_posting(await at_work(store, now))] if webhooks else []),
        ]
    )


def _ledger(found: Snapshot) -> list[Metric]:
    sums = {line.source: line for line in by_source(found.lines.values())}
    counted = [
        Metric(f"veille_{name}_total", "counter", help_, _by_source(sums, name))
        for name, help_ in COUNTERS.items()
    ]
    waiting: list[Sample] = [({"source": name}, _waiting(line)) for name, line in sums.items()]
    return [*counted, Metric("veille_waiting", "gauge", "Records on their way.", waiting)]


def _by_source(sums: Mapping[str, Line], name: str) -> list[Sample]:
    return [({"source": source}, getattr(line, name)) for source, line in sums.items()]


def _waiting(line: Line) -> int:
    return sum(max(0, left - right) for left, right in line.sums)


def _missed(counts: Mapping[str, int]) -> Metric:
    samples: list[Sample] = [({"topic": name}, count) for name, count in counts.items()]
    text = "Records the broker dropped before they were read."
    return Metric("veille_missed_total", "counter", text, samples)


def _broker(lag: Mapping[str, int] | None) -> list[Metric]:
    samples: list[Sample] = [({"topic": name}, count) for name, count in (lag or {}).items()]
    return [
        Metric("veille_lag", "gauge", "Records not yet finished with, by topic.", samples),
        Metric("veille_workers_up", "gauge", "Whether a worker lives.", [({}, lag is not None)]),
    ]


def _alerts(standing: Iterable[AlertState]) -> list[Metric]:
    counts: dict[str, int] = {}
    imbalance = 0.0
    for alert in standing:
        counts[alert.kind] = counts.get(alert.kind, 0) + 1
        imbalance += alert.figures.get("imbalance", 0.0)
    samples: list[Sample] = [({"kind": kind}, count) for kind, count in counts.items()]
    text = "Records that nothing explains for two minutes: not 0 is a fault."
    return [
        Metric("veille_ledger_imbalance", "gauge", text, [({}, imbalance)]),
        Metric("veille_alerts", "gauge", "Alerts about the installation that stand.", samples),
    ]


def _webhooks(found: Iterable[Standing], now: datetime) -> list[Metric]:
    figures: dict[str, list[Sample]] = {name: [] for name in _OF_WEBHOOKS}
    for one in found:
        of = {"webhook": one.id}
        figures["sent_total"].append((of, one.sent))
        figures["failures_total"].append((of, one.failures))
        figures["set_aside"].append((of, one.dead))
        if one.caught_up_at:
            behind = max(0.0, (now - one.caught_up_at).total_seconds())
            figures["behind_seconds"].append((of, behind))
    return [
        Metric(f"veille_webhook_{name}", _kind(name), text, figures[name])
        for name, text in _OF_WEBHOOKS.items()
    ]


def _posting(posts: bool) -> Metric:
    return Metric("veille_webhooks_up", "gauge", "Whether a process posts.", [({}, posts)])


def _kind(name: str) -> str:
    return "counter" if name.endswith("_total") else "gauge"


def render(metrics: Iterable[Metric]) -> str:
    """The text format; every metric is there, also without a sample."""
    lines: list[str] = []
    for metric in metrics:
        lines.append(f"# HELP {metric.name} {metric.help}")
        lines.append(f"# TYPE {metric.name} {metric.kind}")
        lines += [f"{metric.name}{_labels(of)} {value:.17g}" for of, value in metric.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
