"""Files as tools export them, wherever they lie and however they are encoded: as UTF-8 streams."""

import codecs
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import httpx

from connectors.charsets import real_charset
from connectors.errors import BadSettings, Fatal
from connectors.lines import CHUNK_BYTES, STDIN, Readable, opened
from streams.importing.workbook import is_workbook, to_csv

_SAMPLE: Final = 256 * 1024
_LARGEST: Final = 16 * 1024**3
"""Bytes that are fetched from an address at the most."""
_TIMEOUT: Final = 60.0


@contextlib.contextmanager
def local(place: str) -> Iterator[Path]:
    """The table at `place`: a path, an http(s) address, or `-`, standard input; of a workbook the
    largest sheet, as CSV. What is no such file is put into a temporary one, for it is read twice.
    Raises `Fatal`."""
    with _file(place) as path:
        if not is_workbook(path):
            yield path
            return
        with tempfile.NamedTemporaryFile(
            "w", prefix="veille-import-", suffix=".csv", encoding="utf-8", newline=""
        ) as file:
            to_csv(path, file)
            file.flush()
            yield Path(file.name)


@contextlib.contextmanager
def _file(place: str) -> Iterator[Path]:
    fetched = place.startswith(("http://", "https://"))
    if place != STDIN and not fetched:
        if Path(place).is_dir():
            raise Fatal(f"{place}: a folder. Remedy: name one file of it")
        if not Path(place).exists():
            raise Fatal(f"{place}: no such file. Remedy: check the name, or - for standard input")
        yield Path(place)
        return
    with tempfile.NamedTemporaryFile(prefix="veille-import-") as file:
        if fetched:
            _fetch(place, file)
        else:
            shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield Path(file.name)


def _fetch(address: str, file: IO[bytes]) -> None:
    size = 0
    try:
        with httpx.stream("GET", address, follow_redirects=True, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_bytes(CHUNK_BYTES):
                size += len(chunk)
                if size > _LARGEST:
                    raise Fatal(f"{address}: more than {_LARGEST / 1024**3:.0f} GiB")
                file.write(chunk)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Fatal(
            f"{address}: can't be fetched: {error}. Remedy: check the address, or download it and "
            "name the file"
        ) from None


def text_of(path: Path, encoding: str = "") -> Readable:
    """The file's text as UTF-8 bytes, unpacked, without a byte order mark and NULs. `encoding` is
    found out where it is not given. Raises `Fatal`, `BadSettings` for an unknown encoding."""
    encoding = encoding or encoding_of(path)
    stream, _ = opened(str(path), utf16=True)
    try:
        return _Text(stream, encoding)
    except LookupError:
        stream.close()
        raise BadSettings(
            f"{encoding}: no such encoding. Remedy: utf-8, utf-16, windows-1251, windows-1252 …"
        ) from None


def encoding_of(path: Path) -> str:
    """What its first 256 KiB are written in. Raises `Fatal`."""
    stream, _ = opened(str(path), utf16=True)
    sample = b""
    with contextlib.closing(stream):
        while len(sample) < _SAMPLE and (chunk := stream.read1(CHUNK_BYTES)):
            sample += chunk
    return guess_encoding(sample[:_SAMPLE])


def guess_encoding(sample: bytes) -> str:
    """By byte order mark, zeros, and what can't be UTF-8. A few broken bytes leave UTF-8 what it
    is: the rows that hold them are unreadable, and the others are not misread."""
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) > len(sample) / 10:
        return "utf-16-be" if even > odd else "utf-16-le"
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = sum(character > "\x7f" for character in text) - broken
    if not broken or (whole and whole * 2 >= broken):  # other encodings hardly look so by chance
        return "utf-8"
    return real_charset(sample, "") or "windows-1252"


class _Text:
    """UTF-8 of a stream in another encoding; UTF-8 passes as it is, broken bytes included."""

    def __init__(self, raw: Readable, encoding: str) -> None:
        name = codecs.lookup(encoding).name
        self._raw = raw
        self._decoder = None
        if name not in ("utf-8", "utf-8-sig", "ascii"):
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ended = False

    def read1(self, size: int = CHUNK_BYTES) -> bytes:
        while not self._ended:
            chunk = self._raw.read1(size)
            self._ended = not chunk
            if self._decoder is not None:
                text = self._decoder.decode(chunk, self._ended)
                chunk = text.encode("utf-8", "replace")
            if chunk := chunk.replace(b"\0", b""):
                return chunk
        return b""

    def close(self) -> None:
        self._raw.close()
