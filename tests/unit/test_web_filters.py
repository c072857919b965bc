"""Filters of a URL: read, refused with a remedy, written back."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.web.filters import AHEAD, PARAMETERS, BadFilter, Query, link, moment, read

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def of(url: str) -> Query:
    return read(parse_qsl(url.partition("?")[2], keep_blank_values=True))


def problems(url: str) -> dict[str, str]:
    with pytest.raises(BadFilter) as raised:
        of(url)
    assert all(problem.remedy for problem in raised.value.problems)
    return {problem.parameter: problem.problem for problem in raised.value.problems}


def test_reads_every_filter() -> None:
    query = of(
        "/?topic=a&topic=b&sentiment=neg&lang=fr&source=rss&country=FR&author=@ann"
        "&hashtag=%23x&q=late+%22so+late%22&since=2026-03-01&until=2026-03-02T01:00Z"
    )
    where = query.where
    assert where.topics == ("a", "b")
    assert where.sentiments == ("neg",)
    assert (where.langs, where.sources, where.countries) == (("fr",), ("rss",), ("FR",))
    assert (where.author, where.hashtag, where.text) == ("ann", "x", 'late "so late"')
    assert where.since == datetime(2026, 3, 1, tzinfo=UTC)
    assert where.until == datetime(2026, 3, 2, 1, tzinfo=UTC)


def test_nothing_and_empty_values_mean_any() -> None:
    assert of("/") == of("/?q=&topic=&since=%20") == Query()


@pytest.mark.parametrize(
    ("url", "parameter", "problem"),
    [
        ("/?sentimnt=neg", "sentimnt", "no such filter"),
        ("/?sentiment=bad", "sentiment", "no such sentiment"),
        ("/?lang=French!", "lang", "no such code"),
        ("/?country=fr", "country", "no such code"),
        ("/?range=2h", "range", "no such period"),
        ("/?range=1h&since=2026-01-01", "range", "given beside since or until"),
        ("/?since=yesterday", "since", "not a time"),
        ("/?since=0001-01-01T00:00%2B14:00", "since", "not a time"),
        ("/?since=2026-01-02&until=2026-01-01", "until", "not after since"),
        ("/?q=a&q=b", "q", "given 2 times"),
        ("/?q=%00", "q", "has control characters"),
        ("/?q=" + "x" * 301, "q", "longer than 300 characters"),
        ("/?cursor=x", "cursor", "not one of ours"),
        ("/?cursor=99999999999999999999~x", "cursor", "not one of ours"),
        ("/?" + "&".join(f"topic={n}" for n in range(60)), "topic", "given 60 times"),
    ],
)
def test_refuses_with_parameter_and_remedy(url: str, parameter: str, problem: str) -> None:
    assert problems(url) == {parameter: problem}


def test_names_every_problem_and_keeps_the_rest() -> None:
    with pytest.raises(BadFilter) as raised:
        of("/?lang=fr&sentimnt=neg&since=x&q=late")
    assert [p.parameter for p in raised.value.problems] == ["sentimnt", "since"]
    assert "sentiment" in raised.value.problems[0].remedy
    assert link(raised.value.kept) == "/mentions?lang=fr&q=late"


def test_links_add_replace_and_take_away() -> None:
    query = of("/?topic=a&sentiment=neg&range=7d")
    assert query.with_pairs(("topic", "b")) == "/mentions?topic=a&topic=b&sentiment=neg&range=7d"
    assert query.with_pairs(("topic", "a")) == "/mentions?topic=a&sentiment=neg&range=7d"
    assert query.with_pairs(("range", "1h")) == "/mentions?topic=a&sentiment=neg&range=1h"
    assert (
        query.with_pairs(("since", "2026-01-01"))
        == "/mentions?topic=a&sentiment=neg&since=2026-01-01"
    )
    assert query.without("range", ("topic", "a")) == "/mentions?sentiment=neg"
    assert of("/?author=x").with_pairs(("author", "y")) == "/mentions?author=y"


def test_a_preset_moves_with_the_clock_but_not_between_pages() -> None:
    query = of("/?range=1h")
    assert query.at(NOW).since == NOW - timedelta(hours=1)
    assert query.at(NOW).until == NOW + AHEAD
    cursor = query.next_cursor("c", NOW)
    later = of(f"/?range=1h&cursor={cursor}")
    assert later.cursor == "c"
    assert later.at(NOW + timedelta(days=1)) == query.at(NOW)
    assert query.next_cursor("", NOW) == ""


def test_a_zone_written_by_hand_loses_its_plus_and_is_read_all_the_same() -> None:
    assert moment("2026-03-31T14:00 02:00") == NOW


values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
pairs = st.tuples(st.sampled_from(["topic", "source", "q", "author"]), values)


@given(st.lists(pairs, max_size=8, unique_by=lambda pair: pair[0]))
def test_what_is_written_is_read_again(given_pairs: list[tuple[str, str]]) -> None:
    query = read(given_pairs)
    assert of(link(query.pairs)) == query


@given(st.lists(st.tuples(st.sampled_from([p.name for p in PARAMETERS]) | st.text(), st.text())))
def test_anything_is_read_or_refused(given_pairs: list[tuple[str, str]]) -> None:
    refused: BadFilter | None = None
    try:
        assert isinstance(read(given_pairs), Query)
    except BadFilter as error:
        refused = error
    assert refused is None or refused.problems
