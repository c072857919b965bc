"""Notices become what channels send: the store is asked for what the message shows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import msgspec

from streams.alert_settings import Delivery as DeliverySettings
from streams.alerts import book
from streams.alerts.channel import Channel, Delivery
from streams.alerts.evidence import subject_of
from streams.alerts.messages.brief import Brief, Event
from streams.alerts.messages.compose import compose
from streams.alerts.messages.digest import DigestBrief, Period, TopicLine, compose_digest
from streams.alerts.notices import Notice, key_of
from streams.alerts.records import SEVERITIES, Incident
from streams.alerts.schedule import topic_fits
from streams.errors import StoreError
from streams.store.port import Bucket, Filter, Store

MOST_BARS: Final = 60
BEFORE: Final = 3
"""The chart shows so many times the incident's length before it, at least six hours."""
MOST_TOPICS: Final = 200
_STEPS: Final = tuple(timedelta(minutes=m) for m in (5, 10, 15, 30, 60, 120, 240, 480, 1440, 10080))


class Writer:
    """Writes for every channel in its language and zone."""

    def __init__(self, store: Store, base_url: str, topic_names: Mapping[str, str]) -> None:
        self._store = store
        self._base_url = base_url
        self._names = topic_names

    async def delivery(
        self, notices: Sequence[Notice], channel: Channel, settings: DeliverySettings
    ) -> Delivery:
        """One message of one notice, or of all that waited for the end of quiet hours."""
        first = notices[0]
        if len(notices) > 1:
            return self._quiet(notices, channel)
        if first.incident is None:
            digest = settings.digest[first.digest] if first.digest < len(settings.digest) else None
            patterns = digest.topics if digest else ["*"]
            return await self.digest(first, channel, patterns)
        return await self.incident(first.incident, first, channel)

    async def incident(self, incident: Incident, notice: Notice, channel: Channel) -> Delivery:
        series, step = await self._series(incident)
        brief = Brief(
            incident=incident,
            event=cast("Event", notice.event),
            topic_name=self._names.get(incident.topic, ""),
            series=series,
            step=step,
            language=channel.language,
            zone=channel.zone,
            base_url=self._base_url,
            waited=notice.waited,
        )
        return Delivery(
            key=notice.key,
            event=notice.event,
            message=compose(brief),
            severity=incident.severity,
            payload={"incident": msgspec.to_builtins(incident)},
        )

    async def digest(self, notice: Notice, channel: Channel, patterns: Sequence[str]) -> Delivery:
        """A day's or a week's. Raises `StoreError`."""
        until = notice.until or notice.due_at
        since = notice.since or until - timedelta(days=1)
        period: Period = "weekly" if notice.event == "digest-week" else "daily"
        topics, incidents = await self._period(since, until, patterns)
        brief = DigestBrief(
            period=period,
            since=since,
            until=until,
            incidents=incidents,
            topics=topics,
            names=dict(self._names),
            language=channel.language,
            zone=channel.zone,
            base_url=self._base_url,
        )
        payload: dict[str, Any] = {"incidents": msgspec.to_builtins(incidents)}
        return Delivery(
            key=notice.key, event="digest", message=compose_digest(brief), payload=payload
        )

    def _quiet(self, notices: Sequence[Notice], channel: Channel) -> Delivery:
        """Each incident once, as it was last told."""
        latest: dict[str, Incident] = {}
        for notice in notices:
            known = latest.get(notice.incident_id)
            if notice.incident and (known is None or known.version <= notice.incident.version):
                latest[notice.incident.id] = notice.incident
        incidents = list(latest.values())
        brief = DigestBrief(
            period="quiet",
            since=min(notice.created_at for notice in notices),
            until=max(notice.due_at for notice in notices),
            incidents=incidents,
            names=dict(self._names),
            language=channel.language,
            zone=channel.zone,
            base_url=self._base_url,
        )
        return Delivery(
            key=key_of("quiet", *sorted(notice.key for notice in notices)),
            event="digest",
            message=compose_digest(brief),
            severity=max((each.severity for each in incidents), key=SEVERITIES.index),
            payload={"incidents": msgspec.to_builtins(incidents)},
        )

    async def _series(self, incident: Incident) -> tuple[list[Bucket], timedelta]:
        """The topic around the incident; a message without its chart is better than none."""
        length = max(incident.until - incident.began_at, timedelta(minutes=5))
        span = length + max(length * BEFORE, timedelta(hours=6))
        step = next((each for each in _STEPS if span / each <= MOST_BARS), _STEPS[-1])
        until = _up(max(incident.until, incident.began_at + timedelta(minutes=5)), step)
        where = msgspec.structs.replace(subject_of(incident), since=until - span, until=until)
        try:
            return await self._store.over_time(where, step=step), step
        except StoreError:
            return [], step

    async def _period(
        self, since: datetime, until: datetime, patterns: Sequence[str]
    ) -> tuple[list[TopicLine], list[Incident]]:
        now = await self._store.top(Filter(since=since, until=until), "topic", limit=MOST_TOPICS)
        past = Filter(since=since - (until - since), until=since)
        before = {
            each.value: each.total
            for each in await self._store.top(past, "topic", limit=MOST_TOPICS * 5)
        }
        topics = [
            TopicLine(
                topic=each.value,
                total=each.total,
                negative=each.neg,
                before=before.get(each.value, 0),
            )
            for each in now
            if topic_fits(each.value, patterns)
        ]
        return topics, [
            each
            for each in await book.incidents(self._store)
            if each.began_at < until
            and (each.resolved_at or each.until) >= since
            and topic_fits(each.subject, patterns)
            and each.status != "withdrawn"
        ]


def _up(moment: datetime, step: timedelta) -> datetime:
    seconds = step.total_seconds()
    whole = -(-moment.timestamp() // seconds) * seconds
    return datetime.fromtimestamp(whole, UTC)
