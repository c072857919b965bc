from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import feeds
from tests.contract.connectors.fixtures.rss import RssFixture, feed

GOOD = feed([RssFixture().item(number) for number in range(3)])


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_feed_or_none(body: bytes) -> None:
    with suppress(feeds.NotAFeed):
        assert isinstance(feeds.parse(body, "", "https://n.example/"), feeds.Feed)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, len(GOOD)), st.integers(0, 40), st.binary(max_size=10))
def test_a_damaged_feed_gives_what_can_be_read(at: int, removed: int, added: bytes) -> None:
    body = GOOD[:at] + added + GOOD[at + removed :]
    with suppress(feeds.NotAFeed):
        found = feeds.parse(body, "application/rss+xml", "https://n.example/")
        names = [name for name, _ in feeds.named(found.entries)]
        assert len(names) == len(set(names)) <= 4
