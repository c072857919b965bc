"""What labels teach, with plain values: precision, agreement, and the words that part posts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams.criteria.parser import parse
from streams.learning.agreement import agreements, compared, disagreements, kappa, reading
from streams.learning.intervals import needed, share
from streams.learning.judgements import Judgement, read
from streams.learning.precision import judged, precision, relevance
from streams.learning.words import Judged, changed, parting, terms, written
from streams.records import Label
from streams.store.journal import Entry
from tests.support.mentions import mention

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def label(**said: Any) -> Label:
    return Label(mention_id="m", labeled_at=T0, **said)


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    found = share(81, 263)  # Newcombe, Statistics in Medicine 17 (1998), table I
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    nothing = share(0, 0)
    assert (nothing.low, nothing.high, nothing.value) == (0.0, 1.0, 0.0)


def test_a_sample_of_all_there_is_leaves_no_doubt() -> None:
    whole = share(3, 4, population=4)
    assert whole.low == whole.high == whole.value == 0.75
    assert share(30, 40, population=50).half_width < share(30, 40).half_width


def test_sixty_labels_are_asked_for_to_know_it_within_ten_points() -> None:
    assert precision([], 100_000).more == 60
    assert share(48, 60).half_width <= 0.10
    assert needed(0.5, 0.1) == 93


def test_what_is_seen_tells_how_many_more() -> None:
    doubtful = precision([True, False] * 20, 100_000)
    assert 40 + doubtful.more > 60
    assert precision([True] * 48 + [False] * 12, 100_000).more == 0
    assert precision([True] * 3, 5).more <= 2


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (None, None),
        (label(), None),
        (label(note="hm", tags=["a"], assigned="ada"), None),
        (label(relevant=True), True),
        (label(relevant=False, sentiment="neg", done=True), False),
        (label(spam=True, relevant=True), False),
        (label(sentiment="pos"), True),
        (label(done=True), True),
    ],
)
def test_what_a_label_says_of_relevance(said: Label | None, wanted: bool | None) -> None:
    assert relevance(said) is wanted


def test_only_the_beginning_of_a_sample_counts() -> None:
    said = [label(relevant=True), label(relevant=False), None, label(relevant=False)]
    assert judged(mention(n, label=one) for n, one in enumerate(said)) == [True, False]


def test_kappa_is_that_of_the_textbook() -> None:
    # Fleiss, Statistical Methods for Rates and Proportions (1981), table 13.1.
    table = {
        ("p", "p"): 75, ("p", "n"): 1, ("p", "o"): 4,
        ("n", "p"): 5, ("n", "n"): 4, ("n", "o"): 1,
        ("o", "o"): 10,
    }  # fmt: skip
    found = kappa([pair for pair, n in table.items() for _ in range(n)])
    assert found is not None
    assert round(found.value, 3) == 0.676
    assert round((found.high - found.low) / 2 / 1.96, 3) == 0.088
    assert found.reading == "substantial"


def test_kappa_is_not_defined_where_chance_explains_all() -> None:
    assert kappa([]) is None
    assert kappa([(True, True)] * 9) is None


def test_few_who_agree_in_all_are_not_taken_for_sure() -> None:
    found = kappa([(True, True), (False, False)] * 3)
    assert found is not None
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 0.5


def test_readings() -> None:
    assert [reading(value) for value in (-0.1, 0.1, 0.3, 0.5, 0.7, 1.0)] == [
        "worse than chance", "slight", "fair", "moderate", "substantial", "almost perfect",
    ]  # fmt: skip


def entry(n: int, by: str, action: str, before: Any, after: Any, *, subject: str = "m") -> Entry:
    at = T0 + timedelta(minutes=n)
    if after is not None and action != "opinion.set":
        after = {"labeled_at": at.isoformat(), **after}
    return Entry(
        id=f"e{n}", at=at, by=by, action=action, subject=subject, before=before, after=after
    )


def test_judgements_are_what_a_person_said_not_what_they_left() -> None:
    first = {"sentiment": "neg", "relevant": True, "tone": "neg"}
    second = {"relevant": True, "sentiment": "neu"}
    found = read(
        [
            entry(1, "ada", "label.set", None, first),
            entry(2, "bob", "label.set", first, {**first, "tags": ["x"]}),
            entry(3, "bob", "label.set", first, {**first, "relevant": False}),
            entry(4, "eve", "label.set", None, {"done": True, "tone": "pos"}, subject="n"),
            entry(5, "bob", "opinion.set", None, second, subject="n"),
        ]
    )
    assert [(one.by, one.relevant, one.sentiment, one.blind) for one in found] == [
        ("ada", True, "neg", False),
        ("bob", False, None, False),
        ("eve", True, "pos", False),
        ("bob", True, "neu", True),
    ]


def test_what_was_undone_is_no_judgement() -> None:
    made = entry(1, "ada", "label.set", None, {"relevant": False})
    back = entry(2, "ada", "label.undo", made.after, {})
    assert read([made, back]) == []


def said(by: str, n: int, tone: Any = None, *, blind: bool = False, **more: Any) -> Judgement:
    return Judgement(
        by=by, at=T0 + timedelta(minutes=n), mention_id=more.pop("of", "m"), sentiment=tone,
        blind=blind, **more,
    )  # fmt: skip


def test_only_a_blind_word_is_a_second_opinion() -> None:
    seeing = [said("ada", 1, "neg"), said("bob", 2, "pos")]
    assert compared(seeing) == []
    blind = [said("ada", 1, "neg"), said("bob", 2, "pos", blind=True)]
    (pair,) = compared(blind)
    assert (pair.first.by, pair.second.by, pair.settled) == ("ada", "bob", None)


def test_a_decision_afterwards_settles_and_changes_no_figure() -> None:
    talk = [said("ada", 1, "neg"), said("bob", 2, "pos", blind=True)]
    (open_one,) = disagreements(compared(talk))
    assert open_one.mention_id == "m"
    decided = [*talk, said("ada", 3, "pos")]
    assert disagreements(compared(decided)) == []
    assert agreements(compared(decided)) == agreements(compared(talk))


def test_two_people_over_a_topic() -> None:
    talk = []
    for n in range(10):
        talk.append(said("ada", 2 * n, "neg" if n % 2 else "pos", of=f"m{n}", relevant=True))
        tone = "neu" if n == 4 else "neg" if n % 2 else "pos"
        talk.append(said("bob", 2 * n + 1, tone, of=f"m{n}", relevant=True, blind=True))
    (found,) = agreements(compared(talk))
    assert found.people == ("ada", "bob")
    assert (found.mentions, found.same_relevance, found.same_sentiment) == (10, 10, 9)
    assert found.relevance is None
    assert found.sentiment is not None
    assert 0.7 < found.sentiment.value < 0.9


def post(n: int, text: str, *, relevant: bool) -> Judged:
    return Judged(f"p{n}", text, relevant)


def airline_posts() -> list[Judged]:
    meant = [post(n, f"@Kestrel my flight {n} is late again", relevant=True) for n in range(30)]
    birds = [
        post(99 + n, f"a kestrel, falcon number {n}, nests", relevant=False) for n in range(12)
    ]
    return [*meant, *birds]


def test_the_words_that_part_and_what_they_would_change() -> None:
    found = parting(airline_posts())
    assert [word.text for word in found.towards] == ["late"]  # "flight" stands in the same posts
    assert found.against[0].irrelevant == 12
    assert [word.text for word in found.against] == ["nests"]
    assert found.against[0].posts == ["p99", "p100", "p101"]
    by_query = {one.query: one for one in found.suggestions}
    without = by_query["NOT nests"]
    assert (without.precision.value, without.recall.value) == (1.0, 1.0)
    assert round(found.precision.value, 2) == 0.71


def test_no_suggestion_costs_what_is_meant() -> None:
    mixed = [post(n, "kestrel falcon", relevant=n % 2 == 0) for n in range(40)]
    assert parting(mixed).suggestions == []
    assert parting([]).towards == []
    assert parting([post(n, "kestrel", relevant=True) for n in range(9)]).against == []


def test_terms_are_cut_as_queries_are() -> None:
    found = terms("The #Délai of 1200 flights: http://t.co/xyz Ёлка «not»")
    assert {"delai", "flights", "елка"} <= found
    assert not {"the", "1200", "t.co", "xyz", "http"} & found


def test_terms_are_written_so_that_they_parse() -> None:
    assert written("falcon") == "falcon"
    assert written("near") == '"near"'
    assert written("late flight") == '"late flight"'
    assert written("l'avion") == '"l\'avion"'


def test_a_changed_query_is_the_old_one_and_more() -> None:
    found = parting(airline_posts()).suggestions
    queries = {changed(" kestrel\n", one) for one in found}
    assert {"(kestrel) AND NOT nests", "(kestrel) AND late"} <= queries
    for query in queries:
        assert parse(query, default="OR") == parse(query)
