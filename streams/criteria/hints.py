"""What in a post comes close to a clause that it does not meet: for who says "but it is there"."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from connectors.post import Post
from streams.criteria import links
from streams.criteria.describe import children
from streams.criteria.facts import EQUALS, MEASURES
from streams.criteria.syntax import (
    Equals,
    Fact,
    Flag,
    Hashtag,
    Node,
    Phrase,
    Prefix,
    Range,
    Site,
    Word,
)
from streams.criteria.terms import folded_words
from streams.records import Span

_MOST_WORDS: Final = 2_000
_MOST_LEAVES: Final = 20
_ALIKE: Final = 0.75
_MOST_PLACES: Final = 100


def hint(node: Node, post: Post) -> str:
    """A clause such as `; “refunds” is: …`, or nothing. Bounded work for any query and post."""
    words = list(dict.fromkeys(folded_words(post.title) + folded_words(post.text)))[:_MOST_WORDS]
    for leaf in _leaves(node):
        if found := _near_miss(leaf, words):
            return f"; {found}"
    return ""


def apart(left: Sequence[Span], right: Sequence[Span], post: Post) -> str:
    """How many words stand between the nearest two places of the sides; at most 100 of each."""
    fields = {"title": post.title, "text": post.text}
    gaps = [
        (max(a.start, b.start) - min(a.end, b.end), min(a.end, b.end), a.field, a.start < b.start)
        for a in left[:_MOST_PLACES]
        for b in right[:_MOST_PLACES]
        if a.field == b.field and a.field in fields
    ]
    if not gaps:
        return ": they are in different fields" if left and right else ""
    size, start, field, in_order = min(gaps)
    words = len(folded_words(fields[field][start : start + max(0, size)]))
    turned = "" if in_order else ", the second side first"
    return f": {words} words stand between the nearest two{turned}"


def told(fact: Fact, post: Post, language: str) -> str:
    """What the post says instead of the fact that it does not meet."""
    match fact:
        case Range("created"):
            return f"the post is of {post.created_at:%Y-%m-%d %H:%M:%S} UTC"
        case Range(field):
            number = MEASURES[field](post)
            return f"the source tells no {field}" if number is None else f"it is {number:,.10g}"
        case Equals(field):
            value = EQUALS[field](post, language)
            return f"the post's is {value}" if value else f"the post tells no {field}"
        case Flag(name):
            return f"the post is not {name}" if name.startswith("is:") else "the post has none"
        case Site():
            hosts = list(dict.fromkeys(map(links.host_of, links.post_links(post))))
            return f"it links to {', '.join(hosts[:3])}" if hosts else "it links to nothing"


def _leaves(node: Node) -> list[Node]:
    found: list[Node] = []
    waiting = [node]
    while waiting and len(found) < _MOST_LEAVES:
        parts = children(one := waiting.pop(0))
        waiting += parts
        if not parts:
            found.append(one)
    return found


def _near_miss(leaf: Node, words: list[str]) -> str:
    match leaf:
        case Word(term):
            return "".join(list(_word(term, words))[:1])
        case Phrase(terms):
            return _phrase(terms, words)
        case Prefix(start):
            close = get_close_matches(start, [w[: len(start)] for w in words], 1, 0.8)
            whole = next((w for w in words if close and w.startswith(close[0])), "")
            return f"the nearest word is “{whole}”" if whole else ""
        case Hashtag(tag) if tag in words:
            return f"“{tag}” is there as a word, without its #: write {tag} to find both"
        case _:
            return ""


def _word(term: str, words: list[str]) -> Iterator[str]:
    if term in words:  # in the post, but not where the clause wants it
        return
    for word in words:
        if word.partition("'")[2] == term or word.partition("’")[2] == term:
            yield f"“{word}” is there: an apostrophe joins, write ({term} OR {word})"
    longer = [word for word in words if len(term) > 2 and word.startswith(term)]
    if longer:
        yield f"“{longer[0]}” is there: {term}* would find it"
    alike = get_close_matches(term, words, 1, _ALIKE)
    if alike:
        yield f"“{alike[0]}” is there: another form, or another spelling?"


def _phrase(terms: tuple[str, ...], words: list[str]) -> str:
    missing = [term for term in terms if term not in words]
    if not missing:
        return "all its words are there, but not one straight after the other"
    if len(missing) == len(terms):
        return ""
    close = "".join(list(_word(missing[0], words))[:1])
    return f"“{missing[0]}” is missing" + (f"; {close}" if close else "")
