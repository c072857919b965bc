"""The templates, and what each is given."""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import jinja2
import msgspec

from connectors.post import utc_now
from streams.alerts.records import Incident
from streams.criteria.topics import Topic
from streams.records import LABELS, Mention
from streams.store.port import Store
from streams.web import assets, cards, charts, incident_story, incident_words
from streams.web.filters import BY_NAME, BadFilter, Pair, Query, link
from streams.web.recent import Recent
from streams.web.views import PANELS, Choices, View, choices, names_of, view

VIEW_SECONDS: Final = 0.3
CHOICES_SECONDS: Final = 15.0
LANGUAGES: Final = {
    "ar": "Arabic", "de": "German", "en": "English", "es": "Spanish", "fr": "French",
    "it": "Italian", "ja": "Japanese", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "tr": "Turkish", "uk": "Ukrainian", "zh": "Chinese",
}  # fmt: skip
PANEL_TITLES: Final = {
    "topic": "Topics",
    "source": "Where",
    "author": "Authors",
    "hashtag": "Hashtags",
}
PERIODS: Final = {"1h": "1 h", "24h": "24 h", "7d": "7 days", "30d": "30 days", "all": "All time"}


class Chip(NamedTuple):
    """A filter that is set, and the link that takes it away."""

    label: str
    value: str
    href: str


class Menu(NamedTuple):
    """One filter with several values to tick."""

    name: str
    label: str
    chosen: tuple[str, ...]
    options: list[tuple[str, str]]


class Body(NamedTuple):
    """A page as it is sent, plain and compressed."""

    raw: bytes
    zipped: bytes

    @classmethod
    def of(cls, page: str) -> "Body":
        raw = page.encode("utf-8", "replace")  # a lone surrogate must not take the page down
        return cls(raw, gzip.compress(raw, 4, mtime=0))


class Pages:
    """Renders pages over a store. Views asked for within a blink of each other are shared."""

    def __init__(self, store: Store, topics: Sequence[Topic], *, sample: bool) -> None:
        self._store = store
        self._topics = topics
        self._names = dict(names_of(topics))
        self._sample = sample
        self._views: Recent[View] = Recent(VIEW_SECONDS)
        self._bodies: Recent[Body] = Recent(VIEW_SECONDS)
        self._choices: Recent[Choices] = Recent(CHOICES_SECONDS, most=1)
        self._jinja = _environment()
        self._jinja.filters["named"] = self._named
        self._jinja.filters["subject"] = self._subject
        self._card = self._jinja.get_template("card.html")

    async def view(self, query: Query) -> View:
        return await self._views.get(query, lambda: view(self._store, query, now=utc_now()))

    async def index(self, query: Query) -> Body:
        """The whole page, rendered and compressed once for all who ask in the same blink."""
        return await self._bodies.get(("index", query), lambda: self._index(query))

    async def fragment(self, query: Query) -> Body:
        """The page's moving parts."""
        return await self._bodies.get(("parts", query), lambda: self._parts(query))

    async def _index(self, query: Query) -> Body:
        shown = await self.view(query)
        found = await self._choices.get("", lambda: choices(self._store, self._topics))
        page = self._render(
            "index.html",
            **self._moving(shown),
            chips=self._chips(query),
            menus=self._menus(query, found),
            periods=PERIODS,
            themes=charts.themes_json(),
        )
        return Body.of(page)

    async def _parts(self, query: Query) -> Body:
        return Body.of(self._render("parts.html", **self._moving(await self.view(query))))

    def card(self, mention: Mention, query: Query) -> str:
        """One article of the feed, with links that add to `query`."""
        return self._card.render(card=cards.card(mention), query=query, now=utc_now())

    def bad_filter(self, error: BadFilter) -> str:
        return self._render("bad_filter.html", problems=error.problems, rest=link(error.kept))

    def trouble(self, title: str, said: str, *, retry: bool = False) -> str:
        return self._render("trouble.html", title=title, said=said, retry=retry)

    def render(self, template: str, **given: Any) -> str:
        """A page of another module's."""
        return self._render(template, **given)

    def _render(self, template: str, **given: Any) -> str:
        return self._jinja.get_template(template).render(**given)

    def _moving(self, shown: View) -> dict[str, Any]:
        return {
            "view": shown,
            "query": shown.query,
            "now": shown.now,
            "panels": [(by, PANEL_TITLES[by], shown.panels[by]) for by in PANELS],
            "sample": self._sample or shown.sample,
            "filtered": any(name not in {"range"} for name, _ in shown.query.pairs),
        }

    def _subject(self, one: Incident) -> str:
        """What an incident is about, in words."""
        return f"Source {one.source}" if one.source else self._named(one.topic, "topic")

    def _named(self, value: str, dimension: str) -> str:
        """The word for a value of a dimension: a topic's name, a language's, a sentiment's."""
        if dimension == "topic":
            return self._names.get(value, value)
        if dimension == "sentiment":
            return cards.SENTIMENTS[value][0] if value in LABELS else value
        if dimension == "lang":
            return LANGUAGES.get(value, value)
        return value

    def _chips(self, query: Query) -> list[Chip]:
        return [
            Chip(BY_NAME[name].label, self._named(value, name), query.without((name, value)))
            for name, value in query.pairs
            if name != "range"
        ]

    def _menus(self, query: Query, found: Choices) -> list[Menu]:
        known: dict[str, list[str]] = {
            "topic": found.of("topic"),
            "sentiment": list(LABELS),
            "lang": found.of("lang"),
            "source": found.of("source"),
            "country": found.of("country"),
        }
        return [self._menu(query, name, values) for name, values in known.items()]

    def _menu(self, query: Query, name: str, values: list[str]) -> Menu:
        chosen = query.values(name)
        everything = dict.fromkeys([*values, *chosen])
        options = [(value, self._named(value, name)) for value in everything]
        return Menu(name, BY_NAME[name].label, chosen, options)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(
        asset=assets.url,
        link=link,
        sentiments=cards.SENTIMENTS,
        share=_share,
        panel_pairs=_panel_pairs,
        panel_word=_panel_word,
        kinds=incident_words.KINDS,
        severities=incident_words.SEVERITIES,
        states=incident_words.STATES,
        is_active=incident_words.active,
        about=incident_story.measured,
        of_term=incident_story.of_term,
        of_author=incident_story.of_author,
        original=incident_story.original,
    )
    environment.filters.update(
        ago=cards.ago,
        clip=cards.clip,
        utc=_utc,
        iso=_iso,
        moment=_moment,
        number=_number,
        tojson_text=_json_text,
        what=incident_words.what,
        note=incident_words.note,
        few=incident_words.few,
        rate=incident_words.rate,
        lasting=incident_words.lasting,
    )
    return environment


def _panel_pairs(by: str, value: str) -> list[Pair]:
    """What a click on a panel's row adds. An author is `source:handle`: both become filters."""
    source, colon, handle = value.partition(":")
    if by == "author" and colon and handle:
        return [("author", handle), ("source", source)]
    return [(by, value)]


def _panel_word(by: str, value: str) -> str:
    if by == "author":
        return value.partition(":")[2] or value
    return f"#{value}" if by == "hashtag" else value


def _json_text(value: object) -> str:
    """JSON for an attribute: the template escapes it as any other text."""
    return msgspec.json.encode(value).decode()


def _utc(moment: datetime) -> str:
    return f"{_utc_naive(moment).isoformat(' ', 'seconds')} UTC"


def _iso(moment: datetime) -> str:
    return f"{_utc_naive(moment).isoformat('T', 'milliseconds')}Z"


def _moment(moment: datetime) -> str:
    return _utc_naive(moment).isoformat(" ", "minutes")


def _utc_naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _number(n: float) -> str:
    """12,345 in groups of three that never break: 12 345."""
    return f"{n:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _share(part: int, whole: int) -> float:
    """Percent with one decimal, 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0
