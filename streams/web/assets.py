"""The page's own files, read once, compressed once, and cached by browsers for good."""

import asyncio
import gzip
import hashlib
import logging
import re
import subprocess
import threading
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from starlette.datastructures import Headers
from starlette.responses import Response

from streams.web import charts, words
from streams.web.visitor import LANGUAGES

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
}
BUNDLE: Final = f"vega-{charts.bundle_version()}.js"


class Asset(NamedTuple):
    """A file as it is sent: its bytes, the same compressed, its type."""

    raw: bytes
    zipped: bytes
    kind: str


@cache
def _files() -> tuple[dict[str, Asset], dict[str, str]]:
    """Assets by versioned name, and the versioned name of each plain one."""
    raw = {
        path.name: path.read_bytes()
        for path in sorted((Path(__file__).parent / "static").iterdir())
        if path.suffix in _TYPES
    }
    raw |= {f"words-{language}.js": words.module(language) for language in LANGUAGES}
    assets: dict[str, Asset] = {}
    names: dict[str, str] = {}
    for name in raw:
        _add(name, raw, assets, names)
    return assets, names


_IMPORT: Final = re.compile(rb'(\bfrom\s+|\bimport\s+)"\./([\w.-]+)"')


def _add(name: str, raw: dict[str, bytes], assets: dict[str, Asset], names: dict[str, str]) -> str:
    """A file's versioned name, once what it imports has one: its own follows from theirs."""
    if name in names:
        return names[name]

    def versioned(found: re.Match[bytes]) -> bytes:
        return found[1] + b'"./%s"' % _add(found[2].decode(), raw, assets, names).encode()

    stem, _, kind = name.rpartition(".")
    sent = _IMPORT.sub(versioned, raw[name]) if kind == "js" else raw[name]
    digest = hashlib.blake2b(sent, digest_size=6).hexdigest()
    names[name] = f"{stem}-{digest}.{kind}"
    assets[names[name]] = Asset(sent, gzip.compress(sent, 9, mtime=0), _TYPES[f".{kind}"])
    return names[name]


_log = logging.getLogger(__name__)
_making = threading.Lock()


def _bundle() -> Asset:
    with _making:  # the first visitor and the start must not both make it
        return _made_bundle()


@cache
def _made_bundle() -> Asset:
    raw = charts.bundle()
    return Asset(raw, gzip.compress(raw, 6, mtime=0), _TYPES[".js"])


def url(name: str) -> str:
    """Where a file is served: its name holds its contents' hash."""
    return f"/static/{BUNDLE if name == 'vega.js' else _files()[1][name]}"


async def prepare() -> None:
    """Make the chart bundle ready off the event loop: 2.5 s that no visitor waits for. Where that
    fails, it is tried again for each visitor, who sees the chart drawn by the server meanwhile."""
    try:
        await asyncio.to_thread(_bundle)
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("the chart bundle can't be made: %s", error)


async def respond(name: str, headers: Headers) -> Response:
    """A file by its versioned name; 404 for every other name."""
    asset = await asyncio.to_thread(_bundle) if name == BUNDLE else _files()[0].get(name)
    if asset is None:
        return Response("no such file\n", status_code=404, media_type="text/plain")
    if "gzip" in headers.get("accept-encoding", ""):
        zipped = {**_FOREVER, "Content-Encoding": "gzip", "Content-Type": asset.kind}
        return Response(asset.zipped, headers=zipped)
    return Response(asset.raw, headers={**_FOREVER, "Content-Type": asset.kind})
