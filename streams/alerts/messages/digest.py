"""A period in one message: the incidents, and how much was said of each topic."""

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from streams.alerts.messages.brief import Brief, Message
from streams.alerts.messages.compose import COLOURS, SUBJECT, headline, render
from streams.alerts.messages.harmless import address, for_chat, inline
from streams.alerts.messages.language import Language, Words
from streams.alerts.messages.links import filter_link, incident_link
from streams.alerts.records import SEVERITIES, Incident
from streams.store.port import Filter

MOST_INCIDENTS: Final = 20
MOST_TOPICS: Final = 15
MOST_SHORT: Final = 6

Period = Literal["daily", "weekly", "quiet"]


class TopicLine(msgspec.Struct, frozen=True, kw_only=True):
    """A topic's mentions in the period, and in the one before."""

    topic: str
    total: int
    negative: int = 0
    before: int = 0


class DigestBrief(msgspec.Struct, frozen=True, kw_only=True):
    """All that a digest tells."""

    period: Period
    since: datetime
    until: datetime
    incidents: list[Incident] = []
    topics: list[TopicLine] = []
    names: dict[str, str] = {}
    language: Language = "en"
    zone: str = "UTC"
    base_url: str = ""


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    headline: str
    chat: str
    about: str
    url: str
    colour: str


class _TopicRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    url: str
    total: str
    told: str
    share: str
    change: str


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    period: str
    rows: list[_Row]
    more: str
    topics: list[_TopicRow]
    page: str


def compose_digest(brief: DigestBrief) -> Message:
    """The message; the gravest incidents first."""
    words = Words(brief.language, brief.zone)
    order = sorted(
        brief.incidents, key=lambda each: (-SEVERITIES.index(each.severity), each.began_at, each.id)
    )
    rows = [_row(each, brief, words) for each in order[:MOST_INCIDENTS]]
    told = _Told(
        title=inline(_title(brief, words), SUBJECT),
        period=words.say(
            "digest.period",
            since=words.moment(brief.since),
            until=words.moment(brief.until, brief.since),
            zone=words.zone,
        ),
        rows=rows,
        more=words.many("digest.more", len(order) - len(rows)) if len(order) > len(rows) else "",
        topics=[_topic(each, brief, words) for each in brief.topics[:MOST_TOPICS]],
        page=address(f"{brief.base_url}/") if brief.base_url else "",
    )
    html = render(
        "digest.html",
        language=words.language,
        title=told.title,
        told=told,
        say=words.say,
        mentions=words.say("measured.total"),
        footer="" if brief.period == "quiet" else words.say("digest.footer"),
    )
    return Message(
        subject=told.title,
        text=_text(told, words),
        short=_short(told, words),
        html=html,
        links={"link.page": told.page} if told.page else {},
    )


def _title(brief: DigestBrief, words: Words) -> str:
    incidents = words.many("incidents", len(brief.incidents))
    if brief.period == "quiet":
        return words.say("digest.quiet", incidents=incidents)
    when = words.day(brief.until - timedelta(seconds=1) if _midnight(brief, words) else brief.since)
    return words.say(f"digest.{brief.period}", when=when, incidents=incidents)


def _midnight(brief: DigestBrief, words: Words) -> bool:
    local = words.local(brief.until)
    return brief.period == "daily" and (local.hour, local.minute) == (0, 0)


def _row(incident: Incident, brief: DigestBrief, words: Words) -> _Row:
    one = Brief(
        incident=incident,
        topic_name=brief.names.get(incident.topic, ""),
        language=brief.language,
        zone=brief.zone,
    )
    about = [
        words.say(f"severity.{incident.severity}"),
        words.say(f"kind.{incident.kind}"),
        words.moment(incident.began_at),
        words.say(f"status.{incident.status}"),
    ]
    return _Row(
        headline=headline(one, words, inline),
        chat=headline(one, words, for_chat),
        about=" · ".join(about),
        url=address(incident_link(brief.base_url, incident)),
        colour=COLOURS[incident.severity],
    )


def _topic(topic: TopicLine, brief: DigestBrief, words: Words) -> _TopicRow:
    where = Filter(topics=(topic.topic,), since=brief.since, until=brief.until)
    change = "–"
    if topic.before:
        change = f"{'+' if topic.total >= topic.before else '−'}"
        change += words.percent(abs(topic.total - topic.before) / topic.before)
    return _TopicRow(
        name=inline(brief.names.get(topic.topic) or topic.topic, 80),
        url=address(filter_link(brief.base_url, where)),
        total=words.number(topic.total),
        told=words.many("mentions", topic.total),
        share=words.percent(topic.negative / max(topic.total, 1)),
        change=change,
    )


def _text(told: _Told, words: Words) -> str:
    blocks = [f"{told.title}\n{told.period}"]
    for row in told.rows:
        lines = [f"- {row.headline}", f"  {row.about}", f"  {row.url}" if row.url else ""]
        blocks.append("\n".join(filter(None, lines)))
    blocks.append(told.more if told.rows else words.say("digest.none"))
    topics = [
        words.say(
            "label",
            name=each.name,
            value=f"{each.told}, {each.share} {words.say('negative')}, {each.change}",
        )
        for each in told.topics
    ]
    if topics:
        blocks.append("\n".join([words.say("digest.topics"), *topics]))
    blocks.append(told.page)
    return "\n\n".join(filter(None, blocks)) + "\n"


def _short(told: _Told, words: Words) -> str:
    lines = [told.title, told.period]
    lines += [f"• {row.chat} ({row.about})" for row in told.rows[:MOST_SHORT]]
    if len(told.rows) > MOST_SHORT or told.more:
        lines.append("…")
    if not told.rows:
        lines.append(words.say("digest.none"))
    return "\n".join([*lines, told.page]).rstrip()
