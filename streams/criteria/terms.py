"""The leaves of a query: what a written word or phrase stands for."""

import re
from typing import Final

from streams.criteria import tokens
from streams.criteria.complaint import query_error
from streams.criteria.folding import fold
from streams.criteria.lexer import Lexeme, unescape
from streams.criteria.syntax import Hashtag, Leaf, Phrase, Prefix, Word
from streams.errors import QueryError

MIN_PREFIX: Final = 2
MAX_PREFIX: Final = 64

_TAG: Final = re.compile(r"[#\uff03](.+)", re.DOTALL)
_WILDCARD: Final = re.compile(r"(?<!\\)[*?]")
_LATER: Final = [
    (re.compile(r"O?NEAR(?:/\d*)?$"), "proximity (NEAR)", 'a "phrase", or AND'),
    (re.compile(r"~\d*$"), "a distance (~)", 'the words alone, or an exact "phrase"'),
    (re.compile(r".*[^\\]~\d*$", re.DOTALL), "fuzziness (~)", "the spellings joined by OR"),
    (re.compile(r".*[^\\]\^[\d.]+$", re.DOTALL), "a weight (^)", "the word without its weight"),
    (re.compile(r"/.+/$", re.DOTALL), "a regular expression", "the words it stands for, with OR"),
    (re.compile(r"=."), "an exact spelling (=)", "the word without the ="),
]
_FIELD: Final = re.compile(r"([A-Za-z_]+):(?=.)", re.DOTALL)


def word(query: str, lexeme: Lexeme) -> Leaf:
    """A bare word: one token, a prefix, a hashtag, or the phrase that its tokens make."""
    if tokens.is_plain(lexeme.raw):
        return Word(fold(lexeme.raw))
    _refuse_later(query, lexeme)
    if tag := _TAG.fullmatch(lexeme.raw):
        return _hashtag(query, lexeme, unescape(tag[1]))
    wildcard = _WILDCARD.search(lexeme.raw)
    if wildcard is None:
        return _exact(query, lexeme)
    if wildcard.end() == len(lexeme.raw) and wildcard[0] == "*":
        return _prefix(query, lexeme)
    raise query_error(
        query,
        lexeme.start + wildcard.start(),
        f"a {wildcard[0]} inside or before a word",
        expected="a * at the end of a word only",
        remedy=f"write the forms with OR, or \\{wildcard[0]} for the character itself",
    )


def phrase(query: str, lexeme: Lexeme) -> Leaf:
    """What stands between quotes: a phrase, or a word when it is only one."""
    return _exact(query, lexeme)


def _exact(query: str, lexeme: Lexeme) -> Leaf:
    terms = folded_words(unescape(lexeme.raw))
    if not terms:
        raise query_error(
            query,
            lexeme.start,
            "there is no word in this" if lexeme.raw else "an empty phrase",
            expected="at least one letter, digit or emoji",
            remedy="delete it: punctuation is not searched for",
        )
    return Word(terms[0]) if len(terms) == 1 else Phrase(tuple(terms))


def folded_words(text: str) -> list[str]:
    """The folded words of a text, in order."""
    return [fold(text[start:end]) for start, end in tokens.spans(text)]


def _prefix(query: str, lexeme: Lexeme) -> Leaf:
    literal = unescape(lexeme.raw[:-1])
    if tokens.is_spaceless(literal):
        return _exact(query, lexeme)  # each character is a word there: any text may follow
    start = fold(literal)
    if not MIN_PREFIX <= len(start) <= MAX_PREFIX:
        raise query_error(
            query,
            lexeme.start,
            f"{lexeme.raw[:MAX_PREFIX]} would match "
            + ("too much" if len(start) < MIN_PREFIX else "next to nothing"),
            expected=f"{MIN_PREFIX} to {MAX_PREFIX} letters before the *",
            remedy="write more letters" if len(start) < MIN_PREFIX else "write fewer letters",
        )
    if [start] != folded_words(literal):
        raise query_error(
            query,
            lexeme.start,
            f"{lexeme.raw} is not the beginning of one word",
            expected="letters and digits before the *",
            remedy="write the words apart, the last one with its *",
        )
    return Prefix(start)


def _hashtag(query: str, lexeme: Lexeme, tag: str) -> Leaf:
    found = next(tokens.hashtags(f"#{tag}"), None)
    if found and found[0] == tag:
        return Hashtag(fold(tag))
    raise query_error(
        query,
        lexeme.start,
        f"{lexeme.raw} is not a hashtag",
        expected="letters, digits and _ straight after the #",
        remedy='write the hashtag up to its end, or the text as a "phrase"',
    )


def _refuse_later(query: str, lexeme: Lexeme) -> None:
    for pattern, name, instead in _LATER:
        if pattern.match(lexeme.raw):
            raise _unknown(query, lexeme, f"{name} is not part of the language yet", instead)
    if field := _FIELD.match(lexeme.raw):
        problem = f"{field[0]} names a field, and fields are not part of the language yet"
        raise _unknown(query, lexeme, problem, f'"{lexeme.raw}" in quotes to search for that text')


def _unknown(query: str, lexeme: Lexeme, problem: str, instead: str) -> QueryError:
    return query_error(
        query,
        lexeme.start,
        problem,
        expected='words, "phrases", #tags, prefix*, AND, OR, NOT and brackets',
        remedy=f"write {instead}",
    )
