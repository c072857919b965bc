"""Where a message leads: the incident's page, and the posts it is about, filtered."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from streams.alerts.evidence import window_of
from streams.alerts.records import Incident
from streams.store.port import Filter


def incident_link(base_url: str, incident: Incident) -> str:
    return (
        f"{base_url}/incidents/{quote(incident.id, safe='', errors='replace')}" if base_url else ""
    )


def posts_link(base_url: str, incident: Incident) -> str:
    """The page of mentions with the filters of the incident's window (`streams.web.filters`)."""
    return filter_link(base_url, window_of(incident))


def filter_link(base_url: str, where: Filter) -> str:
    if not base_url:
        return ""
    pairs = [("topic", topic) for topic in where.topics]
    pairs += [("source", source) for source in where.sources]
    pairs += [("sentiment", tone) for tone in where.sentiments]
    pairs += [("author", where.author)] if where.author else []
    pairs += [("since", _written(where.since))] if where.since else []
    pairs += [("until", _written(_up(where.until)))] if where.until else []
    return f"{base_url}/mentions?{urlencode(pairs, errors='replace')}"


def _up(moment: datetime) -> datetime:
    """The page counts whole seconds: the last post must not be cut off."""
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
