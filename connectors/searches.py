"""What topics need, as searches at a source: few requests, each at least as wide as the topics.

A source that searches is asked for what some topic may want, and Veille's criteria judge what it
returns. So all that is done to a search here widens it: a word may be dropped, never added.
"""

import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Search:
    """Posts in which all `words` occur, each a word or a phrase with spaces, whatever its case.

    `topics` are the ids of those that need it. `langs` are the ISO 639-1 codes that they ask for,
    none meaning any: for sources that must be asked in a language. They are no filter, for what a
    source calls a language is not what Veille will.
    """

    words: tuple[str, ...]
    topics: tuple[str, ...]
    langs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.words or not all(word.strip() for word in self.words):
            raise ValueError(f"a search for {self.words!r} would find everything")


@dataclass(frozen=True, slots=True)
class Packed:
    """One request: `query` in the source's language, and which searches it makes for whom."""

    query: str
    topics: tuple[str, ...] = ()
    searches: tuple[Search, ...] = ()


Render = Callable[[Sequence[Search]], str | None]
"""Writes the posts of any of the searches as one query; None where the source can't be asked so."""

_OPEN: Final = 8
"""Requests that may still take a search in: time stays linear in the number of searches."""


def pack(
    searches: Iterable[Search],
    render: Render,
    most: int,
    *,
    most_terms: int | None = None,
    on_note: Note = lambda _: None,
) -> list[Packed]:
    """Each search in one request, of at most `most` characters and `most_terms` words and phrases.

    Searches for the same words become one. One that is too long alone is asked for with fewer
    words, which finds more; one whose only word is too long is left out. `on_note` hears of both.
    """

    def query_of(group: Sequence[Search]) -> str | None:
        if most_terms is not None and sum(len(search.words) for search in group) > most_terms:
            return None
        query = render(group)
        return query if query and len(query) <= most else None

    groups: list[list[Search]] = []
    written: dict[int, str] = {}
    opened: deque[int] = deque(maxlen=_OPEN)
    for search in _merged(_fitting(_merged(searches), query_of, on_note)):
        for number in opened:
            if query := query_of([*groups[number], search]):
                groups[number].append(search)
                written[number] = query
                break
        else:
            opened.append(len(groups))
            written[len(groups)] = query_of([search]) or ""
            groups.append([search])
    return [
        Packed(written[number], _union(search.topics for search in group), tuple(group))
        for number, group in enumerate(groups)
    ]


def fair(packed: Sequence[Packed]) -> list[Packed]:
    """All requests, a topic's turn after another's, so that a topic with many holds none back."""
    waiting: dict[str, deque[Packed]] = {}
    for one in packed:
        for owner in one.topics or (one.query,):
            waiting.setdefault(owner, deque()).append(one)
    found: dict[Packed, None] = {}
    while waiting:
        for owner, queue in list(waiting.items()):
            while queue and queue[0] in found:
                queue.popleft()
            if queue:
                found[queue.popleft()] = None
            else:
                del waiting[owner]
    return list(found)


def turn(packed: Sequence[Packed], last: str) -> list[Packed]:
    """`fair`, from the request after that with the query `last` on, and round to it.

    A source with a quota keeps the query it asked last in its cursor. One that is no longer asked,
    or none, begins at the first.
    """
    order = fair(packed)
    after = next((at + 1 for at, one in enumerate(order) if one.query == last), 0)
    return order[after:] + order[:after]


_QUOTES: Final = re.compile(r"[\"\\\u201c-\u201f\u00ab\u00bb\uff02\s]+")
_SYNTAX: Final = re.compile(r"[:()\[\]{}<>|^~*?!/;,=`]+")
_OPERATORS: Final = frozenset({"and", "or", "not", "near", "around", "to"})


def spaced_or(searches: Sequence[Search]) -> str | None:
    """`"a b" OR (c d)`: quotes for phrases, AND for words side by side, capitals for OR.

    What is more than letters and digits is quoted, and the words of operators are, so that none
    acts as one.
    """
    written = [[_quoted(word) for word in map(_bare, one.words) if word] for one in searches]
    if not all(written):
        return None
    if len(written) == 1:
        return " ".join(written[0])
    return " OR ".join(one[0] if len(one) == 1 else f"({' '.join(one)})" for one in written)


def single(searches: Sequence[Search]) -> str | None:
    """One search a request, its words with blanks between: for sources without operators.

    The words of phrases may then stand anywhere. Signs that are operators somewhere are left out.
    """
    if len(searches) != 1:
        return None
    text = _SYNTAX.sub(" ", " ".join(map(_bare, searches[0].words)))
    pieces = (piece.lstrip("+-&'").rstrip("-&'") for piece in text.lower().split())
    return " ".join(dict.fromkeys(piece for piece in pieces if piece)) or None


def _quoted(word: str) -> str:
    return word if word.isalnum() and word.lower() not in _OPERATORS else f'"{word}"'


def _bare(word: str) -> str:
    """Without quotes, backslashes and control characters, any of which may end a quotation."""
    shown = "".join(" " if unicodedata.category(char) in {"Cc", "Cs"} else char for char in word)
    return _QUOTES.sub(" ", shown).strip()


def _merged(searches: Iterable[Search]) -> list[Search]:
    """Those for the same words as one, where the first stood."""
    found: dict[frozenset[str], Search] = {}
    for search in searches:
        words = frozenset(word.lower() for word in search.words)
        known = found.get(words)
        if known is None:
            found[words] = search
            continue
        langs = _union((known.langs, search.langs)) if known.langs and search.langs else ()
        topics = _union((known.topics, search.topics))
        found[words] = replace(known, topics=topics, langs=langs)
    return list(found.values())


def _fitting(
    searches: Iterable[Search], query_of: Callable[[Sequence[Search]], str | None], on_note: Note
) -> Iterator[Search]:
    for search in searches:
        found: Search | None = search
        while found and query_of([found]) is None:
            found = _wider(found)
        named = f"topic {', '.join(search.topics)}: the search for {' + '.join(search.words):.120}"
        if found is None:
            on_note(f"{named} can't be asked for here, and is left out. Remedy: name 'queries'")
            continue
        if found is not search:
            on_note(f"{named} is too long here: {' + '.join(found.words):.120} is searched for")
        yield found


def _wider(search: Search) -> Search | None:
    """Without its shortest word, or, of a phrase alone, without the last; None of a word."""
    if len(search.words) > 1:
        shortest = min(range(len(search.words)), key=lambda at: len(search.words[at]))
        left = search.words[:shortest] + search.words[shortest + 1 :]
        return replace(search, words=left)
    begun = search.words[0].split()[:-1]
    return replace(search, words=(" ".join(begun),)) if begun else None


def _union(parts: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({one for part in parts for one in part}))
