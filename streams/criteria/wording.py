"""What is odd about a query as it is written: letters, signs, operators that are words."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from unicodedata import name as name_of_character

from streams.criteria.describe import describe, shortened
from streams.criteria.fields import ALL_FIELDS
from streams.criteria.lexer import Lexeme, unescape
from streams.criteria.parser import parse
from streams.criteria.syntax import Node, Phrase, Word
from streams.criteria.terms import folded_words
from streams.criteria.topics import Topic
from streams.errors import QueryError

_LATIN: Final = re.compile("[A-Za-z\u00c0-\u024f]")
_OTHER: Final = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_LATIN_LOOKS: Final = "acehijopsxyABCEHIJKMOPSTXY"
_CYRILLIC_LOOKS: Final = "асеһіјорѕхуАВСЕНІЈКМОРЅТХУ"
_LOOKS_LATIN: Final = str.maketrans(_CYRILLIC_LOOKS, _LATIN_LOOKS)
_LOOKS_CYRILLIC: Final = str.maketrans(_LATIN_LOOKS, _CYRILLIC_LOOKS)
_SEEMS_LATIN: Final = re.compile(f"[{_CYRILLIC_LOOKS}]{{2,}}")
_SEEMS_CYRILLIC: Final = re.compile(f"[{_LATIN_LOOKS}]{{2,}}")
_UNSEEN: Final = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_STAR: Final = re.compile(r"\w[*?]|[*?]\w")
_SIGNS: Final = re.compile(r"[+&@$%€£]")
_SPOKEN: Final = {
    **dict.fromkeys(("and", "et", "и"), "AND"),
    **dict.fromkeys(("or", "ou", "или"), "OR"),
    **dict.fromkeys(("not", "sauf", "не"), "NOT"),
    "near": "NEAR/5",
}
_NEARLY: Final = re.compile(r"(O?NEAR)[/:~]?(\d{1,3})", re.IGNORECASE)
_OPERANDS: Final = frozenset({"word", "phrase", "exact"})
_ELIDED: Final = re.compile(r"(?:[ldjmtsnc]|qu|jusqu|lorsqu|puisqu)['’](.+)", re.IGNORECASE)
_JOINED: Final = re.compile(r"\w+['’]\w+")
_FIELDS: Final = frozenset({*ALL_FIELDS, "url"})


class Weak(NamedTuple):
    """A weak spot at an offset of the query."""

    at: int
    code: str
    problem: str
    expected: str
    remedy: str


def weak_words(topic: Topic, lexemes: Sequence[Lexeme]) -> Iterator[Weak]:
    """Word by word, in the order of the query."""
    for number, lexeme in enumerate(lexemes):
        if lexeme.kind not in _OPERANDS:
            continue
        yield from _look_alikes(lexeme)
        yield from _unseen(lexeme)
        yield from _spoken(lexemes, number)
        if lexeme.kind == "word":
            yield from _field_apart(lexeme)
            yield from _apostrophe(topic, lexeme, lexemes)
        yield from _lost(lexeme)


def _look_alikes(lexeme: Lexeme) -> Iterator[Weak]:
    for word in re.finditer(r"\w+", lexeme.raw):
        latin, other = _LATIN.findall(word[0]), _OTHER.findall(word[0])
        if not latin or not other:
            continue
        few = set(latin if len(latin) < len(other) else other)
        named = [
            f"letter {at}, “{char}”, is {_script(char)}"
            for at, char in enumerate(word[0], 1)
            if char in few
        ]
        yield Weak(
            lexeme.start + word.start() + int(named[0].split()[1].rstrip(",")) - 1,
            "look-alike",
            f"{shortened(word[0])} mixes alphabets: {'; '.join(named[:5])}",
            "one alphabet a word: such letters look the same and match nothing",
            "type the word again in one alphabet; if it is really spelt so, keep it and add the "
            "other spelling with OR",
        )


def in_other_letters(lexemes: Sequence[Lexeme]) -> Iterator[Weak]:
    """A word of letters that all look like those of the other alphabet, in which the rest is."""
    written = [(lexeme, unescape(lexeme.raw).lstrip("#@=")) for lexeme in lexemes]
    words = [(lexeme, word) for lexeme, word in written if lexeme.kind in _OPERANDS]
    latin = {word.lower() for _, word in words if _LATIN.search(word)}
    other = {word.lower() for _, word in words if _OTHER.search(word)}
    for lexeme, word in words:
        meant = word.translate(_LOOKS_LATIN)
        if _SEEMS_LATIN.fullmatch(word) and latin and all(map(_SEEMS_LATIN.fullmatch, other)):
            yield from _disguised(lexeme, word, meant, "Cyrillic", latin)
        meant = word.translate(_LOOKS_CYRILLIC)
        if _SEEMS_CYRILLIC.fullmatch(word) and other and all(map(_SEEMS_CYRILLIC.fullmatch, latin)):
            yield from _disguised(lexeme, word, meant, "Latin", other)


def _disguised(
    lexeme: Lexeme, word: str, meant: str, script: str, rest: set[str]
) -> Iterator[Weak]:
    if meant.lower() in rest:  # both spellings are there
        return
    yield Weak(
        lexeme.start,
        "look-alike",
        f"{shortened(word)} is written in {script} letters that look like those of the other words",
        "one alphabet for what is to be found together",
        f"type it again: {shortened(meant)}; if it is really {script}, write ({word} OR {meant})",
    )


def _script(char: str) -> str:
    return name_of_character(char, "of no name").replace(" LETTER", "").capitalize()


def _unseen(lexeme: Lexeme) -> Iterator[Weak]:
    if found := _UNSEEN.search(lexeme.raw):
        yield Weak(
            lexeme.start + found.start(),
            "unseen",
            f"an invisible character (U+{ord(found[0]):04X}) stands in "
            + shortened(_UNSEEN.sub("�", lexeme.raw)),
            "letters that can be seen",
            "type the word again: the character came with a copied text",
        )


def _spoken(lexemes: Sequence[Lexeme], number: int) -> Iterator[Weak]:
    """A small `or` between two clauses; at the ends of a query it may well be a word."""
    lexeme = lexemes[number]
    operator = _SPOKEN.get(lexeme.raw.lower()) or _near_apart(lexeme.raw)
    between = 0 < number < len(lexemes) - 1 and lexemes[number + 1].kind != "end"
    if lexeme.kind == "word" and operator and between:
        yield Weak(
            lexeme.start,
            "spoken",
            f"“{lexeme.raw}” is searched for as a word here, for "
            + ("it is not in capitals" if lexeme.raw.islower() else f"the operator is {operator}"),
            "operators in capitals",
            f'write {operator}, or "{lexeme.raw}" in quotes if you mean the word',
        )


def _near_apart(raw: str) -> str:
    """The operator that `near/5`, `NEAR5` and the like were meant to be, or nothing."""
    meant = _NEARLY.fullmatch(raw)
    return f"{meant[1].upper()}/{meant[2]}" if meant else ""


def _field_apart(lexeme: Lexeme) -> Iterator[Weak]:
    name = lexeme.raw.rstrip(":").lower()
    if lexeme.raw.endswith(":") and name in _FIELDS:
        yield Weak(
            lexeme.start,
            "field",
            f"{lexeme.raw} with a gap after it is the word “{name}”, not the field",
            f"the value straight after the colon: {name}:value",
            "close the gap, or drop the colon to search for the word",
        )


def _apostrophe(topic: Topic, lexeme: Lexeme, lexemes: Sequence[Lexeme]) -> Iterator[Weak]:
    written = unescape(lexeme.raw)
    if topic_setting(topic, "elision") or not _JOINED.fullmatch(written):
        return
    elided = _ELIDED.fullmatch(written)
    other = elided[1] if elided else re.sub("['’]s?$|['’]", "", written)
    if {other.lower(), written.lower()} <= {unescape(one.raw).lower() for one in lexemes}:
        return
    forms = [other, f"l'{other}", f"d'{other}"] if elided else [written, other]
    if not elided and not written.lower().endswith(("'s", "’s")):
        forms.append('"' + re.sub("['’]", " ", written) + '"')
    yield Weak(
        lexeme.start,
        "apostrophe",
        f"an apostrophe joins: {written} is one word, and finds neither {other} nor other forms",
        "each form that people write",
        f"write ({' OR '.join(forms)})",
    )


def _lost(lexeme: Lexeme) -> Iterator[Weak]:
    written = unescape(lexeme.raw)
    if lexeme.kind == "exact" or lexeme.raw[:1] == "=":
        if _STAR.search(lexeme.raw):
            yield Weak(
                lexeme.start,
                "star",
                f"the * in {shortened(lexeme.raw)} counts for nothing: = takes the word as it is",
                "a whole word after =",
                "join the forms by OR, or drop the = and keep the *",
            )
    elif lexeme.kind == "phrase" and _STAR.search(lexeme.raw):
        yield Weak(
            lexeme.start,
            "star",
            f'the * in "{shortened(written)}" counts for nothing: a phrase has no prefixes',
            "whole words between quotes",
            "join the forms by OR, or take the word out of the quotes",
        )
    elif _SIGNS.search(written) and isinstance(_alone(lexeme), Word | Phrase):
        words = " ".join(folded_words(written))
        yield Weak(
            lexeme.start,
            "signs",
            f"signs do not count: {shortened(written)} is searched for as “{words}”",
            "letters, digits and emoji",
            "add a word that tells the wanted posts from the others",
        )


def _alone(lexeme: Lexeme) -> Node | None:
    quoted = f'"{lexeme.raw}"' if lexeme.kind == "phrase" else lexeme.raw
    try:
        return parse(quoted)
    except QueryError:
        return None


def topic_setting(topic: Topic, name: str) -> bool:
    """A switch of the topic that need not exist yet."""
    return bool(getattr(topic, name, False))


def mixed(topic: Topic, lexemes: Sequence[Lexeme], tree: Node) -> Iterator[Weak]:
    """AND and OR side by side in one pair of brackets: right, but seldom what was meant."""
    for number, operator in _operators(lexemes, topic.operator):
        lexeme = lexemes[number]
        yield Weak(
            lexeme.start,
            "mixed",
            f"{operator} stands beside {'OR' if operator == 'AND' else 'AND'} without brackets; "
            f"it is read as {describe(tree, 240)}",
            "brackets that show which belongs together, for AND binds tighter than OR",
            "put brackets round the alternatives: a AND (b OR c)",
        )
        return


def _operators(lexemes: Sequence[Lexeme], default: str) -> Iterator[tuple[int, str]]:
    """Where in a pair of brackets an operator meets the first one of the other kind."""
    levels: list[set[str]] = [set()]
    ended = False  # whether an operand ends just before
    for number, lexeme in enumerate(lexemes):
        operator = {"and": "AND", "or": "OR"}.get(lexeme.kind)
        begins = lexeme.kind in _OPERANDS or lexeme.kind in {"(", "field", "not", "plus"}
        if begins and ended and not (default == "OR" and lexeme.kind in {"not", "plus"}):
            operator = default
        if operator:
            levels[-1].add(operator)
            if len(levels[-1]) == 2:
                yield number, operator
        if lexeme.kind == "(":
            levels.append(set())
        elif lexeme.kind == ")" and len(levels) > 1:
            levels.pop()
        ended = lexeme.kind in _OPERANDS or lexeme.kind in {")", "slop"}
