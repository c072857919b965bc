"""Writing again what an author or a source has stored, so that it is composed anew."""

from typing import Final

from streams.store.hiding import split_key
from streams.store.port import Filter, Store

_AT_ONCE: Final = 500


async def write_again(store: Store, key: str) -> None:
    """All mentions of a key of the hidden, newest first. Raises `StoreError`."""
    source, author = split_key(key)
    where = Filter(sources=(source,), author=author, hidden="any")
    cursor = ""
    while True:
        page = await store.search(where, limit=_AT_ONCE, cursor=cursor)
        if page.mentions:
            await store.write(page.mentions)
        if not (cursor := page.cursor):
            return
