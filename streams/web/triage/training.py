"""Labelled texts as `veille sentiment train --labels` reads them."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from streams.learning.precision import relevance
from streams.records import Mention
from streams.sentiment.corpora import LABELS
from streams.store.port import Filter, Store
from streams.store.rules import tone

MOST: Final = 100_000
_PAGE: Final = 500


class Example(msgspec.Struct, frozen=True):
    """One line of the file."""

    text: str
    label: str
    lang: str


def example(mention: Mention) -> Example | None:
    """What people said of a mention's sentiment: by correcting it, or by letting it stand."""
    label, text = mention.label, f"{mention.post.title}\n{mention.post.text}".strip()
    if label is None or not text or relevance(label) is False:
        return None
    said = tone(mention)
    if said not in LABELS or not (label.sentiment or label.done):
        return None
    return Example(text, said, mention.lang)


async def lines(store: Store, where: Filter) -> AsyncIterator[bytes]:
    """A line of JSON for each, the newest first; of at most 100,000 mentions."""
    cursor, read = "", 0
    while read < MOST:
        page = await store.search(where, limit=_PAGE, cursor=cursor)
        read += len(page.mentions)
        found = [made for one in page.mentions if (made := example(one))]
        yield b"".join(msgspec.json.encode(one) + b"\n" for one in found)
        if not (cursor := page.cursor):
            return
