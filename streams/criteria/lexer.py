"""A query to lexemes: brackets, operators, signs, fields, words, phrases."""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import msgspec

from streams.criteria.complaint import query_error
from streams.errors import QueryError

LexemeKind = Literal[
    "word",
    "phrase",
    "exact",
    "slop",
    "field",
    "near",
    "and",
    "or",
    "not",
    "plus",
    "(",
    ")",
    "end",
]


class Lexeme(msgspec.Struct, frozen=True, gc=False):
    """`raw` is as written (a phrase without its quotes); `start` is its offset in the query.

    `exact` is a phrase with a `=` before it, `slop` the `~n` after one, `field` a `name:`.
    """

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
    "SENTENCE": "near",
    "PARAGRAPH": "near",
}

_CLOSING: Final = {'"': '"', "“": "”", "„": "“”", "«": "»", "”": "”"}
_QUOTES: Final = '"“”„«»'
_UNSEEN: Final = "\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_MARKS: Final = "".join(chr(c) for c in range(0x200B, 0x2070) if re.match(f"[{_UNSEEN}]", chr(c)))
_USUAL: Final = re.compile(r'(?:(#?\w++\*?)(?=[\s)]|\Z)|([()])|"([^"\\]*)") *')
_BLANK: Final = re.compile(rf"(?:[\s{_UNSEEN}]|#(?=\s|\Z)[^\n]*)*")
_SYMBOL: Final = re.compile(r"&&|\|\||[()+!-]")
_WORD: Final = re.compile(rf"(?:\\.|(?!&&|\|\|)[^\s()\\{_QUOTES}])+", re.DOTALL)
_FIELD: Final = re.compile(r"([A-Za-z_]+):(?=[^\s)])")
_SCHEMES: Final = frozenset({"http", "https", "ftp", "mailto"})
_BOUNDS: Final = re.compile(r"[\[{][^\]}\n\"()]*[\]}]")
_REGEX: Final = re.compile(r"/(?:\\[^\s]|\[(?:\\[^\s]|[^\]\s\\])+\]|[^/\s\\\[])+/(?=[\s)]|\Z)")
_SLOP: Final = re.compile(r"~[^\s()]*")
_NEAR: Final = re.compile(r"O?NEAR(?:/\d*)?")
_MEANT: Final = re.compile(r'\s+("[^"\n]{1,40}"|[^\s()]{1,40})(?=[\s)]|\Z)')
_REMARK: Final = re.compile(r"#[^\n]*")
_MOST_WRONG: Final = 5
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def unescape(raw: str) -> str:
    r"""The text that is meant: `\*` is a star."""
    return _ESCAPE.sub(r"\1", raw) if "\\" in raw else raw


def lexemes(query: str) -> list[Lexeme]:
    """All of them, an `end` last. `# ` begins a comment. Raises `QueryError`. Linear time.

    Marks of writing direction and other unseen characters between lexemes count as white space.
    """
    found: list[Lexeme] = []
    at = 0
    while at < len(query):
        if usual := _USUAL.match(query, at):
            found.append(_usual(usual))
            at = usual.end()
        elif (beyond := _skip(query, at)) > at:
            at = beyond
        else:
            lexeme, at = _next(query, at, found)
            found.append(lexeme)
    return [*found, Lexeme("end", "", len(query.rstrip()))]


class Stretch(NamedTuple):
    """A piece of a query: a lexeme, a comment, or what can't be read (`wrong`)."""

    kind: LexemeKind | Literal["comment", "wrong"]
    start: int
    end: int


def stretches(query: str) -> Iterator[Stretch]:
    """All pieces of a query that is perhaps wrong, white space left out. After a few that can't be
    read, the rest is left out: linear time."""
    found: list[Lexeme] = []
    wrong = at = 0
    while at < len(query) and wrong < _MOST_WRONG:
        if (beyond := _skip(query, at)) > at:
            for comment in _REMARK.finditer(query, at, beyond):
                yield Stretch("comment", *comment.span())
            at = beyond
            continue
        try:
            lexeme, end = _next(query, at, found)
        except QueryError:
            wrong += 1
            yield Stretch("wrong", at, at + 1)
            at += 1
            continue
        found.append(lexeme)
        yield Stretch(lexeme.kind, at, end)
        at = end


def _usual(found: re.Match[str]) -> Lexeme:
    """A word, a bracket or a phrase with nothing odd in or beside it: nearly all lexemes are."""
    if found.lastindex == 1:
        return _plain(found[1], found.start())
    if found.lastindex == 2:
        return _symbol(found.string, found[2], found.start())
    return Lexeme("phrase", found[3], found.start())


def _skip(query: str, at: int) -> int:
    blank = _BLANK.match(query, at)
    return blank.end() if blank else at


def _next(  # noqa: PLR0911 (one line for each kind of lexeme)
    query: str, at: int, before: list[Lexeme]
) -> tuple[Lexeme, int]:
    char = query[at]
    if char in _QUOTES:
        return _phrase(query, at)
    if char in "()&|+!-" and (symbol := _SYMBOL.match(query, at)):
        return _symbol(query, symbol[0], at), symbol.end()
    if char == "=" and query[at + 1 : at + 2] in _CLOSING:
        lexeme, end = _phrase(query, at + 1)
        return Lexeme("exact", lexeme.raw, at), end
    if (
        char == "~"
        and before
        and before[-1].kind in {"phrase", "exact"}
        and query[at - 1] in '"”“»'
    ):
        return _whole("slop", _SLOP, query, at)
    if char == "/" and _REGEX.match(query, at):
        return _whole("word", _REGEX, query, at)
    if char in "[{" and before and before[-1].kind == "field" and _BOUNDS.match(query, at):
        return _whole("word", _BOUNDS, query, at)
    if (field := _FIELD.match(query, at)) and field[1].lower() not in _SCHEMES:
        return Lexeme("field", field[0], at), field.end()
    return _word(query, at)


def _whole(kind: LexemeKind, pattern: re.Pattern[str], query: str, at: int) -> tuple[Lexeme, int]:
    found = pattern.match(query, at)
    raw = found[0] if found else ""
    return Lexeme(kind, raw, at), at + len(raw)


def _word(query: str, at: int) -> tuple[Lexeme, int]:
    if word := _WORD.match(query, at):
        return _plain(word[0], at), word.end()
    raise query_error(
        query,
        at,
        "a backslash with nothing after it",
        expected="the character to take as it is",
        remedy="delete the backslash",
    )


def _plain(raw: str, at: int) -> Lexeme:
    """A word, or an operator that is spelled as one."""
    bare = raw if raw.isascii() else raw.strip(_MARKS)
    kind = OPERATORS.get(bare)
    if kind is None and bare[:1] in {"N", "O"} and _NEAR.fullmatch(bare):
        kind = "near"
    return Lexeme(kind, bare, at) if kind else Lexeme("word", raw, at)


def _symbol(query: str, symbol: str, at: int) -> Lexeme:
    after = query[at + 1 : at + 2]
    if symbol in {"+", "-", "!"} and (not after or after.isspace() or after == ")"):
        meant = _MEANT.match(query, at + 1)
        shown = meant[1] if meant else "word"
        raise query_error(
            query,
            at,
            f"a lone {symbol}",
            expected=f"the word, phrase or ( straight after the {symbol}",
            remedy=f"close the gap ({symbol}{shown}), or delete the {symbol}",
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
