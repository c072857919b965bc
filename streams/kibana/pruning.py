"""What Veille brought to a Kibana earlier and has no more: found there, and taken away.

Veille's own is what bears its tag and an id that begins with `veille-`. A copy made in Kibana keeps
the tag, but gets another id, and dashboards of people's own definitions have theirs. Data views are
never taken away: whoever looks into the data leans on them.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from streams.kibana.client import Failure, Kibana, KibanaError
from streams.kibana.objects import TAG, SavedObject

Key = tuple[str, str]
_TYPES: Final = ("dashboard", "lens", "map", "search")
_OURS: Final = "veille-"


class Gone(msgspec.Struct, frozen=True):
    """An object of an earlier Veille; `used_by` are the titles of those that stay and show it."""

    type: str
    id: str
    title: str
    used_by: list[str]


def gone(
    server: Kibana, known: Iterable[SavedObject], replaced: Iterable[SavedObject] = ()
) -> list[Gone]:
    """What is there of an earlier Veille and not `known`. What an object leans on that is yet to be
    `replaced` does not count as used. Raises `KibanaError`."""
    wanted = {_key(one) for one in known}
    tagged = _leaning_on(server, [("tag", TAG)])
    found = {
        _key(one): one for one in tagged if one["id"].startswith(_OURS) and _key(one) not in wanted
    }
    leaning = _leaning_on(server, found) if found else []
    used = _used(leaning, found, {_key(one) for one in replaced})
    return [
        Gone(kind, name, _title(one), sorted(used.get((kind, name), ())))
        for (kind, name), one in sorted(found.items())
    ]


def remove(server: Kibana, found: Iterable[Gone]) -> list[Failure]:
    """Take away objects that nothing uses; what Kibana keeps all the same. Raises `KibanaError`."""
    titles = {(one.type, one.id): one.title for one in found if not one.used_by}
    if not titles:
        return []
    asked = [{"type": kind, "id": name} for kind, name in titles]
    answer = server.ask("POST", "/api/saved_objects/_bulk_delete", json=asked)
    if not isinstance(answer, dict) or "statuses" not in answer:
        raise KibanaError(f"{server.url}: not the answer of a removal. Remedy: check the address")
    return list(_kept(answer["statuses"], titles))


def _kept(statuses: list[dict[str, Any]], titles: dict[Key, str]) -> Iterator[Failure]:
    for one in statuses:
        error = one.get("error", {})
        if not one["success"] and error.get("statusCode") != 404:
            reason = f"{error.get('message', 'not taken away')}. Remedy: delete it in Kibana"
            yield Failure(one["type"], one["id"], titles.get(_key(one), ""), reason)


def _leaning_on(server: Kibana, targets: Iterable[Key]) -> list[SavedObject]:
    """All objects of the space that refer to one of these."""
    wanted = [{"type": kind, "id": name} for kind, name in targets]
    return server.export({"type": list(_TYPES), "hasReference": wanted})


def _used(
    leaning: list[SavedObject], found: dict[Key, SavedObject], replaced: set[Key]
) -> dict[Key, set[str]]:
    """Of `found`, what those that stay lean on; what is used stays, and so what that leans on."""
    staying = [one for one in leaning if _key(one) not in found and _key(one) not in replaced]
    used: dict[Key, set[str]] = {}
    while staying:
        one = staying.pop()
        for target in {_key(reference) for reference in one["references"]} & found.keys():
            if target not in used:
                staying.append(found[target])
            used.setdefault(target, set()).add(_title(one))
    return used


def _key(one: SavedObject) -> Key:
    return one["type"], one["id"]


def _title(one: SavedObject) -> str:
    return str(one["attributes"].get("title") or one["id"])
