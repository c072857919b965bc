"""The templates, and what each is given."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import jinja2
import msgspec
from fastapi import Request
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from connectors.post import utc_now
from streams.alerts.records import Incident
from streams.criteria.topics import Topic
from streams.records import LABELS, Mention
from streams.web import assets, cards, charts, formats, incident_story, incident_words
from streams.web.filters import BadFilter, Pair, Query, link
from streams.web.forms import Forms
from streams.web.health import STATE_WORDS
from streams.web.i18n import N_, Words, _, here, ngettext, number, reader, reading_for
from streams.web.navigation import Navigation
from streams.web.reading import carry
from streams.web.topics.live import live
from streams.web.visitor import Visitor

WIDTHS: Final = {"wide": 860, "narrow": 340}
PANEL_TITLES: Final[Mapping[str, str]] = Words(
    {
        "topic": N_("Topics"),
        "source": N_("Where"),
        "author": N_("Authors"),
        "hashtag": N_("Hashtags"),
    }
)
PERIODS: Final[Mapping[str, str]] = Words(
    {
        "1h": N_("1 h"),
        "24h": N_("24 h"),
        "7d": N_("7 days"),
        "30d": N_("30 days"),
        "all": N_("All time"),
    }
)


class Body(NamedTuple):
    """A page as it is sent, plain and compressed."""

    raw: bytes
    zipped: bytes

    @classmethod
    def of(cls, page: str) -> "Body":
        raw = page.encode("utf-8", "replace")  # a lone surrogate must not take the page down
        return cls(raw, gzip.compress(raw, 4, mtime=0))

    def response(self, request: Request) -> Response:
        """As the browser takes it; never kept, for the next moment's page is another."""
        headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return HTMLResponse(self.raw, headers=headers)
        return HTMLResponse(self.zipped, headers={**headers, "Content-Encoding": "gzip"})


class Pages:
    """The templates of one installation: its topics' names, and the places it has."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._topics = live(topics)
        self.forms = Forms()
        self.navigation = Navigation()
        self._jinja = _environment()
        self._jinja.filters.update(named=self.named, subject=self._subject)
        self._jinja.globals.update(navigation=self.navigation.of)
        self._card = self._jinja.get_template("card.html")

    def compile(self) -> None:
        """Every template, which else is compiled when its page is asked for first: near a second of
        processor time, for a thread."""
        for name in self._jinja.list_templates(["html"]):
            self._jinja.get_template(name)

    def render(self, template: str, *, visitor: Visitor | None = None, **given: Any) -> str:
        """A page as `visitor` reads it; without one, as who sent the present request does."""
        whom = visitor or reader()
        with reading_for(whom):
            made = self._jinja.get_template(template)
            page = made.render(visitor=whom, here=here(), csrf=self.forms.token, **given)
        return carry(page, whom.carried)

    def card(self, mention: Mention, query: Query, visitor: Visitor) -> str:
        """One article of the feed, with links that add to `query`."""
        with reading_for(visitor):
            page = self._card.render(card=cards.card(mention), query=query, now=utc_now())
        return carry(page, visitor.carried)

    def bad_filter(self, error: BadFilter) -> str:
        return self.render("bad_filter.html", problems=error.problems, rest=link(error.kept))

    def trouble(self, title: str, said: str, *, retry: bool = False) -> str:
        return self.render("trouble.html", title=title, said=said, retry=retry)

    def _subject(self, one: Incident) -> str:
        """What an incident is about, in words."""
        if one.source:
            return _("Source %(source)s", source=one.source)
        return self.named(one.topic, "topic")

    def named(self, value: str, dimension: str) -> str:
        """The word for a value of a dimension: a topic's name, a language's, a sentiment's."""
        if dimension == "topic":
            return self._topics.name(value)
        if dimension == "sentiment":
            return cards.SENTIMENTS[value][0] if value in LABELS else value
        if dimension == "lang":
            return formats.language(value)
        if dimension == "country":
            return formats.country(value)
        return value


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        optimized=False,  # what filters say depends on who reads, also of a constant
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # the extension's
    environment.globals.update(_=_say, gettext=_say, ngettext=_count)
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
        source_states=STATE_WORDS,
        post_kinds=cards.KINDS,
        is_active=incident_words.active,
        about=incident_story.measured,
        of_term=incident_story.of_term,
        of_author=incident_story.of_author,
        original=incident_story.original,
    )
    environment.filters.update(
        ago=formats.ago,
        clip=cards.clip,
        clock=formats.clock,
        day=formats.day,
        decimal=formats.decimal,
        iso=formats.iso,
        moment=formats.moment,
        number=number,
        percent=formats.percent,
        utc=formats.utc,
        when=formats.when,
        tojson_text=_json_text,
        what=incident_words.what,
        note=incident_words.note,
        few=incident_words.few,
        rate=incident_words.rate,
        lasting=formats.lasting,
    )
    return environment


def _say(message: str, /, **values: object) -> Markup:
    """A message whose values are escaped."""
    return Markup(_(message, **{name: escape(value) for name, value in values.items()}))  # noqa: S704 # a message is ours


def _count(one: str, many: str, count: float, /, **values: object) -> Markup:
    escaped = {name: escape(value) for name, value in values.items()}
    return Markup(ngettext(one, many, count, **escaped))  # noqa: S704 # a message is ours


async def drawn(drawings: charts.Drawings, chart: dict[str, Any], request: Request) -> Response:
    """A chart as SVG: `theme` and `size` as the page asks."""
    given = request.query_params
    theme: charts.Theme = "dark" if given.get("theme") == "dark" else "light"
    width = WIDTHS.get(given.get("size", ""), WIDTHS["wide"])
    found = await drawings.svg(chart, theme=theme, width=width)
    return Response(found, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


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


def _share(part: int, whole: int) -> float:
    """Percent with one decimal, 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0
