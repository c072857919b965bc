"""Lucene's classic syntax, as Elasticsearch's `query_string` reads it.

Its `AND` and `OR` are no sets: each sets flags (must, should, must not) on its neighbours, and a
"should" beside a "must" only moves the score. The flags are computed here as Lucene's
`QueryParserBase.addClause` does, so that the imported query finds what the old one found.
"""

import re
from typing import Final, Literal, NamedTuple

from streams.criteria.importers.imported import (
    Imported,
    Notes,
    Token,
    all_of,
    any_of,
    deeper,
    finished,
    none_of,
    phrase,
    signs_dropped,
    taken,
    unbalanced,
    words,
)
from streams.criteria.lexer import unescape

Operator = Literal["AND", "OR"]

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<open>\() | (?P<close>\)) | (?P<boost>\^[\d.]*) |
      (?P<and>AND(?![^\s()])|&&) | (?P<or>OR(?![^\s()])|\|\|) | (?P<not>NOT(?![^\s()])|!|-) |
      (?P<must>\+) | (?P<every>\*:\*) |
      (?P<field>(?:\\.|[\w.@*])+):(?=\S) |
      (?P<range>[\[{][^\]}]*[\]}]|[<>]=?[^\s()]+) |
      (?P<phrase>"(?:\\.|[^"\\])*")(?P<slop>~\d*)? |
      (?P<regex>/(?:\\.|[^/\\])+/) |
      (?P<word>(?:\\.|[^\s()\[\]{}"^~:/\\])+|[:/\[\]{}])(?P<fuzzy>~[\d.]*)?
    )""",
    re.VERBOSE | re.DOTALL,
)
_WILD: Final = re.compile(r"(?<!\\)[*?]")
_OURS: Final = {
    "": "",
    **dict.fromkeys(("text", "message", "body", "content", "_all", "*"), ""),
    **{name: f"{name}:" for name in ("title", "author", "lang", "source", "kind", "country")},
    **{name: f"{name}:" for name in ("rating", "followers", "likes", "created", "site", "link")},
}


class _Clause(NamedTuple):
    occurs: Literal["must", "should", "not"]
    text: str | None


def translate(query: str, operator: Operator = "OR") -> Imported:
    """Our query; `operator` is the `default_operator` it was used with. Raises `QueryError`."""
    return _Reader(query, operator).imported()


class _Reader:
    def __init__(self, query: str, operator: Operator) -> None:
        self._query = query
        self._operator = operator
        self._tokens = _tokens(query)
        self._at = 0
        self._notes = Notes()

    def imported(self) -> Imported:
        clause = self._clauses("", 0)
        if self._kind != "end":
            raise unbalanced(self._query, self._tokens[self._at])
        return finished(self._query, clause, self._notes)

    @property
    def _kind(self) -> str:
        return self._tokens[self._at].kind

    def _take(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _clauses(self, field: str, depth: int) -> str | None:
        clauses: list[_Clause] = []
        while self._kind not in {"close", "end"}:
            joint = self._take().kind if self._kind in {"and", "or"} else ""
            sign = self._take().kind if self._kind in {"not", "must"} else ""
            if self._kind in {"close", "end", "and", "or"}:
                continue  # an operator without its operand: Elasticsearch would refuse the query
            self._flag(clauses, joint, sign, self._operand(field, depth))
        return self._combined(clauses)

    def _flag(self, clauses: list[_Clause], joint: str, sign: str, text: str | None) -> None:
        """Lucene's rules: AND also binds the clause before it, OR may loosen it."""
        if clauses and clauses[-1].occurs != "not":
            if joint == "and":
                clauses[-1] = clauses[-1]._replace(occurs="must")
            elif joint == "or" and self._operator == "AND":
                clauses[-1] = clauses[-1]._replace(occurs="should")
        if sign == "not":
            clauses.append(_Clause("not", text))
        elif self._operator == "OR":
            clauses.append(_Clause("must" if sign or joint == "and" else "should", text))
        else:
            clauses.append(_Clause("should" if joint == "or" else "must", text))

    def _combined(self, clauses: list[_Clause]) -> str | None:
        must = [clause.text for clause in clauses if clause.occurs == "must"]
        should = [clause.text for clause in clauses if clause.occurs == "should"]
        if must and should:
            written = " OR ".join(text for text in should if text)
            self._notes.add(
                written, "left out, for beside a required clause it only moves the score there"
            )
        wanted = must or [any_of(should)]
        denied = [none_of(clause.text) for clause in clauses if clause.occurs == "not"]
        return all_of([*wanted, *denied])

    def _operand(self, field: str, depth: int) -> str | None:
        token = self._take()
        if token.kind == "field":
            return self._fielded(token, depth)
        if token.kind == "open":
            clause = self._clauses(field, deeper(depth, self._query, token))
            if self._kind != "close":
                raise unbalanced(self._query, token)
            self._take()
        else:
            clause = self._leaf(token, field)
        if self._kind == "boost":
            written = "(…)" if token.kind == "open" else token.text
            self._notes.add(written + self._take().text, "weight dropped: a post matches or not")
        return clause

    def _fielded(self, token: Token, depth: int) -> str | None:
        ours = _OURS.get(token.text)
        if ours == "" and token.text not in {"", "text", "*", "_all"}:
            self._notes.add(token.text, "read as title and text")
        if ours is not None:
            return self._operand(ours, depth)
        notes, self._notes = self._notes, Notes()  # what is said of the operand is void
        self._operand("", depth)
        self._notes = notes
        written = self._query[token.at : self._tokens[self._at].at].strip()
        self._notes.add(written, "left out: we have no such field")
        return None

    def _leaf(self, token: Token, field: str) -> str | None:
        suffix = self._take().text if self._kind in {"slop", "fuzzy"} else ""
        written = token.text + suffix
        match token.kind:
            case "phrase":
                found = phrase(unescape(token.text[1:-1]))
                slop = suffix if suffix != "~0" and found and found.startswith('"') else ""
                return self._said(field, found, slop, written)
            case "word" if _WILD.search(token.text):
                return self._wild(token.text, field)
            case "word":
                return self._word(unescape(token.text), field, suffix, written)
            case "regex" | "range" if field or token.kind == "regex":
                return taken(field + token.text, written, self._notes)
        self._notes.add(written, "left out: it has no counterpart")
        return None

    def _said(self, field: str, found: str | None, suffix: str, written: str) -> str | None:
        if found is None:
            return None  # punctuation finds nothing there either
        plain = taken(field + found, written, self._notes, found if field else None)
        return taken(plain + suffix, written, self._notes, plain) if plain and suffix else plain

    def _word(self, text: str, field: str, suffix: str, written: str) -> str | None:
        parts = words(text)
        if len(parts) > 1:
            self._notes.add(
                written, f'these are {len(parts)} words joined by {self._operator} there; write '
                f'"{text}" in quotes for the phrase'
            )  # fmt: skip
            found = [self._said(field, part, "", written) for part in parts]
            return all_of(found) if self._operator == "AND" else any_of(found)
        edits = ""
        if suffix:
            edits = _edits(suffix, text)
        signs_dropped(text, parts[0] if parts else None, self._notes)
        return self._said(field, parts[0] if parts else None, edits, written)

    def _wild(self, text: str, field: str) -> str | None:
        if text.strip("*") == "":
            self._notes.add(text, "left out: it holds for every post")
            return None
        return taken(field + text, text, self._notes)


def _edits(suffix: str, text: str) -> str:
    """`~` alone is AUTO in both languages; a fraction is a likeness, as Lucene once counted."""
    if suffix == "~":
        return suffix
    try:
        number = float(suffix[1:])
    except ValueError:
        return "~2"
    edits = min(int(number) if number >= 1 else int((1 - number) * len(text)), 2)
    return f"~{edits}" if edits and number else ""


def _tokens(query: str) -> list[Token]:
    found: list[Token] = []
    at, end = 0, len(query.rstrip())
    while at < end:
        token = _TOKEN.match(query, at)
        if token is None:
            raise unbalanced(query, Token("?", query[at:].lstrip()[:1], at))
        for kind, text in token.groupdict().items():
            if text is not None:
                found.append(Token(kind, text, token.start(kind)))
        at = token.end()
    return [*found, Token("end", "", end)]
