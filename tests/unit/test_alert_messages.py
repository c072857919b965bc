"""Messages: what they say, in three languages, in every form."""

import string
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import parse_qsl, urlsplit

import pytest

from streams.alerts.acts import resolved
from streams.alerts.evidence import window_of
from streams.alerts.messages import Brief, compose
from streams.alerts.messages.catalogue import CATALOGUE
from streams.alerts.messages.chart import definition, png
from streams.alerts.messages.digest import DigestBrief, TopicLine, compose_digest
from streams.alerts.messages.language import LANGUAGES, Language, Words
from streams.alerts.messages.links import posts_link
from streams.alerts.messages.sparkline import sparkline
from streams.alerts.records import Kind
from streams.store.port import Bucket
from streams.web import filters
from tests.support.alerts import evidence, incident
from tests.support.mentions import NOON

BASE = "https://veille.example.org"
STEP = timedelta(minutes=15)
SERIES = [
    Bucket(start=NOON + STEP * n, total=n + 13, neg=max(n + 12, 0), pos=1) for n in range(-12, 4)
]


def brief(language: Language = "en", **fields: Any) -> Brief:
    zone = {"en": "America/New_York", "fr": "Europe/Paris", "ru": "Europe/Moscow"}[language]
    told: dict[str, Any] = {
        "incident": incident(evidence=evidence()),
        "topic_name": "Acme",
        "series": SERIES,
        "step": STEP,
        "language": language,
        "zone": zone,
        "base_url": BASE,
    }
    return Brief(**(told | fields))


def bare(text: str) -> str:
    """With ordinary spaces, to compare by eye."""
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def fields_of(phrase: str | tuple[str, str, str]) -> set[frozenset[str]]:
    forms = (phrase,) if isinstance(phrase, str) else phrase
    return {frozenset(name for _, name, _, _ in string.Formatter().parse(f) if name) for f in forms}


def test_the_languages_say_the_same_things_with_the_same_values() -> None:
    english = CATALOGUE["en"]
    for language in LANGUAGES:
        assert CATALOGUE[language].keys() == english.keys()
        for name, phrase in CATALOGUE[language].items():
            assert isinstance(phrase, str) == isinstance(english[name], str), name
            assert fields_of(phrase) == fields_of(english[name]), (language, name)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 упоминаний"),
        (1, "1 упоминание"),
        (2, "2 упоминания"),
        (4, "4 упоминания"),
        (5, "5 упоминаний"),
        (11, "11 упоминаний"),
        (12, "12 упоминаний"),
        (14, "14 упоминаний"),
        (21, "21 упоминание"),
        (22, "22 упоминания"),
        (111, "111 упоминаний"),
        (1_001, "1 001 упоминание"),
        (1.5, "1,5 упоминания"),
    ],
)
def test_russian_plurals(number: float, said: str) -> None:
    assert bare(Words("ru").many("mentions", number)) == said


@pytest.mark.parametrize(
    ("language", "number", "said"),
    [
        ("en", 0, "0 mentions"),
        ("en", 1, "1 mention"),
        ("en", 12345, "12,345 mentions"),
        ("fr", 0, "0 mention"),
        ("fr", 1, "1 mention"),
        ("fr", 1.5, "1,5 mention"),
        ("fr", 2, "2 mentions"),
        ("fr", 12345, "12 345 mentions"),
    ],
)
def test_other_plurals(language: Language, number: float, said: str) -> None:
    assert bare(Words(language).many("mentions", number)) == said


def test_numbers_and_times_are_written_as_in_the_language() -> None:
    moment = datetime(2026, 7, 3, 22, 5, tzinfo=UTC)
    french, russian, english = (
        Words("fr", "Europe/Paris"),
        Words("ru", "Europe/Moscow"),
        Words("en", "America/New_York"),
    )
    assert bare(french.moment(moment)) == "4 juillet 2026, 0 h 05"
    assert bare(russian.moment(moment)) == "4 июля 2026, 01:05"
    assert bare(english.moment(moment)) == "3 July 2026, 18:05"
    assert french.number(1234.56) == "1\u202f235"
    assert russian.number(0.44) == "0,4"
    assert english.number(1.0) == "1"
    assert french.percent(0.826) == "83\u202f%"
    assert bare(russian.span(timedelta(hours=27, minutes=4))) == "1 дн. 3 ч"
    assert french.quote("a « b » c") == "«\u202fa ' b ' c\u202f»"


@pytest.mark.parametrize("kind", list(get_args(Kind)))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_its_headline(language: Language, kind: Kind) -> None:
    one = incident(kind=kind, author="ann", rule="negative >= 20 in 15m", observed=21.0)
    message = compose(brief(language, incident=one))
    assert "Acme" in message.subject
    assert "{" not in message.subject + message.text + message.short
    assert message.subject in message.text


EXPECTED = {
    "en": (
        "[high] Acme: 48 negative mentions in 1 h, about 12 expected",
        "Since 10 March 2026, 08:00 (America/New_York), noticed at 08:20.",
        "Negative share: 80%, usually 20%.",
        "3 stories; 21 authors, of whom 1 is new; reach: 12,345 followers",
        "Started by ann, 08:05: “it broke again”",
        "Where: forum 40; FR 12",
    ),
    "fr": (
        "[élevée] Acme : 48 mentions négatives en 1 h, environ 12 attendues",
        "Depuis le 10 mars 2026, 13 h 00 (Europe/Paris), constaté à 13 h 20.",
        "Part négative : 80 %, d’habitude 20 %.",
        "3 propos distincts; 21 auteurs, dont 1 nouveau; portée : 12 345 abonnés",
        "Parti de ann, 13 h 05 : « it broke again »",
        "Où : forum 40; FR 12",
    ),
    "ru": (
        "[высокая важность] Acme: 48 негативных упоминаний за 1 ч, ожидалось около 12",
        "Началось 10 марта 2026, 15:00 (Europe/Moscow), замечено в 15:20.",
        "Доля негатива: 80 %, обычно 20 %.",
        "3 истории; 21 автор, из них 1 новый; охват: 12 345 подписчиков",
        "Начало: ann, 15:05: «it broke again»",
        "Где: forum 40; FR 12",
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_message_stands_alone(language: Language) -> None:
    message = compose(brief(language))
    text = bare(message.text)
    for line in EXPECTED[language]:
        assert line in text
        if not line.startswith(("[", "Started", "Parti", "Начало")):
            assert line in bare(message.short)
    assert "▁▁▂▂▃▃▄▄▅▅▆▆▇▇██" in text
    assert f"{BASE}/incidents/i1" in message.short
    assert "https://example.org/1" in text
    assert len(message.short) <= 1_600
    assert f'lang="{language}"' in message.html
    assert f'href="{BASE}/incidents/i1"' in message.html
    assert "it broke again" in message.html


@pytest.mark.parametrize(
    ("language", "said", "why"),
    [
        ("en", "Source rss: 0 mentions for 6 h, about 48 expected", "the source “rss” is"),
        (
            "fr",
            "Source rss : 0 mention depuis 6 h, environ 48 attendues",
            "la source « rss » est dirigée",
        ),
        ("ru", "Источник rss: 0 упоминаний за 6 ч, ожидалось около 48", "источник «rss» направлен"),
    ],
)
def test_a_source_that_stops_is_called_a_source(language: Language, said: str, why: str) -> None:
    until = NOON + timedelta(hours=6)
    fields: dict[str, Any] = {"kind": "silence", "observed": 0, "expected": 48, "share": 0}
    one = incident(topic="", source="rss", until=until, **fields)
    message = compose(brief(language, incident=one, topic_name=""))
    assert said in bare(message.subject)
    assert why in bare(message.html)
    asked = dict(parse_qsl(urlsplit(message.links["link.posts"]).query))
    assert asked["source"] == "rss"
    assert "topic" not in asked


@pytest.mark.parametrize(
    ("language", "staff", "ada"),
    [
        ("en", "Declared over by staff.", "Declared over by ada."),
        ("fr", "Déclaré terminé par l’équipe.", "Déclaré terminé par ada."),
        ("ru", "Завершение отметили: сотрудники.", "Завершение отметили: ada."),
    ],
)
def test_what_became_of_it_is_said_in_the_language(
    language: Language, staff: str, ada: str
) -> None:
    for by, said in (("", staff), ("ada", ada)):
        one = resolved(incident(evidence=evidence()), by).incident
        assert said in compose(brief(language, incident=one, event="resolved")).text


def test_the_link_to_the_posts_is_one_that_the_page_reads() -> None:
    one = incident(until=NOON + timedelta(minutes=61, seconds=1, milliseconds=5))
    parts = urlsplit(posts_link(BASE, one))
    query = filters.read(parse_qsl(parts.query))
    wanted = window_of(one)
    assert (parts.netloc, parts.path) == ("veille.example.org", "/mentions")
    assert query.where.topics == wanted.topics
    assert query.where.sentiments == ("neg",)
    assert query.where.since == wanted.since
    assert query.where.until == NOON + timedelta(minutes=61, seconds=2), "up to the whole second"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("grown", "Worse. Acme"),
        ("reopened", "Again. Acme"),
        ("resolved", "Over. Acme"),
        ("withdrawn", "Posts that came late show"),
        ("escalated", "Nobody has acknowledged it for 20 min."),
    ],
)
def test_events(event: Any, said: str) -> None:
    one = incident(resolved_at=NOON + timedelta(hours=2))
    text = bare(compose(brief(event=event, waited=20, incident=one)).text)
    assert said in text
    if event == "resolved":
        assert "10 March 2026, 08:00 – 10:00 (America/New_York)." in text


def test_without_evidence_series_or_address_the_message_is_still_whole() -> None:
    message = compose(brief(incident=incident(), series=[], base_url=""))
    assert message.chart is None
    assert not message.links
    assert "cid:" not in message.html
    assert message.subject in message.text


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([0, 0], ""),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([0, 7, 0], "▁█▁"),
        ([-5, 1], "▁█"),
        ([1] * 48, "█" * 24),
    ],
)
def test_sparklines(values: list[float], drawn: str) -> None:
    assert sparkline(values) == drawn


async def test_the_chart_is_a_picture() -> None:
    chart = definition(brief("fr"))
    assert chart is not None
    drawn = await png(chart)
    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
    assert drawn.endswith(b"IEND\xaeB`\x82")
    width = int.from_bytes(drawn[16:20], "big")
    assert 1000 < width < 1400


async def test_a_chart_that_cannot_be_drawn_is_left_out() -> None:
    assert await png({"mark": "nonsense"}) == b""


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_digest_has_incidents_by_gravity_and_topics_with_their_change(language: Language) -> None:
    grave = incident(2, severity="critical", topic="other")
    told = compose_digest(
        DigestBrief(
            period="daily",
            since=NOON - timedelta(days=1),
            until=NOON,
            incidents=[incident(), grave],
            topics=[TopicLine(topic="brand", total=1200, negative=300, before=1000)],
            names={"brand": "Acme"},
            language=language,
            base_url=BASE,
        )
    )
    text = bare(told.text)
    assert text.index("other") < text.index("Acme")
    assert "+20" in text
    assert f"{BASE}/incidents/i2" in told.html
    assert "{" not in told.text + told.subject


def test_a_digest_of_nothing_says_so() -> None:
    told = compose_digest(DigestBrief(period="weekly", since=NOON, until=NOON + timedelta(days=7)))
    assert "No incident." in told.text
