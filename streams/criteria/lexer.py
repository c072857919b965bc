"""A query to lexemes: brackets, operators, signs, words, phrases."""

import re
from typing import Final, Literal, NamedTuple

from streams.criteria.complaint import query_error
from streams.errors import QueryError

LexemeKind = Literal["word", "phrase", "and", "or", "not", "plus", "(", ")", "end"]


class Lexeme(NamedTuple):
    """`raw` is as written (a phrase without its quotes); `start` is its offset in the query."""

    kind: LexemeKind
    raw: str
    start: int


OPERATORS: Final[dict[str, LexemeKind]] = {
    "AND": "and",
    "ET": "and",
    "И": "and",
    "&&": "and",
    "OR": "or",
    "OU": "or",
    "ИЛИ": "or",
    "||": "or",
    "NOT": "not",
    "SAUF": "not",
    "НЕ": "not",
    "!": "not",
    "-": "not",
    "+": "plus",
    "(": "(",
    ")": ")",
}

_CLOSING: Final = {'"': '"', "“": "”", "„": "“”", "«": "»", "”": "”"}
_QUOTES: Final = '"“”„«»'
_BLANK: Final = re.compile(r"(?:\s|#(?=\s|\Z)[^\n]*)*")
_SYMBOL: Final = re.compile(r"&&|\|\||[()+!-]")
_WORD: Final = re.compile(rf"(?:\\.|(?!&&|\|\|)[^\s()\\{_QUOTES}])+", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def unescape(raw: str) -> str:
    r"""The text that is meant: `\*` is a star."""
    return _ESCAPE.sub(r"\1", raw) if "\\" in raw else raw


def lexemes(query: str) -> list[Lexeme]:
    """All of them, an `end` last. `# ` begins a comment. Raises `QueryError`. Linear time."""
    found: list[Lexeme] = []
    at = _skip(query, 0)
    while at < len(query):
        lexeme, at = _next(query, at)
        found.append(lexeme)
        if query.startswith(" ", at):  # the usual case, without a search
            at += 1
        if at < len(query) and (query[at] == "#" or query[at].isspace()):
            at = _skip(query, at)
    return [*found, Lexeme("end", "", len(query.rstrip()))]


def _skip(query: str, at: int) -> int:
    blank = _BLANK.match(query, at)
    return blank.end() if blank else at


def _next(query: str, at: int) -> tuple[Lexeme, int]:
    if query[at] in _QUOTES:
        return _phrase(query, at)
    if query[at] in "()&|+!-" and (symbol := _SYMBOL.match(query, at)):
        return _symbol(query, symbol[0], at), symbol.end()
    if word := _WORD.match(query, at):
        return Lexeme(OPERATORS.get(word[0], "word"), word[0], at), word.end()
    raise query_error(
        query,
        at,
        "a backslash with nothing after it",
        expected="the character to take as it is",
        remedy="delete the backslash",
    )


def _symbol(query: str, symbol: str, at: int) -> Lexeme:
    after = query[at + 1 : at + 2]
    if symbol in {"+", "-", "!"} and (not after or after.isspace() or after == ")"):
        raise query_error(
            query,
            at,
            f"a lone {symbol}",
            expected=f"the word, phrase or ( straight after the {symbol}",
            remedy=f"close the gap ({symbol}word), or delete the {symbol}",
        )
    return Lexeme(OPERATORS[symbol], symbol, at)


def _phrase(query: str, at: int) -> tuple[Lexeme, int]:
    closing = _CLOSING.get(query[at], "")
    end = at + 1
    while closing and end < len(query) and query[end] not in closing:
        end += 2 if query[end] == "\\" else 1
    if not closing or end >= len(query):
        raise _unbalanced(query, at, closing)
    return Lexeme("phrase", query[at + 1 : end], at), end + 1


def _unbalanced(query: str, at: int, closing: str) -> QueryError:
    if not closing:
        return query_error(
            query,
            at,
            f"{query[at]} closes a phrase that nothing opened",
            expected="a word, or the quote that opens the phrase",
            remedy=f"delete it, or write \\{query[at]} to search for it",
        )
    return query_error(
        query,
        at,
        "this quote is never closed",
        expected=f"a closing {closing[0]}",
        remedy=f"add {closing[0]} where the phrase ends",
    )
