"""What importers share: clauses of our language as text, and notes on what was lost."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from streams.criteria import tokens
from streams.criteria.complaint import query_error
from streams.criteria.describe import shortened
from streams.criteria.lexer import OPERATORS
from streams.criteria.parser import MAX_DEPTH, parse
from streams.criteria.syntax import Hashtag, Mention, Written
from streams.errors import QueryError

_PLAIN: Final = re.compile(r"[^\W_]+")
_SPOKEN: Final = re.compile(r"O?NEAR|SENTENCE|PARAGRAPH")
_PROBLEM: Final = re.compile(r"(?:line \d+, )?column \d+: ")


class Imported(msgspec.Struct, frozen=True, omit_defaults=True):
    """A query of ours, and a sentence for each thing that could not be carried over as it was."""

    query: str
    lost: list[str] = []


class Token(NamedTuple):
    """A piece of the foreign query: `kind` is the importer's, `at` the offset."""

    kind: str
    text: str
    at: int


class Notes:
    """The sentences, each once, in their order."""

    def __init__(self) -> None:
        self._said: dict[str, None] = {}

    def add(self, written: str, sentence: str) -> None:
        """Say something about a part of the query."""
        self._said[f"{shortened(written)}: {sentence}"] = None

    def all(self) -> list[str]:
        """Everything that was said."""
        return list(self._said)


def finished(query: str, clause: str | None, notes: Notes) -> Imported:
    """The result; raises `QueryError` if nothing of the query is left or it can't be read."""
    if clause is None:
        said = "; ".join(notes.all()) or "there is no word in it"
        raise query_error(
            query,
            0,
            f"nothing of this query can be carried over ({shortened(said, 300)})",
            expected="words or phrases",
            remedy="write the topic by hand",
        )
    parse(clause)
    bare = clause[1:-1] if clause.startswith("(") and _encloses(clause) else clause
    return Imported(bare, notes.all())


def _encloses(clause: str) -> bool:
    """Whether the first bracket is closed by the last."""
    depth, quoted = 0, False
    for at, char in enumerate(clause):
        quoted ^= char == '"'
        if not quoted:
            depth += (char == "(") - (char == ")")
            if depth == 0:
                return at == len(clause) - 1
    return False


def all_of(parts: Sequence[str | None]) -> str | None:
    """All of these; what was lost no longer narrows."""
    return _joined(" AND ", [part for part in parts if part])


def any_of(parts: Sequence[str | None]) -> str | None:
    """One of these; what was lost is no longer found."""
    return _joined(" OR ", [part for part in parts if part])


def none_of(part: str | None) -> str | None:
    """Not this."""
    return f"(NOT {part})" if part else None


def _joined(operator: str, parts: list[str]) -> str | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return f"({operator.join(parts)})"


def words(text: str) -> list[str]:
    """The words of a text, as our language would have each written."""
    return [_word(text[start:end]) for start, end in tokens.spans(text)]


def _word(word: str) -> str:
    operator = word in OPERATORS or _SPOKEN.fullmatch(word)
    return word if _PLAIN.fullmatch(word) and not operator else f'"{word}"'


def phrase(text: str) -> str | None:
    """The text as a phrase, or as a word if it is one; none if it has no word."""
    found = [text[start:end] for start, end in tokens.spans(text)]
    if len(found) < 2:
        return _word(found[0]) if found else None
    return f'"{" ".join(found)}"'


def taken(clause: str, written: str, notes: Notes, instead: str | None = None) -> str | None:
    """The clause if our language takes it; else `instead`, with a note that says why."""
    try:
        parse(clause)
    except QueryError as error:
        why = _PROBLEM.sub("", str(error).splitlines()[0])
        became = f"taken as {instead}" if instead else "left out"
        notes.add(written, f"{became} ({why})")
        return instead
    return clause


def deeper(depth: int, query: str, token: Token) -> int:
    """One level further down; raises `QueryError` beyond what our own language takes."""
    if depth >= MAX_DEPTH:
        raise query_error(
            query,
            token.at,
            f"brackets are nested more than {MAX_DEPTH} deep",
            expected="fewer brackets",
            remedy="take out those that are not needed",
        )
    return depth + 1


def nothing_here(query: str, token: Token) -> QueryError:
    """The complaint about an operator, a field or a bracket that nothing follows."""
    where = "the query ends" if token.kind == "end" else f"this {token.text} stands"
    return query_error(
        query,
        token.at,
        f"{where} where something to look for is missing",
        expected="a word, a phrase or a group",
        remedy="complete or delete what stands before it",
    )


def signs_dropped(text: str, found: str | None, notes: Notes) -> None:
    """A note if our language would look for signs that the other one passes over: C++, $TSLA."""
    if found and found.strip('"') != text and _keeps_signs(text):
        notes.add(text, f"its signs do not count there: read as {found}; write {text} for them")


def with_signs(text: str) -> str | None:
    """The word as it stands, if our language looks for its signs, its # or its @."""
    return text if _keeps_signs(text) else None


def _keeps_signs(text: str) -> bool:
    try:
        return isinstance(parse(text), Written | Hashtag | Mention)
    except QueryError:
        return False


def unbalanced(query: str, token: Token) -> QueryError:
    """The complaint about a bracket or a quote without its other half."""
    return query_error(
        query,
        token.at,
        f"{token.text[:1] or 'the end'} stands where it has no other half",
        expected="brackets and quotes in pairs",
        remedy="add or delete one",
    )
