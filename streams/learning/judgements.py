"""Who judged what, read from the journal: labels that people set, and blind second opinions."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from streams.records import LABELS, SentimentLabel
from streams.store.journal import Entry

OPINION: Final = "opinion.set"
LABEL: Final = "label.set"
UNDO: Final = "label.undo"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What one person said of one mention. `None`: nothing. `blind`: without having seen what
    others said."""

    by: str
    at: datetime
    mention_id: str
    relevant: bool | None = None
    sentiment: SentimentLabel | None = None
    blind: bool = False


def read(entries: Iterable[Entry]) -> list[Judgement]:
    """The judgements of these entries, oldest first; what was undone is left out."""
    kept: dict[tuple[str, object], Judgement] = {}
    for entry in sorted(entries, key=lambda one: (one.at, one.id)):
        if entry.action == UNDO:
            kept.pop((entry.subject, _mapping(entry.before).get("labeled_at")), None)
        elif (found := _judgement(entry)) is not None:
            kept[entry.subject, _mapping(entry.after).get("labeled_at", entry.id)] = found
    return list(kept.values())


def _judgement(entry: Entry) -> Judgement | None:
    before, after = _mapping(entry.before), _mapping(entry.after)
    if entry.action == OPINION:
        said = _relevance(after), _sentiment(after.get("sentiment"))
    elif entry.action == LABEL:
        said = _said(before, after)
    else:
        return None
    if said == (None, None):
        return None
    return Judgement(
        by=entry.by,
        at=entry.at,
        mention_id=entry.subject,
        relevant=said[0],
        sentiment=said[1],
        blind=entry.action == OPINION,
    )


def _said(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[bool | None, SentimentLabel | None]:
    """What this person said, which is what changed: the rest they only left as it was. Who is done
    with a mention stands by the sentiment that counts."""
    closed = bool(after.get("done")) and not before.get("done")
    relevant = _relevance(after)
    if relevant == _relevance(before):
        relevant = True if closed and relevant is not False else None
    sentiment = _sentiment(after.get("sentiment"))
    if sentiment is not None and sentiment == _sentiment(before.get("sentiment")):
        sentiment = None
    if sentiment is None and closed and relevant:
        sentiment = _sentiment(after.get("tone"))
    if sentiment is not None and relevant is None and _relevance(after) is not False:
        relevant = True
    return relevant, sentiment


def _relevance(said: Mapping[str, Any]) -> bool | None:
    if said.get("spam"):
        return False
    found = said.get("relevant")
    return found if isinstance(found, bool) else None


def _sentiment(value: object) -> SentimentLabel | None:
    return next((label for label in LABELS if label == value), None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
