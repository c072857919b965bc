"""Lines of a file of any size: plain, gzip or zstd, in flat memory.

A line longer than `MAX_LINE_BYTES` is never held: its first bytes come as a `TooLong`.
"""

import gzip
import io
import sys
import zlib
from collections import deque
from pathlib import Path
from typing import IO, Final, Protocol, cast

import zstandard

from connectors.errors import Fatal

MAX_LINE_BYTES: Final = 1024 * 1024
KEPT_BYTES: Final = 64 * 1024
"""What is kept of a line that is too long, and of one that can't be read."""
CHUNK_BYTES: Final = 64 * 1024
STDIN: Final = "-"
BROKEN_STREAM: Final = (EOFError, OSError, zlib.error, zstandard.ZstdError)
"""What a damaged or cut compressed file raises while it is read."""

_ZSTD_WINDOW: Final = 128 * 1024 * 1024
# A few bytes of zstd can stand for 128 KiB each: small pieces bound what one call unpacks.
_ZSTD_PIECE: Final = 256
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_REFUSED: Final = {
    b"\xff\xfe": "UTF-16 text. Remedy: iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "UTF-16 text. Remedy: iconv -f UTF-16 -t UTF-8",
    b"PK\x03\x04": "a ZIP archive or a spreadsheet. Remedy: unpack it, or save it as CSV",
    b"BZh": "bzip2. Remedy: bunzip2",
    b"\xfd7zXZ": "xz. Remedy: unxz",
}


class Readable(Protocol):
    """A stream of bytes; `read1` returns what is there, and nothing at its end."""

    def read1(self, size: int = ..., /) -> bytes: ...

    def close(self) -> None: ...


class TooLong(bytes):
    """The first bytes of a line that is longer than allowed; `length` is its whole length."""

    length: int = 0


def opened(path: str, *, utf16: bool = False) -> tuple[Readable, bool]:
    """The bytes of a file or of standard input (`-`), unpacked, and whether it is a plain file
    in which one can seek. Raises `Fatal` with the remedy, also for UTF-16 unless that is read."""
    try:
        raw = _stdin() if path == STDIN else Path(path).open("rb")  # noqa: SIM115  # caller closes
        start = raw.peek(6)[:6]
    except FileNotFoundError:
        raise Fatal(f"{path}: no such file. Remedy: check the path and the directory") from None
    except IsADirectoryError:
        raise Fatal(f"{path}: a directory. Remedy: name the files in it") from None
    except PermissionError:
        raise Fatal(f"{path}: may not be read. Remedy: give read permission") from None
    except OSError as error:
        raise Fatal(f"{path}: can't be opened: {error.strerror}") from None
    for magic, what in _REFUSED.items():
        if start.startswith(magic) and not (utf16 and magic in _UTF16):
            raw.close()
            raise Fatal(f"{path}: this is {what}")
    if start.startswith(b"\x1f\x8b"):
        return _Gzip(raw), False
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return _Zstd(raw), False
    return raw, path != STDIN and raw.seekable()


def _stdin() -> io.BufferedReader:
    return cast("io.BufferedReader", sys.stdin.buffer)


class LineReader:
    """Cuts a stream into runs of whole lines, without their ends.

    `offset` is the number of bytes up to the end of what was given out.
    """

    def __init__(self, stream: Readable, *, offset: int = 0) -> None:
        self.offset = offset
        self._stream = stream
        # A pipe may give a line byte by byte: `bytes` would be copied each time.
        self._rest = bytearray()
        self._dropped = 0
        """Bytes of a line too long that were read and not kept."""

    def block(self) -> list[bytes] | None:
        """The lines that one read completes (perhaps none); `None` at the end of the stream."""
        chunk = self._stream.read1(CHUNK_BYTES)
        if not chunk:
            return None
        lines = chunk.split(b"\n")
        if len(lines) == 1:
            self._hold(chunk)
            return []
        last = lines.pop()
        lines[0] = self._whole(lines[0])
        self.offset += sum(map(_length, lines)) + len(lines)
        self._rest = bytearray(last)
        return lines

    def last(self) -> list[bytes]:
        """The line after the last line end, if there is one."""
        if not self._rest:
            return []
        line = self._whole(b"")
        self.offset += _length(line)
        return [line]

    def _hold(self, chunk: bytes) -> None:
        if self._dropped:
            self._dropped += len(chunk)
            return
        self._rest += chunk
        if len(self._rest) > MAX_LINE_BYTES:
            self._dropped = len(self._rest) - KEPT_BYTES
            del self._rest[KEPT_BYTES:]

    def _whole(self, end: bytes) -> bytes:
        start, dropped = bytes(self._rest), self._dropped
        self._rest, self._dropped = bytearray(), 0
        length = len(start) + dropped + len(end)
        if not dropped and length <= MAX_LINE_BYTES:
            return start + end
        line = TooLong((start + end)[:KEPT_BYTES])
        line.length = length
        return line


def _length(line: bytes) -> int:
    return line.length if isinstance(line, TooLong) else len(line)


class Feed:
    """Lines of text for `csv.reader`, which remembers those of the record under way.

    Raises `ValueError` for a line that no table can hold; the reader begins anew after it.
    """

    def __init__(self, reader: LineReader) -> None:
        self.number = 0
        self.offset = 0
        self.held: list[bytes] = []
        self._reader = reader
        self._ready: deque[bytes] = deque()
        self._size = 0

    def __iter__(self) -> "Feed":
        return self

    def __next__(self) -> str:
        line = self._next()
        self.number += 1
        self.offset += _length(line) + 1
        self.held.append(line)
        self._size += len(line)
        if isinstance(line, TooLong) or self._size > MAX_LINE_BYTES:
            raise ValueError("longer than 1 MiB")
        if b"\0" in line:
            raise ValueError("a NUL byte")
        text = line.decode("utf-8")
        return (text.removeprefix("\ufeff") if self.number == 1 else text) + "\n"

    def begin(self) -> None:
        """A new record starts with the next line."""
        self.held.clear()
        self._size = 0

    def give_back(self) -> bytes:
        """Keep the first line of the record under way out, read the others again."""
        first, others = self.held[0], self.held[1:]
        self._ready.extendleft(reversed(others))
        self.number -= len(others)
        self.offset -= sum(_length(line) + 1 for line in others)
        return first

    def _next(self) -> bytes:
        while not self._ready:
            block = self._reader.block()
            if block is None:
                block = self._reader.last()
                if not block:
                    raise StopIteration
            self._ready.extend(block)
        return self._ready.popleft()


class _Gzip:
    """Unpacks gzip and, unlike the library's reader, closes the file under it."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._file = gzip.GzipFile(fileobj=raw)

    def read1(self, size: int = CHUNK_BYTES) -> bytes:
        return self._file.read1(size)

    def close(self) -> None:
        self._file.close()
        self._raw.close()


class _Zstd:
    """Unpacks zstd, frame after frame, and notices a cut one (the library's reader does not)."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._pending = b""
        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame = self._context.decompressobj()
        self._begun = False

    def read1(self, size: int = CHUNK_BYTES) -> bytes:
        out: list[bytes] = []
        total = 0
        while total < size:
            piece = self._pending or self._raw.read(_ZSTD_PIECE)
            self._pending = b""
            if not piece:
                break
            out.append(self._unpack(piece))
            total += len(out[-1])
        if self._begun and not total:
            raise EOFError("the zstd stream ends early")
        return b"".join(out)

    def close(self) -> None:
        self._raw.close()

    def _unpack(self, piece: bytes) -> bytes:
        self._begun = True
        data: bytes = self._frame.decompress(piece)
        if self._frame.eof:
            self._pending = self._frame.unused_data
            self._frame = self._context.decompressobj()
            self._begun = False
        return data
