"""An invented brand, its usual days, and the hours in which people turn on it."""

import math
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec

from streams.alerts import book
from streams.alerts.incidents import Change
from streams.alerts.records import Evidence, Incident, KeyPost, Term
from streams.records import LABELS, Mention, SentimentLabel
from streams.store.port import Store
from tests.browser.site import mention
from tests.support.crisis import poisson

CRISIS_HOURS: Final = 2
_HOUR: Final = timedelta(hours=1)
_ANGRY: Final = (
    "Kestrel charged my card twice and nobody answers",
    "Third hour at the gate, Kestrel says nothing",
    "Kestrel lost my booking and keeps the money",
    "Never again Kestrel: double charge, no refund",
)
_CALM: Final = ("Boarding with Kestrel now", "Kestrel opens a new route", "Window seat on Kestrel")


def mentions(
    until: datetime, *, days: float = 7, an_hour: float = 4.0, angry: float = 40.0, seed: int = 3
) -> list[Mention]:
    """Of so many days, with the last hours bad: so many negative mentions an hour more."""
    rng = Random(seed)
    made: list[Mention] = []
    hours = int(days * 24)
    for number in range(hours):
        start = until - (hours - number) * _HOUR
        swing = 1 + 0.5 * math.sin(2 * math.pi * (start.hour - 8) / 24)
        bad = number >= hours - CRISIS_HOURS
        for _ in range(poisson(rng, an_hour * swing)):
            mood = rng.choices(LABELS, (0.3, 0.2, 0.5, 0))[0]
            made.append(_one(len(made), rng, start, mood, _CALM))
        for _ in range(poisson(rng, angry) if bad else 0):
            made.append(_one(len(made), rng, start, "neg", _ANGRY))
    return made


def _one(
    n: int, rng: Random, start: datetime, mood: SentimentLabel, texts: tuple[str, ...]
) -> Mention:
    at = start + timedelta(seconds=rng.randrange(3600))
    return mention(n, at=at, sentiment=mood, text=f"{rng.choice(texts)} ({n})")


def incident(until: datetime, **more: Any) -> Incident:
    """What was found of the last hours, with its evidence."""
    began = until - CRISIS_HOURS * _HOUR
    fields: dict[str, Any] = {
        "id": "0123456789abcdef",
        "topic": "kestrel",
        "kind": "negative-spike",
        "severity": "high",
        "opened_at": began + timedelta(minutes=20),
        "began_at": began,
        "until": until,
        "observed": 82,
        "expected": 1.8,
        "high": 9,
        "score": 12.5,
        "share": 0.87,
        "usual_share": 0.2,
        "found_at": began + timedelta(minutes=20, seconds=9),
        "evidence": evidence(began),
        "version": 1,
    }
    return Incident(**(fields | more))


def evidence(began: datetime) -> Evidence:
    """Posts and words that explain it; all of it is invented."""
    posts = [
        KeyPost(
            mention_id=f"m{number}",
            url=f"https://example.org/posts/{number}",
            source="forum",
            author=author,
            followers=followers,
            text=text,
            created_at=began + timedelta(minutes=7 * number + 3),
            copies=copies,
            tone="neg",
        )
        for number, (author, followers, copies, text) in enumerate(
            (
                ("lucy_b", 18_400, 31, f"{_ANGRY[0]}. Is anyone else seeing this?"),
                ("tomorrow_news", 52_100, 12, "Travellers report double charges at Kestrel Air."),
                ("n_okafor", 310, 1, f"{_ANGRY[1]}. The app shows a second payment, too."),
            )
        )
    ]
    return Evidence(
        posts=posts,
        terms=[
            Term(text="charged twice", count=38, before=0.1, score=9.4),
            Term(text="refund", count=29, before=1.2, score=7.0),
            Term(text="gate", count=17, before=2.0, score=4.1),
        ],
        stories=9,
        authors=64,
        new_authors=41,
        first=posts[0],
        sources=[("forum", 52), ("rss", 30)],
        countries=[("GB", 33), ("FR", 12)],
        reach=93_800,
    )


async def tell(store: Store, *known: Incident) -> None:
    """Keep them as the watch does."""
    for one in known:
        await book.keep(store, Change(one, "opened"))


def changed(one: Incident, **fields: object) -> Incident:
    """The same with these fields."""
    return msgspec.structs.replace(one, **fields)
