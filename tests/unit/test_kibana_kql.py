"""Kibana's query language: what is read, what Kibana makes of it, what is refused."""

import pytest

from streams.kibana import kql
from streams.kibana.kql import And, Is, KqlError, Not, Or, Range

TYPES = {"tone": "keyword", "post.text": "text", "seen_at": "date", "lag": "long"}


def asked(text: str) -> kql.Query:
    return kql.query(kql.parse(text), TYPES.__getitem__)


def test_not_binds_closest_then_and_then_or() -> None:
    assert kql.parse('not a : 1 and b : "x y" or c >= 2') == Or(
        (And((Not(Is("a", "1", False)), Is("b", "x y", True))), Range("c", ">=", "2"))
    )
    assert kql.parse("not (a : 1 or b : 2)") == Not(Or((Is("a", "1", False), Is("b", "2", False))))


def test_values_in_parentheses_are_of_one_field() -> None:
    assert kql.parse('tone : ("neg" or not "pos")') == Or(
        (Is("tone", "neg", True), Not(Is("tone", "pos", True)))
    )


def test_words_without_quotes_go_on_and_escapes_are_undone() -> None:
    assert kql.parse(r"a : two words AND b : x\:y") == And(
        (Is("a", "two words", False), Is("b", "x:y", False))
    )
    assert kql.parse(r'"a" : "say \"no\""') == Is("a", 'say "no"', True)


def test_every_field_is_told() -> None:
    tree = kql.parse('not a.b : * and (c > 1 or "d" : ("x" or y))')
    assert list(kql.fields(tree)) == ["a.b", "c", "d", "d"]
    assert list(kql.fields(kql.parse(" "))) == []


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ('tone : "neg"', {"match_phrase": {"tone": "neg"}}),
        ("lag : 3", {"match": {"lag": "3"}}),
        ("lag > 3", {"range": {"lag": {"gt": "3"}}}),
        ("seen_at : 2026", {"range": {"seen_at": {"gte": "2026", "lte": "2026"}}}),
        ("tone : *", {"exists": {"field": "tone"}}),
        ("tone : n*", {"wildcard": {"tone": {"value": "n*"}}}),
        ("post.text : br-*", {"query_string": {"fields": ["post.text"], "query": r"br\-*"}}),
    ],
)  # fmt: skip
def test_what_kibana_asks(text: str, clause: kql.Query) -> None:
    assert asked(text) == {"bool": {"should": [clause], "minimum_should_match": 1}}


def test_what_kibana_asks_of_several() -> None:
    a, b = asked("tone : a"), asked("tone : b")
    assert asked("tone : a and not tone : b") == {
        "bool": {"filter": [a, {"bool": {"must_not": b}}]}
    }
    assert asked("tone : (a or b)") == {"bool": {"should": [a, b], "minimum_should_match": 1}}
    assert asked("") == {"match_all": {}}


@pytest.mark.parametrize(
    ("text", "column", "wanted"),
    [
        ("tone", 5, "':' or a comparison"),
        ("tone : ", 8, "a value"),
        ("tone : and", 8, "a value"),
        ('(tone : "a"', 12, "a closing parenthesis"),
        ('tone : "a" b : c', 12, "'and', 'or' or the end"),
        ('tone : "open', 8, "a value"),
        ("a : { b : c }", 5, "a value"),
        ("tone : (a or )", 14, "a value"),
    ],
)
def test_what_is_no_query_is_told_with_its_column(text: str, column: int, wanted: str) -> None:
    with pytest.raises(KqlError, match=rf"column {column}: expected {wanted.replace('(', '.')}"):
        kql.parse(text)
