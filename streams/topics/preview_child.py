"""The process that previews queries: a query that takes without end is ended with it.

Frames on standard input and output: four bytes of length, then a message.
"""

import sys
from collections.abc import Sequence
from typing import BinaryIO, Final, Literal

import msgspec

from connectors.post import Post
from streams.criteria.topics import Topic
from streams.topics.preview import Known, Preview, Previewer, known

MOST_BYTES: Final = 2 << 30
"""Memory that the process may take: a query must not have all."""


class Load(msgspec.Struct, tag="load"):
    """Posts in the place of those before; answered when they are read."""

    posts: list[Post]
    where: Literal["archive", "mentions", ""]


class Ask(msgspec.Struct, tag="ask"):
    """What a topic would catch; `saved` is the topic as it is watched."""

    topic: Topic
    saved: Topic | None = None


class Answer(msgspec.Struct):
    """To an `Ask` the preview; to a `Load`, how many posts there are."""

    preview: Preview | None = None
    posts: int = 0
    failed: str = ""


Message = Load | Ask

encode: Final = msgspec.msgpack.Encoder().encode
decode_answer: Final = msgspec.msgpack.Decoder(Answer).decode
_decode: Final = msgspec.msgpack.Decoder(Message).decode


class Child:
    """What the process knows between two messages."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Known] = {}
        self._previewer = Previewer([])
        self._where: Literal["archive", "mentions", ""] = ""

    def answer(self, message: Message) -> Answer:
        if isinstance(message, Load):
            self._load(message.posts)
            self._where = message.where
            return Answer(posts=len(self._previewer.posts))
        found = self._previewer.preview(message.topic, message.saved)
        return Answer(preview=msgspec.structs.replace(found, where=self._where))

    def _load(self, posts: Sequence[Post]) -> None:
        fresh = {(post.id, post.version): post for post in posts}
        self._known = {key: self._known.get(key) or known(one) for key, one in fresh.items()}
        self._previewer = Previewer(self._known.values())
        _ = self._previewer.sample  # now rather than for the first who asks


def frame(message: object) -> bytes:
    raw = encode(message)
    return len(raw).to_bytes(4, "big") + raw


def main() -> None:
    """Answer until standard input ends."""
    _bound_memory()
    child, source, sink = Child(), sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while raw := _read(source):
        try:
            answer = child.answer(_decode(raw))
        except MemoryError:
            answer = Answer(failed="it takes too much memory")
        except Exception as error:  # noqa: BLE001  # one query must not end the process
            answer = Answer(failed=f"{type(error).__name__}: {error}")
        sink.write(frame(answer))
        sink.flush()


def _read(source: BinaryIO) -> bytes:
    size = source.read(4)
    return source.read(int.from_bytes(size, "big")) if len(size) == 4 else b""


def _bound_memory() -> None:
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


if __name__ == "__main__":
    main()
