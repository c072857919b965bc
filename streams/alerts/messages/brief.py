"""What a message is made of, and what becomes of it."""

from datetime import timedelta
from typing import Final, Literal

import msgspec

from streams.alerts.messages.language import Language
from streams.alerts.records import Incident, Kind
from streams.records import SentimentLabel
from streams.store.port import Bucket

Event = Literal["opened", "grown", "reopened", "resolved", "withdrawn", "escalated", "test"]

MEASURED: Final[dict[Kind, SentimentLabel]] = {
    "negative-spike": "neg",
    "story": "neg",
    "rating-drop": "neg",
    "positive-spike": "pos",
}
"""Which of a topic's mentions a kind of incident counts; all of them where it is not here."""


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """All that a message about an incident tells. `series` are the topic's counts around it, each
    of `step`; `base_url` is where people reach Veille's pages, without a slash at its end;
    `waited` are the minutes that nobody acknowledged, for `escalated`; `note` is told as it is."""

    incident: Incident
    event: Event = "opened"
    topic_name: str = ""
    series: list[Bucket] = []
    step: timedelta = timedelta(minutes=5)
    language: Language = "en"
    zone: str = "UTC"
    base_url: str = ""
    waited: int = 0
    note: str = ""

    @property
    def title(self) -> str:
        """Of the topic or source; what a source is called in a language is not said here."""
        return self.topic_name or self.incident.topic or self.incident.source

    @property
    def measured(self) -> SentimentLabel | None:
        return MEASURED.get(self.incident.kind)

    def height(self, bucket: Bucket) -> int:
        """What this kind of incident counts, in one bucket."""
        return int(getattr(bucket, self.measured or "total"))


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the forms that channels take. `subject` is one line without control characters;
    `text` is whole, `short` is for chats, `html` stands on its own without the picture.
    `chart` is a Vega-Lite definition (`streams.alerts.messages.chart`), drawn when it is sent;
    `links` are the addresses in it."""

    subject: str
    text: str
    short: str
    html: str
    chart: dict[str, object] | None = None
    links: dict[str, str] = {}
