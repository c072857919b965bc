import time

import pytest

from connectors.post import MAX_TEXT_BYTES
from connectors.text import line, link, plain, tag


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>one<p>two", "one\n\ntwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("&amp;lt;b&amp;gt; &#x27;quoted&#39; &eacute;", "&lt;b&gt; 'quoted' é"),
        ("&am<b></b>p;", "&amp;"),
        ("a<script>alert('<p>x')</script>b<style>p{}</style>c", "abc"),
        ("I <3 tea & 2 < 3 > 1", "I <3 tea & 2 < 3 > 1"),
        ("<b title='a > b'>bold</b>", "bold"),
        ("<!-- <p>hidden --> shown", "shown"),
        ("a <![CDATA[b & c]]> d", "a b & c d"),
        ("<pre>a\n  b</pre>", "a\nb"),
        ("a\n\n  b", "a b"),
        ("&#0;&#99999999999999999999;&#xD800;", "\ufffd\ufffd\ufffd"),
        ('x <a "unclosed <b>bold', "x bold"),
        ("<td>1</td><td>2</td>", "1\t2"),
    ],
)
def test_html_becomes_what_a_reader_sees(markup: str, text: str) -> None:
    assert plain(markup, html=True) == (text, False)


def test_shortened_links_are_whole_again() -> None:
    markup = '<a href="https:&#x2F;&#x2F;news.example/a/b">https:&#x2F;&#x2F;news.example/a...</a>'
    assert plain(markup, html=True)[0] == "https://news.example/a/b"
    spans = '<a href="https://n.example/ab"><span>https://</span><span>n.example/ab</span></a>'
    assert plain(spans, html=True)[0] == "https://n.example/ab"
    other = '<a href="https://evil.example">https://bank.example/...</a>'
    assert plain(other, html=True)[0] == "https://bank.example/..."


def test_plain_text_keeps_what_looks_like_markup() -> None:
    assert plain("a <b> &amp; c", html=False) == ("a <b> &amp; c", False)


def test_controls_surrogates_and_bidi_go() -> None:
    assert plain("a\x00b\x07\u202ec\ud800d\r\ne\ufeff", html=False)[0] == "abc\ufffdd\ne"


def test_long_text_is_cut_between_characters() -> None:
    text, truncated = plain("é" * MAX_TEXT_BYTES, html=False)
    assert truncated
    assert text == "é" * (MAX_TEXT_BYTES // 2)


@pytest.mark.parametrize(
    "unit",
    [
        *("<", "<a ", '<a "', "<a '\"", "<!--", "<!", "<![CDATA[", "<script>", "<style></style"),
        *("&", "&#9", "&#9;", "</a", "<p>", "<a>x</a>", " \n", "\t", "<title></titl", "<pre> \n"),
        *("\u0301\u0316", "\u1100\u1161\u11a8", "<a href=x>", "\x00", "\r"),
    ],
)
@pytest.mark.parametrize("html", [True, False])
def test_hostile_input_takes_bounded_time(unit: str, html: bool) -> None:
    value = unit * (10_000_000 // len(unit))
    started = time.process_time()
    text, _ = plain(value, html=html)
    assert time.process_time() - started < 5
    assert len(text.encode()) <= MAX_TEXT_BYTES


def test_lines_are_one_line_and_bounded() -> None:
    assert line(" a\n b\t c ") == "a b c"
    assert line(7) == line(None) == line({"a": 1}) == ""
    assert line("x" * 600) == "x" * 499 + "…"


@pytest.mark.parametrize(
    ("value", "base", "expected"),
    [
        ("https://a.example/x y", "", "https://a.example/x%20y"),
        ("/b", "https://a.example/c/d", "https://a.example/b"),
        ("javascript:alert(1)", "https://a.example", ""),
        ("java\nscript:alert(1)", "", ""),
        ("data:text/html,x", "", ""),
        ("http://[bad", "", ""),
        (None, "", ""),
        ("https://a.example/" + "x" * 3000, "", ""),
    ],
)
def test_links_are_web_addresses_or_nothing(value: object, base: str, expected: str) -> None:
    assert link(value, base) == expected


def test_tags_lose_their_sign() -> None:
    assert [tag("#Tea"), tag("＃お茶"), tag(None)] == ["Tea", "お茶", ""]
