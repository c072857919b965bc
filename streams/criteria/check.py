"""What is wrong or weak in a set of topics: `veille topics check` prints it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

import msgspec

from connectors.post import Post, utc_now
from streams.criteria import lexer
from streams.criteria.keys import COMMON_WORDS, covers, guessed_frequency
from streams.criteria.languages import primary
from streams.criteria.lexer import unescape
from streams.criteria.matcher import Match, Matcher, anchored
from streams.criteria.syntax import And, Node, Not, Or
from streams.criteria.terms import folded_words
from streams.criteria.topics import Topic
from streams.errors import QueryError

_SHOWN: Final = 60
_LATIN: Final = re.compile("[A-Za-z\u00c0-\u024f]")
_CYRILLIC: Final = re.compile("[\u0400-\u052f]")
_SIGNS: Final = re.compile(r"[+&@$%€£]")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_]\w+)?")


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing about one topic. An error keeps the topic from doing what it says."""

    topic: str
    severity: Literal["error", "warning"]
    message: str
    line: int | None = None


def check(topics: Sequence[Topic]) -> list[Finding]:
    """All findings, in the order of the topics. An empty list means that all is well."""
    return [finding for topic in topics for finding in _check(topic)]


def _check(topic: Topic) -> Iterator[Finding]:
    try:
        tree, _ = anchored(topic)
    except QueryError as error:
        yield _finding(topic, "error", str(error))
        return
    for problem in _broken_samples(topic):
        yield _finding(topic, "error", problem)
    for problem in (*_weak_words(topic), *_weak_tree(tree), *_weak_languages(topic)):
        yield _finding(topic, "warning", problem)


def _finding(topic: Topic, severity: Literal["error", "warning"], message: str) -> Finding:
    return Finding(topic.id, severity, message, topic.line or None)


def _broken_samples(topic: Topic) -> Iterator[str]:
    if not topic.matches and not topic.rejects:
        return
    matcher = Matcher()
    matcher.add(topic)
    for field, samples in (("matches", topic.matches), ("rejects", topic.rejects)):
        for sample in samples:
            try:
                post = _sample_post(sample)
            except msgspec.ValidationError as error:
                yield f"a sample of {field} is not a post: {error}"
                continue
            found = matcher.match(post, _sample_language(topic, post))
            if bool(found) != (field == "matches"):
                yield _sample_failed(post, found)


def _sample_post(sample: str | dict[str, Any]) -> Post:
    fields = {"text": sample} if isinstance(sample, str) else sample
    unknown = set(fields) - set(Post.__struct_fields__)
    if unknown:
        raise msgspec.ValidationError(f"a post has no field {min(map(str, unknown))!r}")
    basis = {"id": "sample:1", "source": "sample", "created_at": utc_now()}
    return msgspec.convert({**basis, "collected_at": utc_now(), **fields}, Post)


def _sample_language(topic: Topic, post: Post) -> str:
    """A sample that names no language is in the topic's own."""
    return post.lang or next(iter(topic.languages), "")


def _sample_failed(post: Post, found: list[Match]) -> str:
    shown = _shortened(post.text or post.title or " ".join(post.hashtags))
    if not found:
        return (
            f"the query does not match its sample «{shown}»\n"
            "  remedy: widen the query, or move the sample to rejects"
        )
    texts = {"title": post.title, "text": post.text}
    words = (
        texts[span.field][span.start : span.end]
        if span.field in texts
        else f"#{post.hashtags[span.start]}"
        for span in found[0].spans
    )
    return (
        f"the query matches «{shown}», which it must reject, by: {', '.join(words)}\n"
        "  remedy: exclude it with NOT, or move the sample to matches"
    )


def _weak_words(topic: Topic) -> Iterator[str]:
    for lexeme in lexer.lexemes(topic.query):
        if lexeme.kind not in {"word", "phrase"}:
            continue
        written = unescape(lexeme.raw)
        shown = _shortened(written)
        if any(_LATIN.search(word) and _CYRILLIC.search(word) for word in written.split()):
            yield f"{shown} mixes Latin and Cyrillic letters: type the word again in one alphabet"
        if lexeme.kind == "phrase" and re.search(r"\w\*", lexeme.raw):
            yield f'the * in "{shown}" counts for nothing: a phrase has no prefixes'
        elif _SIGNS.search(written):
            words = " ".join(folded_words(written))
            yield f"signs do not count: {shown} is searched for as “{words}”"


def _weak_tree(tree: Node) -> Iterator[str]:
    for node in _inner(tree):
        children = node.children
        if len(set(children)) < len(children):
            twice, _ = Counter(children).most_common(1)[0]
            yield f"{describe(twice)} stands twice side by side: delete one"
        denied = {child.child for child in children if isinstance(child, Not)}
        for child in children:
            if child in denied and isinstance(node, And):
                yield f"{describe(child)} is wanted and excluded at once: this part never matches"
    keys = covers(tree, guessed_frequency)[0].keys
    common = sorted(keys & COMMON_WORDS)
    if common:
        yield f"“{common[0]}” is in most posts: add a word that only the wanted ones carry"


def _inner(tree: Node) -> Iterator[And | Or]:
    match tree:
        case Not(child):
            yield from _inner(child)
        case And(children) | Or(children):
            yield tree
            for child in children:
                yield from _inner(child)


def _weak_languages(topic: Topic) -> Iterator[str]:
    for language in topic.languages:
        if not _LANGUAGE.fullmatch(language) or len(primary(language)) != 2:
            yield f"{language!r} is no language of two letters (en, fr, ru): no post will carry it"


def describe(node: Node) -> str:
    """A part of a query, as one would say it."""
    match node:
        case Not(child):
            return f"NOT {describe(child)}"
        case And(children) | Or(children):
            word = " AND " if isinstance(node, And) else " OR "
            return _shortened(f"({word.join(map(describe, children[:5]))})")
        case _:
            return _shortened(_leaf(*msgspec.structs.astuple(node), kind=type(node).__name__))


def _leaf(value: str | Iterable[str], *, kind: str) -> str:
    if not isinstance(value, str):
        return f'"{" ".join(value)}"'
    return {"Prefix": f"{value}*", "Hashtag": f"#{value}"}.get(kind, value)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
