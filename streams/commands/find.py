"""`veille search`: mentions from the store."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from streams.commands.common import (
    ConfigOption,
    JsonOption,
    load_settings,
    out,
    print_json,
    run,
)
from streams.commands.selecting import (
    LangOption,
    QueryArgument,
    Selection,
    SentimentOption,
    SinceOption,
    SourceOption,
    TopicOption,
    UntilOption,
)
from streams.exporting.rows import pages
from streams.records import Mention
from streams.settings import Settings
from streams.store import opened_store
from streams.store.port import Filter, Order
from streams.store.rules import tone

_SYMBOLS: Final = {
    "pos": ("+", "green"),
    "neg": ("−", "red"),
    "neu": ("·", ""),
    "unscored": ("?", "dim"),
}


def search(
    query: QueryArgument = "",
    *,
    topic: TopicOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    sentiment: SentimentOption = None,
    lang: LangOption = None,
    source: SourceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most.")] = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Find stored mentions, newest first.

    [bold]Example[/bold]: veille search '"late delivery" refund*' --sentiment neg --since 7d
    """
    where = Selection(query, topic, since, until, sentiment, lang, source).where()
    run(_search(load_settings(config), where, limit, as_json=as_json))


async def _search(settings: Settings, where: Filter, limit: int, *, as_json: bool) -> None:
    found = [mention async for mention in mentions(settings, where, limit=limit)]
    if as_json:
        for mention in found:
            print_json(mention)
        return
    table = Table("when (UTC)", "topic", "", "source", "author", "text", box=None)
    for mention in found:
        symbol, style = _SYMBOLS[tone(mention)]
        post = mention.post
        table.add_row(
            f"{post.created_at:%Y-%m-%d %H:%M}",
            mention.topic,
            Text(symbol, style),
            post.source,
            Text(post.author.handle or post.author.name, overflow="ellipsis"),
            Text(" ".join(f"{post.title} {post.text}".split())[:160]),
        )
    out.print(table if found else "No mention fits. Remedy: fewer filters, or `veille status`")


async def mentions(
    settings: Settings, where: Filter, *, limit: int | None = None, order: Order = "newest"
) -> AsyncIterator[Mention]:
    """All that fit. Raises `StoreError`."""
    async with opened_store(settings) as store:
        async for page in pages(store, where, limit=limit, order=order):
            for mention in page:
                yield mention
