"""Incidents made for tests, and the texts that attack them."""

from datetime import timedelta
from typing import Any

from streams.alert_settings import Delivery
from streams.alerts.records import Evidence, Incident, KeyPost, Term
from tests.support.mentions import NOON


def incident(number: int = 1, **fields: Any) -> Incident:
    """Incident `number`, a negative spike at noon; `fields` override."""
    told: dict[str, Any] = {
        "id": f"i{number}",
        "topic": "brand",
        "kind": "negative-spike",
        "severity": "high",
        "opened_at": NOON + timedelta(minutes=20),
        "began_at": NOON,
        "until": NOON + timedelta(hours=1),
        "observed": 48.0,
        "expected": 12.0,
        "share": 0.8,
        "usual_share": 0.2,
        "found_at": NOON + timedelta(minutes=20),
        "version": 1,
    }
    return Incident(**(told | fields))


def post(text: str = "it broke again", **fields: Any) -> KeyPost:
    told: dict[str, Any] = {
        "mention_id": "m1",
        "url": "https://example.org/1",
        "source": "forum",
        "author": "ann",
        "followers": 1234,
        "text": text,
        "created_at": NOON + timedelta(minutes=5),
        "tone": "neg",
    }
    return KeyPost(**(told | fields))


def evidence(**fields: Any) -> Evidence:
    told: dict[str, Any] = {
        "posts": [post()],
        "terms": [Term(text="broke again", count=9, before=0.4, score=5.2)],
        "stories": 3,
        "authors": 21,
        "new_authors": 1,
        "first": post(copies=4),
        "sources": [("forum", 40)],
        "countries": [("FR", 12)],
        "reach": 12_345,
    }
    return Evidence(**(told | fields))


def settings(*channels: str, **fields: Any) -> Delivery:
    """Delivery over channels of these names, which lead nowhere."""
    given = [{"id": name, "url_env": "NOWHERE"} for name in channels]
    return Delivery.model_validate({"channels": given, **fields})
