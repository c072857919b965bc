"""What labels teach, for any values."""

from collections.abc import Hashable

from hypothesis import given
from hypothesis import strategies as st

from streams.criteria.parser import parse
from streams.learning.agreement import kappa
from streams.learning.intervals import needed, share, wilson
from streams.learning.precision import WANTED, precision
from streams.learning.words import Judged, parting, terms, written

_WORDS = (
    "kestrel",
    "falcon",
    "late flight",
    "NOT",
    "and",
    '"no"',
    "(so)",
    "Ёж",
    "ß",
    "#tag",
    "l'air",
)
texts = st.text(max_size=80) | st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 5_000))
def test_an_interval_holds_its_share_and_narrows(hits: int, more: int, population: int) -> None:
    of = hits + more
    found = share(hits, of, population=max(population, of))
    assert 0 <= found.low <= found.value <= found.high <= 1 or not of
    low, high = wilson(2 * hits, 2 * of)
    assert high - low <= share(hits, of).high - share(hits, of).low + 1e-12


@given(st.floats(0, 1), st.integers(1, 100_000))
def test_what_is_needed_is_enough_and_no_more(p: float, population: int) -> None:
    n = needed(p, WANTED, population)
    low, high = wilson(p * n, n, population)
    assert (high - low) / 2 <= WANTED + 1e-9
    if n > 1:
        low, high = wilson(p * (n - 1), n - 1, population)
        assert (high - low) / 2 > WANTED


@given(st.lists(st.booleans(), max_size=300), st.integers(0, 100_000))
def test_more_is_asked_for_until_it_is_known(said: list[bool], population: int) -> None:
    found = precision(said, population)
    assert found.more >= 0
    assert len(said) + found.more <= found.population
    assert (found.more == 0) == (found.relevant.half_width <= WANTED or len(said) >= population)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=60))
def test_kappa_stays_in_its_bounds_whoever_is_first(pairs: list[tuple[str, str]]) -> None:
    given_pairs: list[tuple[Hashable, Hashable]] = list(pairs)
    found, turned = kappa(given_pairs), kappa([(b, a) for a, b in given_pairs])
    if found is None or turned is None:
        assert found is None
        assert turned is None
        return
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert abs(found.value - turned.value) < 1e-9


@given(st.lists(st.tuples(texts, st.booleans()), max_size=40))
def test_suggestions_parse_and_tell_the_truth(posts: list[tuple[str, bool]]) -> None:
    judged = [Judged(str(n), text, relevant) for n, (text, relevant) in enumerate(posts)]
    for one in parting(judged).suggestions:
        joined = one.query if one.query.startswith("NOT") else one.query.removeprefix("AND ")
        parse(f"kestrel {joined}")
        assert 0.8 <= one.recall.value <= 1
        assert one.precision.hits == one.recall.hits


@given(texts)
def test_every_term_can_be_written(text: str) -> None:
    for term in terms(text):
        parse(f"kestrel NOT {written(term)}")
