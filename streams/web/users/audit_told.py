"""An entry of the journal as people read it: what was done, to what, and what differs now."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from streams.web.i18n import N_

KINDS: Final = {
    "user.": N_("Users and logins"),
    "token.": N_("API tokens"),
    "label.": N_("Labels"),
    "opinion.": N_("Second opinions"),
    "author.": N_("Hidden authors"),
    "source.": N_("Hidden sources"),
    "post.": N_("Posts added by hand"),
    "topic.": N_("Topics"),
    "incident.": N_("Incidents"),
    "letters.": N_("Dead letters"),
    "share.": N_("Shared links"),
}
ACTIONS: Final = {
    "user.login": N_("logged in"),
    "user.logout": N_("logged out"),
    "user.refused": N_("was refused a login"),
    "user.add": N_("added the user"),
    "user.change": N_("changed the user"),
    "user.password": N_("set the password"),
    "user.invite": N_("made a link to choose a password"),
    "user.remove": N_("removed the user"),
    "token.add": N_("made a token"),
    "token.drop": N_("dropped a token"),
    "label.set": N_("labelled"),
    "label.undo": N_("took a label back"),
    "opinion.set": N_("gave a second opinion"),
    "author.hide": N_("hid the author"),
    "author.unhide": N_("showed the author again"),
    "source.hide": N_("hid the source"),
    "source.unhide": N_("showed the source again"),
    "post.add": N_("added a post"),
    "topic.add": N_("added the topic"),
    "topic.edit": N_("edited the topic"),
    "topic.remove": N_("removed the topic"),
    "topic.rollback": N_("took the topic back to an older state"),
    "incident.acknowledge": N_("acknowledged the incident"),
    "incident.snooze": N_("snoozed the incident"),
    "incident.resolve": N_("resolved the incident"),
    "letters.replay": N_("sent dead letters again"),
    "letters.drop": N_("dropped dead letters"),
    "share.add": N_("shared a link"),
    "share.drop": N_("ended a shared link"),
}
MOST_CHANGES: Final = 30
MOST_LINES: Final = 60
_FRACTION: Final = re.compile(r"(T\d\d:\d\d:\d\d)\.\d+(?=Z|[+-]\d\d)")
_LONG: Final = 120
_DEEP: Final = 3


class Change(NamedTuple):
    """One thing that differs. `lines` are those of a diff where the texts are long: `+` and `-`
    before those that are new and gone. Nothing before or after is `None`."""

    name: str
    before: str | None
    after: str | None
    lines: Sequence[str] = ()


def changes(before: Any, after: Any) -> Sequence[Change]:
    """At most `MOST_CHANGES`, by name."""
    was, now = dict(_flat("", before, 0)), dict(_flat("", after, 0))
    names = [name for name in dict.fromkeys([*was, *now]) if was.get(name) != now.get(name)]
    return [_change(name, was.get(name), now.get(name)) for name in names[:MOST_CHANGES]]


def _flat(name: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """`topics.0.query` and its text; what says nothing is left out."""
    if value is None or value in ("", [], {}):
        return
    pairs: Sequence[tuple[Any, Any]] = ()
    if depth < _DEEP and isinstance(value, Mapping):
        pairs = list(value.items())
    if depth < _DEEP and isinstance(value, list) and any(isinstance(v, dict) for v in value):
        pairs = list(enumerate(value))
    if pairs:
        for key, inner in pairs:
            yield from _flat(f"{name}.{key}" if name else str(key), inner, depth + 1)
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _FRACTION.sub(r"\1", value) if len(value) < 40 else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(map(str, value))
    return msgspec.json.encode(value).decode()


def _change(name: str, before: str | None, after: str | None) -> Change:
    if before is None or after is None or max(len(before), len(after)) <= _LONG:
        return Change(name, before, after)
    diff = difflib.unified_diff(
        before.splitlines()[:5_000], after.splitlines()[:5_000], lineterm="", n=1
    )
    lines = [line for line in diff if not line.startswith(("---", "+++"))]
    return Change(name, before, after, lines[:MOST_LINES])
