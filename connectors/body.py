"""A response's body, decompressed here so that its true size can be bounded.

A kilobyte of gzip may hold a megabyte: libraries decompress a received piece whole, so the bound
would come too late. Only gzip and deflate are offered, and undone in small steps.
"""

import zlib
from typing import Final

import httpx

from connectors.errors import Retriable

ACCEPTED: Final = "gzip, deflate"
_STEP: Final = 64 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b\x08"


async def read(response: httpx.Response, limit: int, place: str) -> bytes:
    """The decoded body, at most `limit` bytes of it. Raises `Retriable` for a longer one.

    Gzip that no header announces (feeds do that) is undone as well.
    """
    if response.is_stream_consumed:  # an injected transport answered with content at hand
        return _within(response.content, limit, place)
    announced = response.headers.get("content-encoding", "").strip().lower()
    kept = bytearray()
    decoder = _decoder(announced, place)
    async for part in response.aiter_raw(_STEP):
        if decoder is None and not kept and part.startswith(_GZIP_MAGIC):
            decoder = zlib.decompressobj(wbits=31)
        _append(kept, part, decoder, limit, place)
    if decoder is not None and not decoder.eof:
        raise Retriable(f"{place}: the compressed answer was cut off")
    return bytes(kept)


def _decoder(encoding: str, place: str) -> "zlib._Decompress | None":
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompressobj(wbits=31)
    if encoding == "deflate":
        return zlib.decompressobj(wbits=15)
    raise Retriable(f"{place}: the answer is compressed as {encoding!r:.40}, which was not asked")


def _append(
    kept: bytearray, part: bytes, decoder: "zlib._Decompress | None", limit: int, place: str
) -> None:
    if decoder is None:
        kept += part
        _within(kept, limit, place)
        return
    while part and not decoder.eof:
        try:
            kept += decoder.decompress(part, _STEP)
        except zlib.error:
            raise Retriable(f"{place}: the answer's compression is damaged") from None
        _within(kept, limit, place)
        part = decoder.unconsumed_tail


def _within(body: bytes | bytearray, limit: int, place: str) -> bytes:
    if len(body) > limit:
        raise Retriable(f"{place}: the answer is longer than {limit:,} bytes")
    return body if isinstance(body, bytes) else b""
