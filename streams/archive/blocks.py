"""Posts in blocks: some hundred as they came, compressed together, and the keys to find them by.

Compressed one by one with a trained dictionary the same posts take a third more room and three
times the time.
"""

import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
import zstandard

from connectors import post
from connectors.post import Moment, Post, State
from streams.clocks import TOLERANCE_MS, held_post
from streams.store.rules import url_key

BLOCK_BYTES: Final = 64 * 1024
"""Of posts as they came, before compression; a block ends with the post that reaches it."""
_LEVEL: Final = 3

Entry = tuple[int, bytes]
"""When a post came in, in milliseconds since 1970, and its JSON."""


class Writer(msgspec.Struct, frozen=True, gc=False):
    """Of an author, what an erasure goes by."""

    id: str = ""
    handle: str = ""


class Head(msgspec.Struct, frozen=True, gc=False):
    """Of a post, what the archive goes by: a third of the time that reading all of it takes."""

    id: str
    created_at: Moment
    collected_at: Moment
    source: str = ""
    updated_at: Moment | None = None
    state: State = "live"
    url: str = ""
    author: Writer = Writer()
    parent_id: str = ""
    thread_id: str = ""
    repost_of: str = ""

    def version(self, taken: int) -> int:
        """That of the post as `whole` reads it, which came in at `taken`."""
        collected = self.collected_at.timestamp() * 1000
        if collected > taken + TOLERANCE_MS:
            collected = taken
        content = (self.updated_at or self.created_at).timestamp() * 1000
        return max(0, int(min(content, collected)))

    def answers(self, post_id: str) -> bool:
        """Whether it stands in that post's thread, below it."""
        above = (self.thread_id, self.parent_id, self.repost_of)
        return self.id != post_id and post_id in above


_heads: Final = msgspec.json.Decoder(Head)
_bodies: Final = msgspec.msgpack.Decoder(list[tuple[int, bytes]])


def head(raw: bytes) -> Head | None:
    """`None` for what is no post."""
    try:
        return post.read(_heads, raw)
    except msgspec.DecodeError:
        return None


def whole(entry: Entry) -> Post | None:
    """The post as the pipeline reads it; `None` for what is none."""
    taken, raw = entry
    try:
        return held_post(post.decode(raw), taken)
    except msgspec.DecodeError:
        return None


def pack(entries: Sequence[Entry]) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(entries))


def unpack(body: bytes) -> list[Entry]:
    """Raises `ValueError` for a block that is damaged."""
    try:
        return _bodies.decode(zstandard.ZstdDecompressor().decompress(body))
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise ValueError(f"a block can't be read: {error}") from error


def cut(entries: Sequence[Entry], room: int) -> Iterator[list[Entry]]:
    """Blocks of these entries in their order; the first one ends after `room` bytes."""
    block: list[Entry] = []
    for entry in entries:
        block.append(entry)
        room -= len(entry[1])
        if room <= 0:
            yield block
            block, room = [], BLOCK_BYTES
    if block:
        yield block


def short(kind: str, value: str) -> int:
    """32 bits by which a block is found: what is found by chance is told apart by its text."""
    return zlib.crc32(f"{kind}\0{value}".encode("utf-8", "replace"))


def keys(one: Head) -> set[int]:
    """All that a post is found by: its id, its URL, and the posts it answers or repeats."""
    found = {short("id", one.id)}
    if one.url:
        found.add(short("url", url_key(one.url)))
    for other in (one.thread_id, one.parent_id, one.repost_of):
        if other and other != one.id:
            found.add(short("thread", other))
    return found


def moment(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)
