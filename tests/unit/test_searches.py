"""Searches packed into requests: within limits, each once, wider but never narrower."""

import re

import pytest

from connectors.base import Context, Spec
from connectors.errors import BadSettings
from connectors.options import QUERIES, Options, searched
from connectors.searches import Packed, Search, fair, pack, single, spaced_or, turn


def search(*words: str, topic: str = "t", langs: tuple[str, ...] = ()) -> Search:
    return Search(words, (topic,), langs)


MANY = [search(f"word{n}", "two words", topic=f"t{n % 7}") for n in range(100)]


@pytest.mark.parametrize("most", [30, 64, 500, 100_000])
def test_each_search_is_in_one_request_that_is_not_too_long(most: int) -> None:
    packed = pack(MANY, spaced_or, most)
    assert sorted(one.words for each in packed for one in each.searches) == sorted(
        one.words for one in MANY
    )
    for each in packed:
        assert len(each.query) <= most
        assert each.query == spaced_or(each.searches)
        assert each.topics == tuple(sorted({t for one in each.searches for t in one.topics}))


def test_requests_are_few_and_always_the_same() -> None:
    packed = pack(MANY, spaced_or, 500)
    assert len(packed) <= len(spaced_or(MANY) or "") / 500 * 1.2 + 1
    assert packed == pack(MANY, spaced_or, 500)


def test_the_number_of_words_can_be_bounded() -> None:
    packed = pack(MANY, spaced_or, 10_000, most_terms=7)
    assert {len(each.searches) for each in packed} == {3, 1}
    notes: list[str] = []
    (one,) = pack([search("aaa", "b", "cc")], spaced_or, 99, most_terms=2, on_note=notes.append)
    assert one.query == "aaa cc"
    assert len(notes) == 1


def test_the_same_words_are_asked_for_once() -> None:
    one = search("Apple", "pie", topic="a", langs=("fr",))
    two = search("pie", "apple", topic="b", langs=("de",))
    (packed,) = pack([one, two], spaced_or, 99)
    assert packed.searches == (Search(("Apple", "pie"), ("a", "b"), ("de", "fr")),)
    (packed,) = pack([one, two, search("apple", "pie", topic="c")], spaced_or, 99)
    assert packed.searches[0].langs == ()


def test_what_is_too_long_is_searched_for_with_fewer_words_and_says_so() -> None:
    notes: list[str] = []
    packed = pack(
        [search("to", "extraordinary", "apple", topic="acme")], spaced_or, 20, on_note=notes.append
    )
    assert [one.query for one in packed] == ["apple extraordinary"] or [
        one.query for one in packed
    ] == ["extraordinary apple"]
    assert re.fullmatch("topic acme: .* is too long here: .* is searched for", notes[0])


def test_a_phrase_that_is_too_long_is_cut_between_words() -> None:
    (one,) = pack([search("a phrase of many words")], spaced_or, 15)
    assert one.query == '"a phrase of"'


def test_a_word_that_is_too_long_is_left_out_alone_and_says_so() -> None:
    notes: list[str] = []
    packed = pack(
        [search("a" * 30, topic="long"), search("b", topic="b")],
        spaced_or,
        20,
        on_note=notes.append,
    )
    assert [one.topics for one in packed] == [("b",)]
    assert "topic long" in notes[0]
    assert "Remedy" in notes[0]


def test_searches_are_written_with_quotes_and_brackets() -> None:
    written = spaced_or([search("a b"), search("c", "d"), search("e")])
    assert written == '"a b" OR (c d) OR e'
    assert spaced_or([search("c", "d e")]) == 'c "d e"'


HOSTILE = [
    'x" OR "y',
    "x\\",
    "OR",
    "not",
    "-site",
    "site:evil.example",
    "(x",
    "x)",
    "x*",
    "*",
    "a AND b",
    "“x” | y",
    "x\ny\x00z",
    "+x",
    "a && b",
    "/x/",
    "x^9",
    "[1 TO 2]",
    '"',
]


@pytest.mark.parametrize("word", HOSTILE)
def test_no_word_acts_as_an_operator(word: str) -> None:
    written = spaced_or([search(word, "z"), search("y")])
    if written is None:
        assert not re.search(r"\w", word)
        return
    quoted = re.sub(r'"[^"]*"', "Q", written)
    assert quoted in ({"(Q z) OR y", "(x z) OR y"} if word != '"' else {"z OR y"})
    assert "\\" not in written
    assert written.isprintable()


@pytest.mark.parametrize("word", HOSTILE)
def test_no_sign_acts_where_words_stand_alone(word: str) -> None:
    written = single([search(word, "z")]) or ""
    assert not re.search(r"[\"“”\\:()*|^\[\]/\n\x00]|(?<!\S)[-+]|&&|[A-Z]", written)
    assert written.split()[-1] == "z"


def test_one_search_a_request() -> None:
    packed = pack([search("red apple", "pie"), search("c++")], single, 99)
    assert [one.query for one in packed] == ["red apple pie", "c++"]


def test_a_search_for_nothing_is_refused() -> None:
    for words in ((), ("",), ("a", " ")):
        with pytest.raises(ValueError, match="everything"):
            Search(words, ("t",))


GREEDY = [Packed(f"a{n}", ("a",)) for n in range(9)] + [
    Packed("b0", ("b",)),
    Packed("ab", ("a", "b")),
    Packed("c0", ("c",)),
]


def test_a_topic_with_many_requests_holds_none_back() -> None:
    order = fair(GREEDY)
    assert sorted(one.query for one in order) == sorted(one.query for one in GREEDY)
    assert [one.query for one in order[:5]] == ["a0", "b0", "c0", "a1", "ab"]


def test_turns_go_round_from_where_they_ended() -> None:
    asked, last = [], ""
    for _ in range(4):  # three requests a pass
        for one in turn(GREEDY, last)[:3]:
            asked.append(one.query)
            last = one.query
    assert asked == [one.query for one in fair(GREEDY)]
    assert turn(GREEDY, "gone") == fair(GREEDY)
    assert turn(GREEDY, last) == fair(GREEDY)
    assert turn([], "x") == []


SPEC = Spec(name="x", door="d", sees="s", needs="n", limits="l", options=(QUERIES,))


def test_queries_that_are_named_go_before_those_of_topics() -> None:
    context = Context(searches=lambda: MANY)
    named = searched(Options(SPEC, {"queries": "lang:fr x, y"}), context, spaced_or, 5)
    assert named == [Packed("lang:fr x"), Packed("y")]
    assert searched(Options(SPEC, {}), context, spaced_or, 500) == pack(MANY, spaced_or, 500)


def test_topics_are_asked_each_time() -> None:
    now = [search("a")]
    context = Context(searches=lambda: now)
    options = Options(SPEC, {})
    assert [one.query for one in searched(options, context, spaced_or, 99)] == ["a"]
    now.append(search("b"))
    assert [one.query for one in searched(options, context, spaced_or, 99)] == ["a OR b"]


@pytest.mark.parametrize("context", [Context(), Context(searches=lambda: [search("a" * 99)])])
def test_nothing_to_search_for_is_a_setting_to_mend(context: Context) -> None:
    with pytest.raises(BadSettings, match=r"x: .* Remedy: name queries, or add a topic"):
        searched(Options(SPEC, {}), context, spaced_or, 9)
