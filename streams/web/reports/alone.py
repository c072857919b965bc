"""A report as one file, for who has the store and no pages running."""

from collections.abc import Sequence

from connectors.post import utc_now
from streams.criteria.topics import Topic
from streams.errors import ConfigError
from streams.settings import Settings
from streams.store import opened_store
from streams.web.charts import Drawings
from streams.web.filters import BadFilter, Pair
from streams.web.pages import Pages
from streams.web.reading import language_of, zone_named
from streams.web.reports import asked, written
from streams.web.reports.making import Making
from streams.web.visitor import LANGUAGES, Visitor


async def page_of(
    settings: Settings, topics: Sequence[Topic], pairs: Sequence[Pair], *, ui: str, zone: str
) -> str:
    """HTML with all it needs within. Raises `ConfigError` that names the option, `StoreError`."""
    language = language_of(ui)
    if language is None:
        raise ConfigError(f"--ui {ui!r}: no such language. Remedy: one of {', '.join(LANGUAGES)}")
    if zone_named(zone) is None:
        raise ConfigError(f"--tz {zone!r}: no such time zone. Remedy: such as Europe/Paris")
    try:
        wanted = asked.read(pairs, zone=zone, now=utc_now())
    except BadFilter as error:
        told = "; ".join(f"--{p.parameter} {p.value}: {p.problem}" for p in error.problems)
        raise ConfigError(f"{told}. Remedy: {error.problems[0].remedy}") from None
    visitor = Visitor(language=language, zone=zone)
    async with opened_store(settings) as store:
        report = await Making(store, topics).report(wanted)
        return await written.page(report, Pages(topics), Drawings(), visitor, alone=True)
