"""What is kept of a feed between two visits: small, for there may be ten thousand of them."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

_KEY, _CONTENT, _TIME = 6, 4, 4
_ROW: Final = _KEY + _CONTENT + _TIME
_LEAST_SPARE: Final = 20
_MOST_SPARE: Final = 1_000
_FIELDS: Final = (
    *("due", "gone", "wait", "rest", "newest"),
    *("etag", "modified", "same", "skip", "moved"),
)
_NUMBERS: Final = ("due", "gone", "rest", "newest")
_BETWEEN: Final = "\t"


class Plan(NamedTuple):
    """What decides whether a feed is asked."""

    due: int
    gone: bool
    wait: str


class Seen(NamedTuple):
    """An entry as it was seen: a digest of its content, and its creation in seconds since 1970."""

    content: bytes
    created: int


@dataclass(slots=True)
class Memory:
    """`wait` is an RFC 3339 time, `same` a digest of the last document, `skip` the hours and
    days not to ask in (`connectors.rhythm.written`); `newest` and `due` are
    seconds since 1970, `rest` is in seconds. `seen` goes by digests of the entries' names."""

    etag: str = ""
    modified: str = ""
    moved: str = ""
    wait: str = ""
    same: str = ""
    skip: str = ""
    newest: int = 0
    due: int = 0
    rest: int = 0
    gone: bool = False
    seen: dict[bytes, Seen] = field(default_factory=dict)

    def keep(self, page: Mapping[bytes, Seen]) -> None:
        """Remember those on the page, and of those that left it as many of the latest: servers
        behind one address may show an older page now and then."""
        spare = min(max(len(page), _LEAST_SPARE), _MOST_SPARE)
        left = [key for key in self.seen if key not in page]
        self.seen = {**{key: self.seen[key] for key in left[-spare:]}, **page}

    @property
    def stored(self) -> str:
        """For the cursor: one text, for ten thousand objects with their fields would take twice
        the memory. An entry takes 19 characters of it."""
        values = [getattr(self, name) for name in _FIELDS]
        written = [
            str(int(value)) if isinstance(value, int) else value.replace(_BETWEEN, "")
            for value in values
        ]
        rows = b"".join(
            key + seen.content + seen.created.to_bytes(_TIME) for key, seen in self.seen.items()
        )
        return _BETWEEN.join([*written, base64.b64encode(rows).decode("ascii")])


def read_memory(stored: object) -> Memory:
    """What `Memory.stored` wrote; what can't be read is as if it were not there."""
    values = stored.split(_BETWEEN) if isinstance(stored, str) else []
    if len(values) != len(_FIELDS) + 1:
        return Memory()
    memory = Memory(seen=_read_seen(values.pop()))
    for name, value in zip(_FIELDS, values, strict=True):
        if name not in _NUMBERS:
            setattr(memory, name, value)
        elif value.isascii() and value.isdigit():
            setattr(memory, name, bool(int(value)) if name == "gone" else int(value))
    return memory


def read_plan(stored: object) -> Plan:
    """As `read_memory`, the first fields alone: every feed's is read in every pass."""
    values = stored.split(_BETWEEN, 3) if isinstance(stored, str) else []
    if len(values) < 4 or not values[0].isdigit():
        return Plan(0, gone=False, wait="")
    return Plan(int(values[0]), gone=values[1] == "1", wait=values[2])


def entry_key(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=_KEY).digest()


def content_digest(title: str, text: str) -> bytes:
    """Changes when a reader would see another text."""
    seen = f"{title}\0{text}".encode("utf-8", "replace")
    return hashlib.blake2b(seen, digest_size=_CONTENT).digest()


def document_digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=8).hexdigest()


def _read_seen(stored: str) -> dict[bytes, Seen]:
    try:
        rows = base64.b64decode(stored)
    except (binascii.Error, ValueError):
        return {}
    found: dict[bytes, Seen] = {}
    for at in range(0, len(rows) - _ROW + 1, _ROW):
        key, rest = rows[at : at + _KEY], rows[at + _KEY : at + _ROW]
        found[key] = Seen(rest[:_CONTENT], int.from_bytes(rest[_CONTENT:]))
    return found
