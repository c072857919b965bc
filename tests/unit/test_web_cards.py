"""Mentions as markup: nothing from outside is ever live, matched words are marked."""

import html
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import Label, Span
from streams.web.cards import EXCERPT, card, clip, excerpt, marked, safe_url
from streams.web.formats import ago
from tests.browser.site import hostile, mention


def test_marks_the_matched_words_and_escapes_the_rest() -> None:
    spans = [Span("text", 4, 7), Span("text", 0, 1), Span("title", 0, 2)]
    assert marked("<a> <b> &", spans, "text") == (
        "<mark>&lt;</mark>a&gt; <mark>&lt;b&gt;</mark> &amp;"
    )
    assert marked("title", spans, "title") == "<mark>ti</mark>tle"


def test_overlapping_and_touching_spans_become_one() -> None:
    spans = [Span("text", 0, 3), Span("text", 2, 5), Span("text", 5, 6)]
    assert marked("abcdefg", spans, "text") == "<mark>abcdef</mark>g"


wild = st.builds(Span, st.just("text"), st.integers(-9, 99), st.integers(-9, 99))


@given(st.text(max_size=60), st.lists(wild, max_size=8))
def test_any_spans_leave_the_text_whole_and_the_markup_balanced(
    text: str, spans: list[Span]
) -> None:
    markup = str(marked(text, spans, "text"))
    assert html.unescape(re.sub("</?mark>", "", markup)) == html.unescape(html.escape(text))
    assert re.sub(r"<mark>[^<]+</mark>", "", markup).count("<") == 0


@given(st.integers(0, 5_000), st.lists(wild, max_size=4))
def test_an_excerpt_is_bounded_and_holds_the_first_match(length: int, spans: list[Span]) -> None:
    start, end = excerpt("x" * length, spans)
    assert 0 <= start <= end <= length
    assert end - start == min(length, EXCERPT)
    starts = [s.start for s in spans if 0 <= s.start < length]
    if starts:
        assert start <= min(starts) < end


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt://example.org/%0aalert(1)",
        "data:text/html,x",
        "//example.org/",
        "https://",
        "https://user:word@example.org/",
        "https://example.org/\u0000",
        "https://exa mple.org/",
        "http://[::1",
        "https://example.org/" + "x" * 3_000,
        "",
    ],
)
def test_only_plain_web_addresses_are_linked(url: str) -> None:
    assert safe_url(url) == ""


def test_a_web_address_is_linked_as_it_is() -> None:
    assert safe_url("https://example.org/a?b=c#d") == "https://example.org/a?b=c#d"


def test_a_staff_label_wins_and_is_told() -> None:
    at = datetime.now(UTC)
    plain = mention(1, sentiment="pos")
    corrected = msgspec.structs.replace(
        plain, label=Label(mention_id=plain.id, labeled_at=at, sentiment="neg")
    )
    assert (card(plain).sentiment, card(plain).corrected) == ("pos", False)
    assert (card(corrected).sentiment, card(corrected).corrected) == ("neg", True)


def test_a_hostile_post_becomes_a_small_inert_card() -> None:
    shown = card(hostile(1))
    assert shown.url == ""
    assert len(shown.text) < 5_000
    assert "<script" not in shown.text + shown.title
    assert shown.cut > 50_000
    assert len(shown.author) <= 80


def test_clip_is_one_short_line() -> None:
    assert clip(" a\n\tb ") == "a b"
    assert len(clip("x" * 500, 20)) == 20


def test_ago() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    told = [ago(now - timedelta(seconds=s), now) for s in (-600, 5, 120, 7_200, 200_000)]
    assert told == ["in the future", "just now", "2 min ago", "2 h ago", "2 d ago"]
