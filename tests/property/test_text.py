import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from connectors.post import MAX_TEXT_BYTES
from connectors.text import line, link, plain

ANYTHING = st.text(alphabet=st.characters(exclude_categories=[]), max_size=400)
MARKUP = st.lists(
    st.sampled_from(["<", ">", "<p>", "</p>", "<b", '"', "'", "&", "&amp;", "&#", "x", ";", "<!--",
                     "-->", "<script>", "</script>", "<a href=", "<![CDATA[", "]]>", " ", "\n"]),
    max_size=60,
).map("".join)  # fmt: skip


@given(ANYTHING | MARKUP, st.booleans())
def test_whatever_comes_is_plain(value: str, html: bool) -> None:
    text, _ = plain(value, html=html)
    assert unicodedata.is_normalized("NFC", text)
    assert text == text.strip()
    assert not any(c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs") for c in text)
    assert len(text.encode()) <= MAX_TEXT_BYTES


@given(ANYTHING | MARKUP)
def test_plain_text_is_left_alone_the_second_time(value: str) -> None:
    once, _ = plain(value, html=False)
    assert plain(once, html=False) == (once, False)


@given(st.text(alphabet="abc <>&;\"'é\n", max_size=200))
def test_escaped_text_comes_back_as_it_was(value: str) -> None:
    escaped = value.replace("&", "&amp;").replace("<", "&lt;")
    assert plain(escaped, html=True)[0].split() == value.split()


@given(ANYTHING | MARKUP)
def test_lines_and_links_hold_their_bounds(value: str) -> None:
    assert "\n" not in line(value)
    assert len(line(value)) <= 500
    assert link(value) == "" or link(value).startswith(("http://", "https://"))
