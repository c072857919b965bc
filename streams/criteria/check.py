"""What is wrong or weak in a set of topics: `veille topics check` prints it.

An error keeps a topic from doing what it says, a warning is a weak spot that loses or floods
mentions, advice is what an experienced person would ask about. `docs/topics-check.md` lists them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Final, Literal

import msgspec

from connectors.post import Post, utc_now
from streams.criteria.clauses import flaws
from streams.criteria.complaint import query_error
from streams.criteria.cost import Sample
from streams.criteria.describe import children, describe, shortened
from streams.criteria.explain import explain, texts
from streams.criteria.forms import common_start, french_forms, missing_forms, russian_forms
from streams.criteria.keys import COMMON_WORDS, covers, guessed_frequency, term_of
from streams.criteria.languages import primary
from streams.criteria.matcher import anchored
from streams.criteria.subject import Subject, first_words
from streams.criteria.subject import subject as make_subject
from streams.criteria.syntax import (
    Equals,
    Hashtag,
    Node,
    Not,
    Pattern,
    Prefix,
    Word,
)
from streams.criteria.topics import Topic
from streams.criteria.wording import Weak, in_other_letters, mixed, topic_setting, weak_words
from streams.errors import QueryError

TOO_COMMON: Final = 0.05
"""The share of a sample above which a word is said to be in too many posts."""

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_]\w+)?")
_CYRILLIC: Final = re.compile("[\u0400-\u052f]+")
_ACCENTED: Final = re.compile("[àâçèéêëîïôùûœ]")
_CYRILLIC_LANGUAGES: Final = frozenset("ru uk be bg sr mk kk ky mn tg".split())  # noqa: SIM905 (as a text it can be read)
_HARMLESS: Final = frozenset({"subsumed", "idle", "apostrophe", "mixed"})
_MOST_OF_A_KIND: Final = 5
_MOST_FORMS: Final = 3
_ALIKE: Final = 0.75

Severity = Literal["error", "warning", "advice"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing about one topic. `message` is the whole text: place, query, caret, remedy."""

    topic: str
    severity: Severity
    message: str
    line: int | None = None
    code: str = ""


class Tried(msgspec.Struct, frozen=True):
    """A sample of `matches` or `rejects`, by its number from 1. `problem` is what is wrong with it,
    as the end of a sentence about it; empty where all is well."""

    field: str
    number: int
    sample: str
    problem: str = ""


def check(
    topics: Sequence[Topic], sample: Sample | None = None, *, advice: bool = False
) -> list[Finding]:
    """Errors and warnings in the order of the topics; an empty list means that all is well.

    With a sample of posts, words are counted in it instead of guessed about. `advice` adds what
    does no harm, but may be told better or find more.
    """
    names = {name for topic in topics for name in topic.queries}
    found = (finding for topic in topics for finding in _check(topic, sample, names))
    return [finding for finding in found if advice or finding.severity != "advice"]


def _check(topic: Topic, sample: Sample | None, names: set[str]) -> Iterator[Finding]:
    try:
        tree, _ = anchored(topic)
    except QueryError as error:
        yield Finding(topic.id, "error", str(error), topic.line or None, "query")
        return
    subject = make_subject(topic, tree, sample)
    for problem in _broken_samples(topic):
        yield Finding(topic.id, "error", problem, topic.line or None, "sample")
    for severity, one in _weak(subject):
        yield _finding(subject, severity, one)
    for one in _unnamed(subject, names):
        yield _finding(subject, "warning", one)


def _unnamed(subject: Subject, names: set[str]) -> Iterator[Weak]:
    """A handle that is nearly the name of a sub-query: surely a slip, and it finds nothing."""
    for lexeme in subject.lexemes if names else ():
        handle = lexeme.raw[1:]
        if lexeme.kind != "word" or lexeme.raw[:1] != "@" or handle in names:
            continue
        if near := get_close_matches(handle, names, 1, _ALIKE):
            yield Weak(
                lexeme.start,
                "handle",
                f"{lexeme.raw} is no sub-query, and is searched for as a handle",
                f"a name that stands under queries: {', '.join(sorted(names)[:5])}",
                f"write @{near[0]}, or mention:{handle} if you mean the handle",
            )


def _weak(subject: Subject) -> Iterator[tuple[Severity, Weak]]:
    warnings: list[Callable[[Subject], Iterator[Weak]]] = [
        _words, _mixed, _flaws, _common, _short, _languages, _wrong_script,
    ]  # fmt: skip
    for look in warnings:
        for one in _few(look(subject)):
            yield "advice" if one.code in _HARMLESS else "warning", one
    for look in (_forms, _only_tags):
        yield from (("advice", one) for one in look(subject))


def _few(found: Iterator[Weak]) -> Iterator[Weak]:
    """The first of each kind: a list of 10,000 words may have 10,000 flaws."""
    seen: dict[str, int] = {}
    for one in found:
        seen[one.code] = seen.get(one.code, 0) + 1
        if seen[one.code] <= _MOST_OF_A_KIND:
            yield one


def _finding(subject: Subject, severity: Severity, weak: Weak) -> Finding:
    error = query_error(
        subject.topic.query, weak.at, weak.problem, expected=weak.expected, remedy=weak.remedy
    )
    return Finding(subject.topic.id, severity, str(error), subject.topic.line or None, weak.code)


def _broken_samples(topic: Topic) -> Iterator[str]:
    for tried in tried_samples(topic):
        if tried.problem:
            yield f"{tried.field}, sample {tried.number}{tried.problem}"


def tried_samples(topic: Topic) -> Iterator[Tried]:
    """Each sample of a topic that parses, tried."""
    for field, samples in (("matches", topic.matches), ("rejects", topic.rejects)):
        for number, sample in enumerate(samples, 1):
            shown = sample if isinstance(sample, str) else msgspec.json.encode(sample).decode()
            try:
                post = _sample_post(sample)
            except (msgspec.ValidationError, ValueError) as error:
                yield Tried(field, number, shown, f" is not a post: {error}")
                continue
            problem = _sample_failed(topic, post, wanted=field == "matches")
            yield Tried(field, number, shown, problem and f": {problem}")


def _sample_post(sample: str | dict[str, Any]) -> Post:
    fields = {"text": sample} if isinstance(sample, str) else sample
    unknown = set(fields) - set(Post.__struct_fields__)
    if unknown:
        raise msgspec.ValidationError(f"a post has no field {min(map(str, unknown))!r}")
    basis = {"id": "sample:1", "source": "sample", "created_at": utc_now()}
    return msgspec.convert({**basis, "collected_at": utc_now(), **fields}, Post)


def _sample_failed(topic: Topic, post: Post, *, wanted: bool) -> str:
    """What went wrong with a sample, or nothing. One that names no language is in the topic's."""
    told = explain(topic, post, post.lang or next(iter(topic.languages), ""))
    if told.met == wanted:
        return ""
    shown = shortened(post.text or post.title or " ".join(post.hashtags))
    if not wanted:
        words = ", ".join(dict.fromkeys(texts(told.spans, post)))
        return (
            f"the query matches «{shown}», which it must reject, by: {words}\n"
            "  remedy: exclude it with NOT, or move the sample to matches"
        )
    reasons = "\n".join(
        f"  because {shortened(failure.query)}: {failure.reason}" for failure in told.failed
    )
    return (
        f"the query does not match its sample «{shown}»\n{reasons}\n"
        "  remedy: widen the query, or move the sample to rejects"
    )


def _words(subject: Subject) -> Iterator[Weak]:
    yield from weak_words(subject.topic, subject.lexemes)
    yield from in_other_letters(subject.lexemes)


def _mixed(subject: Subject) -> Iterator[Weak]:
    return mixed(subject.topic, subject.lexemes, subject.tree)


def _flaws(subject: Subject) -> Iterator[Weak]:
    for node, code, problem, expected, remedy in flaws(subject.tree):
        yield Weak(subject.at(node), code, problem, expected, remedy)


def _common(subject: Subject) -> Iterator[Weak]:
    """Words that have the topic tried on too many posts; with a sample, all that are common."""
    sample = subject.sample
    frequency = sample.frequency if sample else guessed_frequency
    keys = covers(subject.tree, frequency)[0].keys
    for node in _wanted(subject.tree):
        if not isinstance(node, Word | Prefix | Hashtag | Pattern):
            continue
        term, share = term_of(node), frequency(term_of(node))
        if sample and share > TOO_COMMON:
            where = f"in {share:.0%} of the sample's {len(sample.posts):,} posts"
        elif not sample and term in COMMON_WORDS and term in keys:
            where = "in most posts"
        else:
            continue
        yield Weak(
            subject.at(node),
            "common",
            f"“{describe(node)}” is {where}" + (", and nothing rarer" * (term in keys)),
            "a word that only the wanted posts carry",
            "join a rarer word to it by AND, or write the phrase it belongs to",
        )


def _short(subject: Subject) -> Iterator[Weak]:
    for node in _wanted(subject.tree):
        if isinstance(node, Prefix) and len(node.start) < 3 and not subject.sample:
            yield Weak(
                subject.at(node),
                "short",
                f"{describe(node)} finds every word that begins so: hundreds in any language",
                "three letters or more before the *",
                "write more letters, or the words themselves with OR",
            )


def _languages(subject: Subject) -> Iterator[Weak]:
    languages = {primary(language) for language in subject.topic.languages}
    for language in subject.topic.languages:
        if not _LANGUAGE.fullmatch(language) or len(primary(language)) != 2:
            yield Weak(
                0,
                "language",
                f"{language!r} is no language of two letters: no post will carry it",
                "codes of ISO 639-1",
                "write en, fr, ru …, or leave languages out for any",
            )
    for node in _wanted(subject.tree):
        if not isinstance(node, Equals) or node.field != "lang" or not languages:
            continue
        if primary(node.value) not in languages:
            yield Weak(
                subject.at(node),
                "never",
                f"{describe(node)} never holds: the topic's languages are "
                + ", ".join(sorted(languages)),
                "a language that the topic admits",
                f"add {node.value} to languages, or delete the clause",
            )


def _wrong_script(subject: Subject) -> Iterator[Weak]:
    languages = {primary(language) for language in subject.topic.languages}
    if not languages or languages & _CYRILLIC_LANGUAGES:
        return
    for node in _wanted(subject.tree):
        words = first_words(node)
        if words and _CYRILLIC.match(words[0]):
            yield Weak(
                subject.at(node),
                "script",
                f"{describe(node)} is in Cyrillic, but languages: {', '.join(languages)} keeps "
                "Russian posts out",
                "languages in which the words are written",
                "add ru to languages, or delete the word",
            )
            return


def _forms(subject: Subject) -> Iterator[Weak]:
    """Other forms of Russian and French words, a few words in one go."""
    if topic_setting(subject.topic, "stem"):
        return
    wanted = list(_wanted(subject.tree))
    starts = {node.start for node in wanted if isinstance(node, Prefix)}
    words = [_as_written(subject, node.term) for node in wanted if isinstance(node, Word)]
    known = [word for word in words if word]
    found = [*missing_forms(known, starts, _forms_of(subject.topic))][:_MOST_FORMS]
    if not found:
        return
    shown = "; ".join(f"{word} → {', '.join(forms)}" for word, forms in found)
    starting = " ".join(f"{common_start(word, forms)}*" for word, forms in found)
    first = next(node for node in wanted if _as_written(subject, _term(node)) == found[0][0])
    yield Weak(
        subject.at(first),
        "forms",
        f"only one form of a word that has others: {shown}",
        "the forms that people write",
        f"write {starting}, or the forms with OR, or set stem: true for the topic",
    )


def _forms_of(topic: Topic) -> Callable[[str], list[str]]:
    languages = {primary(language) for language in topic.languages}

    def forms(word: str) -> list[str]:
        if _CYRILLIC.fullmatch(word):
            return russian_forms(word) if not languages or "ru" in languages else []
        if "fr" in languages or (not languages and _ACCENTED.search(word)):
            return french_forms(word)
        return []

    return forms


def _term(node: Node) -> str:
    return node.term if isinstance(node, Word) else ""


def _as_written(subject: Subject, term: str) -> str:
    """The word in small letters with its accents; empty for ACRONYMS, which have no forms."""
    return subject.written.get(term, "")


def _only_tags(subject: Subject) -> Iterator[Weak]:
    wanted = [node for node in _wanted(subject.tree) if not isinstance(node, Equals)]
    tags = [node for node in wanted if type(node).__name__ in {"Hashtag", "Mention"}]
    if tags and len(tags) == len(wanted):
        shown = describe(tags[0])
        yield Weak(
            subject.at(tags[0]),
            "tags",
            f"{shown} finds only posts that carry the sign: most people write the name without it",
            "the name beside its tag or handle",
            f"write ({shown[1:]} OR {shown}): a word finds the tag in a text, too",
        )


def _wanted(tree: Node) -> Iterator[Node]:
    """The leaves that are looked for: those under NOT are not."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Not):
            continue
        parts = children(node)
        waiting += reversed(parts)
        if not parts:
            yield node
