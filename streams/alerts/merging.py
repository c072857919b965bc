"""Incidents of two topics that tell one crisis."""

from collections.abc import Sequence

from msgspec.structs import replace

from streams.alerts.incidents import Change, end_as_part, is_part
from streams.alerts.records import Incident


def overlap(one: Incident, other: Incident) -> bool:
    """Whether they may be one crisis, by their kinds and times."""
    if one.kind != other.kind or one.kind in ("rule", "urgent", "silence", "volume-drop"):
        return False
    if other.status == "withdrawn" or is_part(other):
        return False
    return one.began_at < other.until and other.began_at < one.until


def shared(mine: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two incidents tell one crisis: half of the posts of the smaller are in the larger."""
    smaller, larger = sorted((set(mine), set(other)), key=len)
    return len(smaller) >= 3 and 2 * len(smaller & larger) >= len(smaller)


def merged(lead: Incident, part: Incident) -> tuple[Change, Change]:
    """Two topics that tell one crisis: the lead has the part in it, and the part rings no more."""
    whole = replace(lead, merged=sorted({*lead.merged, part.id}), version=lead.version + 1)
    return Change(whole, "updated"), end_as_part(part, whole)
