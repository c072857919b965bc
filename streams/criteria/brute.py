"""The oracle: every topic tried on every word of the post, as the language is defined.

It shares the parser, the word boundaries and the folding with the fast way, and nothing else:
no index, no sets, no remembered words. `tests/property/test_criteria.py` holds both equal.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

from connectors.post import Post
from streams.criteria import tokens
from streams.criteria.folding import fold
from streams.criteria.languages import admits, primary
from streams.criteria.matcher import Match, anchored
from streams.criteria.syntax import And, Hashtag, Leaf, Node, Not, Or, Phrase, Prefix, Word
from streams.criteria.topics import Topic
from streams.errors import QueryError
from streams.records import Span

Places = list[tuple[int, int, int]]
_Field = list[tuple[str, int, int]]


def match_brute(topics: Sequence[Topic], post: Post, lang: str) -> list[Match]:
    """What `Matcher.match` must answer. Topics whose query is refused match nothing."""
    found = []
    fields = [_words(post.title), _words(post.text)]
    for topic in sorted(topics, key=lambda topic: topic.id):
        tree = _tree(topic.query, topic.operator)
        if tree is None:
            continue
        languages = frozenset(map(primary, topic.languages))
        if not admits(languages, primary(lang)):
            continue
        met, places = _evaluate(tree, post, fields)
        if met:
            found.append(Match(topic.id, _spans(places)))
    return found


@lru_cache(maxsize=200_000)
def _tree(query: str, operator: Literal["AND", "OR"]) -> Node | None:
    try:
        return anchored(Topic(id="any", query=query, operator=operator))[0]
    except QueryError:
        return None


def _words(text: str) -> _Field:
    return [(fold(text[start:end]), start, end) for start, end in tokens.spans(text)]


def _evaluate(node: Node, post: Post, fields: list[_Field]) -> tuple[bool, Places]:
    """Whether the post meets the node, and what in the post did."""
    match node:
        case Not(child):
            return not _evaluate(child, post, fields)[0], []
        case And(children) | Or(children):
            results = [_evaluate(child, post, fields) for child in children]
            met = all if isinstance(node, And) else any
            places = [place for ok, some in results if ok for place in some]
            return met(ok for ok, _ in results), places
        case _:
            places = _leaf(node, post, fields)
            return bool(places), places


def _leaf(leaf: Leaf, post: Post, fields: list[_Field]) -> Places:
    match leaf:
        case Word(term):
            return _where(fields, lambda word: word == term)
        case Prefix(begin):
            return _where(fields, lambda word: word.startswith(begin))
        case Hashtag(tag):
            return _hashtag(tag, post)
        case Phrase(terms):
            return _phrase(terms, fields)


def _where(fields: list[_Field], wanted: Callable[[str], bool]) -> Places:
    return [
        (number, start, end)
        for number, field in enumerate(fields)
        for word, start, end in field
        if wanted(word)
    ]


def _phrase(terms: tuple[str, ...], fields: list[_Field]) -> Places:
    return [
        (number, field[at][1], field[at + len(terms) - 1][2])
        for number, field in enumerate(fields)
        for at in range(len(field) - len(terms) + 1)
        if tuple(word for word, _, _ in field[at : at + len(terms)]) == terms
    ]


def _hashtag(tag: str, post: Post) -> Places:
    in_text = [
        (number, start, end)
        for number, text in enumerate((post.title, post.text))
        for found, start, end in tokens.hashtags(text)
        if fold(found) == tag
    ]
    listed = [
        (2, at, at + 1)
        for at, found in enumerate(post.hashtags)
        if fold(found.strip().lstrip("#\uff03")) == tag
    ]
    return in_text or listed


def _spans(places: Places) -> list[Span]:
    """Every covered character of a field, run by run."""
    spans: list[Span] = []
    for number, name in ((0, "title"), (1, "text")):
        stretches = [(start, end) for field, start, end in places if field == number]
        covered = sorted({at for start, end in stretches for at in range(start, end)})
        for at in covered:
            if spans and spans[-1].field == name and spans[-1].end == at:
                spans[-1] = Span(spans[-1].field, spans[-1].start, at + 1)
            else:
                spans.append(Span("title" if number == 0 else "text", at, at + 1))
    listed = sorted({start for field, start, _ in places if field == 2})
    return spans + [Span("hashtags", at, at + 1) for at in listed]
