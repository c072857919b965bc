"""Dead letters: what could not be processed, kept with its bytes, reason and place."""

import hashlib
from typing import Final, Literal

import msgspec

from connectors.post import Moment, read

Stage = Literal["collect", "filter", "index", "label"]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that could not be processed. `raw` is base64 in JSON; `place` is where it was
    (`file:line`, `topic/partition@offset`, a feed and its entry); `key` is the key of the record it
    was, and `size` the bytes there were, where `raw` holds but the first 64 KiB of them (else 0).
    """

    id: str
    stage: Stage
    reason: str
    place: str
    raw: bytes
    at: Moment
    source: str = ""
    attempts: int = 1
    key: bytes = b""
    size: int = 0

    @property
    def cut(self) -> bool:
        """Whether `raw` is but the beginning of what there was."""
        return self.size > len(self.raw)


HEADER: Final = "veille-letter"
"""Header of a record that is a dead letter sent again: its value is the letter's id."""


def letter_id(stage: Stage, place: str, raw: bytes) -> str:
    """Deterministic, so that the same failure seen twice is one letter."""
    digest = hashlib.blake2b(f"{stage}\0{place}\0".encode("utf-8", "replace"), digest_size=16)
    digest.update(raw)
    return digest.hexdigest()


def printable(raw: bytes) -> str:
    """Bytes as text that no terminal and no page obeys: what is not printable is escaped."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


LEAST_BYTES: Final = 128
"""Less of an original tells nobody anything."""


def shortened(value: bytes) -> bytes | None:
    """An encoded letter with a quarter of its original, once that is gone with less of its key and
    reason; `None` when there is nothing left to leave out. For brokers that refuse it as too large.
    """
    if not value:
        return None
    letter = decode(value)
    size = letter.size or len(letter.raw)
    if letter.raw:
        kept = letter.raw[: len(letter.raw) // 4] if len(letter.raw) > LEAST_BYTES else b""
        return encode(msgspec.structs.replace(letter, raw=kept, size=size))
    if len(letter.key) > LEAST_BYTES or len(letter.reason) > LEAST_BYTES:
        key, reason = letter.key[:LEAST_BYTES], letter.reason[:LEAST_BYTES]
        return encode(msgspec.structs.replace(letter, key=key, reason=reason))
    return None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DeadLetter)


def encode(letter: DeadLetter) -> bytes:
    """The letter as one line of JSON, without the line's end."""
    return _encoder.encode(letter)


def decode(raw: bytes) -> DeadLetter:
    """Read what `encode` wrote. Raises `msgspec.DecodeError` or its child `ValidationError`."""
    return read(_decoder, raw)
