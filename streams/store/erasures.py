"""Who and what was erased: kept as salted hashes, and compared with every mention written.

An erasure has no end: older and newer posts of the author alike become tombstones. The hash tells
nobody who it was; who guesses a name can check it, as for any hash of something short.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from streams.store.rules import handle_key

KIND: Final = "erasure"
"""The kind of state that erasures are kept as."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """One key that is gone for good: the store keeps its `hash` under `salt`, never the key."""

    hash: str
    salt: str
    at: datetime


class _Author(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def handle(self) -> str: ...


class Written(Protocol):
    """Of a post, what it could be erased by."""

    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def author(self) -> _Author: ...


def author_keys(source: str, name: str) -> tuple[str, ...]:
    """What to erase for `ID` or `@handle` of a source. Handles are compared in lower case."""
    if name.startswith("@"):
        return (f"handle\0{source}\0{handle_key(name)}",)
    return (f"id\0{source}\0{name}",)


def post_key(post_id: str) -> str:
    """What to erase for one post."""
    return f"post\0{post_id}"


def keys_of(post: Written) -> list[str]:
    """All keys that a post could be erased by."""
    keys = [post_key(post.id)]
    if post.author.id:
        keys.append(f"id\0{post.source}\0{post.author.id}")
    if post.author.handle:
        keys.append(f"handle\0{post.source}\0{handle_key(post.author.handle)}")
    return keys


def new_salt() -> str:
    """For the first erasure of an installation; later ones take the one that is there."""
    return secrets.token_hex(16)


def erasure(key: str, salt: str, at: datetime) -> Erasure:
    return Erasure(hash=_hash(key, salt), salt=salt, at=at)


def _hash(key: str, salt: str) -> str:
    raw = key.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=16, key=bytes.fromhex(salt)).hexdigest()


class Erased:
    """All erasures of an installation: a look-up costs a microsecond a key, nothing when empty."""

    def __init__(self, erasures: Iterable[Erasure] = ()) -> None:
        self._hashes = {(one.salt, one.hash) for one in erasures}
        self.salts = sorted({salt for salt, _ in self._hashes})

    @classmethod
    def of(cls, states: Mapping[str, dict[str, Any]]) -> "Erased":
        """From the store's states of this kind, by hash."""
        return cls(
            msgspec.convert({"hash": key, **value}, Erasure) for key, value in states.items()
        )

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def covers(self, post: Written) -> bool:
        """Whether the post or its author was erased."""
        if not self._hashes:
            return False
        keys = keys_of(post)
        return any((salt, _hash(key, salt)) in self._hashes for salt in self.salts for key in keys)


def state_of(one: Erasure) -> dict[str, Any]:
    """The value of the state whose key is the hash."""
    return {"salt": one.salt, "at": one.at.isoformat()}
