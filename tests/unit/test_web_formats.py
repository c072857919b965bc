"""Times, figures and words as each reader has them."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.web import formats
from streams.web.i18n import LOCALES, Words, _, ngettext, number, plural, reading_for
from streams.web.incident_words import KINDS, few
from streams.web.visitor import Language, Visitor

SPRING = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def paris(language: Language = "en") -> Visitor:
    return Visitor(language=language, zone="Europe/Paris")


@pytest.mark.parametrize(
    ("language", "said", "figure", "share"),
    [
        ("en", "29 Mar 2026, 03:30", "1 234 567.5", "12.5\u00a0%"),
        ("fr", "29 mars 2026, 03:30", "1 234 567,5", "12,5\u00a0%"),
        ("ru", "29 мар. 2026\u202fг., 03:30", "1 234 567,5", "12,5\u00a0%"),
    ],
)
def test_times_and_figures(language: Language, said: str, figure: str, share: str) -> None:
    with reading_for(paris(language)):
        assert formats.moment(SPRING).replace("\u00a0", "\u202f") == said
        assert formats.decimal(1_234_567.49) == figure.replace(" ", "\u202f")
        assert formats.percent(0.1249, 1) == share
        assert formats.utc(SPRING) == "2026-03-29 01:30:00 UTC"


def test_the_clock_jumps_with_the_reader_s_zone() -> None:
    with reading_for(paris()):
        assert formats.clock(SPRING - timedelta(hours=1)) == "01:30"
        assert formats.clock(SPRING) == "03:30"


def test_near_times_leave_out_what_today_has() -> None:
    with reading_for(paris()):
        assert formats.near(SPRING, SPRING + timedelta(hours=2)) == "03:30"
        assert formats.near(SPRING, SPRING + timedelta(days=2)) == "29 Mar, 03:30"
        assert formats.near(SPRING, SPRING + timedelta(days=400)) == "29 Mar 2026, 03:30"


def test_a_time_says_utc_on_hover_and_how_long_ago() -> None:
    with reading_for(paris()):
        said = formats.when(SPRING, "short", SPRING + timedelta(minutes=5))
    assert said == (
        '<time datetime="2026-03-29T01:30:00.000Z" title="2026-03-29 01:30:00 UTC">'
        "03:30 · <span data-ago>5 min ago</span></time>"
    )


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_time_can_be_said(at: datetime) -> None:
    for zone in ("Pacific/Apia", "America/Anchorage"):
        with reading_for(Visitor(zone=zone)):
            assert formats.moment(at)


def test_words_are_looked_up_when_they_are_shown() -> None:
    words = Words({"a": "%(n)s"})
    with pytest.raises(KeyError):
        words["a"]
    with reading_for(paris("ru")):
        russian = KINDS["silence"]
    with reading_for(paris("fr")):
        assert _("Mentions") == "Mentions"
    assert russian != ""
    assert (LOCALES / "ru" / "LC_MESSAGES" / "veille.po").exists()


def test_what_is_said_is_a_format() -> None:
    assert _("100 %% of %(what)s", what="it") == "100 % of it"
    assert ngettext("%(n)s post", "%(n)s posts", 12_345) == "12\u202f345 posts"
    assert number(0) == "0"


def test_fractions_take_the_form_of_their_language() -> None:
    said = {}
    for language, n in (("en", 0.5), ("fr", 1.8), ("fr", 2.5)):
        with reading_for(paris(language)):  # type: ignore[arg-type]  # of the tuple above
            said[language, n] = plural("one", "many", n)
    assert said == {("en", 0.5): "many", ("fr", 1.8): "one", ("fr", 2.5): "many"}
    assert few(1.84) == "1.8"


def test_languages_and_countries_have_their_names() -> None:
    with reading_for(paris("fr")):
        assert formats.language("ru") == "Russe"
        assert formats.language("xx") == "xx"
        assert formats.country("DE") == "Allemagne"
