"""What people do to an incident: each act makes a change of it."""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from streams.alerts.incidents import Change
from streams.alerts.records import Incident

STAFF: Final = "staff"
"""Who acted, where no name is given."""


def acknowledged(one: Incident, by: str) -> Change:
    """Someone looks after it: it rings no more, and is still shown as open."""
    status = "acknowledged" if one.resolved_at is None and one.status != "withdrawn" else one.status
    done = replace(one, status=status, acknowledged_by=by, version=one.version + 1)
    return Change(done, "handled")


def snoozed(one: Incident, until: datetime) -> Change:
    """Silent until then, by the wall clock."""
    status = "snoozed" if one.resolved_at is None and one.status != "withdrawn" else one.status
    done = replace(one, status=status, snoozed_until=until, version=one.version + 1)
    return Change(done, "handled")


def woken(one: Incident, now: datetime) -> Change | None:
    """A snooze that is over."""
    if one.status != "snoozed" or one.snoozed_until is None or one.snoozed_until > now:
        return None
    status = "acknowledged" if one.acknowledged_by else "open"
    done = replace(one, status=status, snoozed_until=None, version=one.version + 1)
    return Change(done, "reopened")


def resolved(one: Incident, by: str) -> Change:
    """Over, because someone says so; what rings more than `AGAIN` later is another one."""
    done = replace(
        one,
        status="resolved",
        resolved_at=one.resolved_at or one.until,
        resolved_by=by or STAFF,
        version=one.version + 1,
    )
    return Change(done, "resolved")
