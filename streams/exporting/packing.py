"""Compression in pieces that stand for themselves: what was sealed can be read, whatever follows.

A gzip file may have many members and a Zstandard file many frames; readers see one stream.
"""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import zstandard

_GZIP_WINDOW: Final = 31
"""zlib's largest window, with gzip's head and checksum."""
_GZIP_LEVEL: Final = 6
_ZSTD_LEVEL: Final = 3


class _Piece(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class Packer:
    """Compresses what it is given; `seal` ends a piece, and the next begins."""

    def __init__(self, start: Callable[[], _Piece]) -> None:
        self._start = start
        self._piece: _Piece | None = None

    def pack(self, raw: bytes) -> bytes:
        if self._piece is None:
            self._piece = self._start()
        return self._piece.compress(raw)

    def seal(self) -> bytes:
        piece, self._piece = self._piece, None
        return piece.flush() if piece else b""


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _gzip() -> _Piece:
    return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)


def _zstd() -> _Piece:
    piece: _Piece = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj()
    return piece


SUFFIXES: Final[dict[str, Callable[[], _Piece]]] = {".gz": _gzip, ".zst": _zstd}


def packer_of(path: Path) -> Packer:
    """By the name's end: `.gz`, `.zst`, else nothing is compressed."""
    return Packer(SUFFIXES.get(path.suffix.lower(), _Plain))
