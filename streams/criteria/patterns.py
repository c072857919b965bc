"""Patterns that a word has to meet, all asked at once when a word is seen for the first time.

None is tried on every word, but regular expressions: wildcards are found by the letters that
stand together in them, edits by what two words have in common when letters are left out.
"""

from collections import Counter, defaultdict
from functools import lru_cache
from typing import Final, NamedTuple

from streams.criteria.regexes import meets

MAX_FUZZY: Final = 40
"""Longest word, in letters, that is looked for with edits."""

_LONGEST: Final = 42
_FEW: Final = 16
"""So many patterns are asked one by one; of more, those that share letters with the word."""

_NONE: Final[frozenset[str]] = frozenset()

Kind = str


def is_pattern(term: str) -> bool:
    """Whether this is the term of a pattern, and not the beginning of a word."""
    return term[:1] == "'" or any(sign in term for sign in "*?~/")


def kind_of(term: str) -> Kind:
    """`elision`, `regex`, `fuzzy` or `wildcard`."""
    if term[0] == "'":
        return "elision"
    if term[0] == "/":
        return "regex"
    return "fuzzy" if "~" in term else "wildcard"


def fits(term: str, folded: str) -> bool:
    """Whether a folded word meets the pattern. Remembered, for the index and the topics ask."""
    return _fits(term, folded) if len(folded) > _LONGEST else _remembered(term, folded)


def _fits(term: str, folded: str) -> bool:
    kind = kind_of(term)
    if kind == "elision":
        return "'" in folded and term[1:] in folded.split("'")
    if kind == "fuzzy":
        word, _, edits = term.rpartition("~")
        return within_edits(word, folded, int(edits))
    return meets(term, folded)


_remembered: Final = lru_cache(maxsize=60_000)(_fits)  # what a hostile post asks of five patterns


def within_edits(one: str, other: str, most: int) -> bool:
    """Whether so few letters added, left out, changed or swapped with the next make one the other.

    As in Lucene, a swap is one edit and what is swapped is not edited again. Linear in the words
    for each way to make the edits: four for one, sixteen for two.
    """
    if not most or one == other:
        return one == other
    if abs(len(one) - len(other)) > most:
        return False
    at = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        at += 1  # what both begin with is never edited
    a, b = one[at:], other[at:]
    return (
        within_edits(a[1:], b[1:], most - 1)
        or (len(a) > len(b) - most and within_edits(a[1:], b, most - 1))
        or (len(b) > len(a) - most and within_edits(a, b[1:], most - 1))
        or (len(b) > 1 and b[1::-1] == a[:2] and within_edits(a[2:], b[2:], most - 1))
    )


class _Fuzzy(NamedTuple):
    """`word~edits`: an edit changes the set of letters by two at most."""

    word: str
    edits: int
    letters: frozenset[str]

    @classmethod
    def of(cls, term: str) -> "_Fuzzy":
        word, _, edits = term.rpartition("~")
        return cls(word, int(edits), frozenset(word))


class Patterns:
    """The patterns that are asked for. Adding and removing does not depend on their number."""

    def __init__(self) -> None:
        self._wanted: Counter[str] = Counter()
        self._by_key: defaultdict[str, set[str]] = defaultdict(set)
        self._by_variant: defaultdict[str, set[str]] = defaultdict(set)
        self._fuzzy: dict[str, _Fuzzy] = {}
        self._reach: Counter[int] = Counter()

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def add(self, term: str) -> bool:
        """Ask for a pattern; whether it was not asked for before."""
        self._wanted[term] += 1
        if self._wanted[term] > 1:
            return False
        if kind_of(term) == "fuzzy":
            fuzzy = self._fuzzy[term] = _Fuzzy.of(term)
            self._widen(fuzzy)
            for variant in _variants(fuzzy.word, fuzzy.edits):
                self._by_variant[variant].add(term)
        else:
            self._by_key[_key(term)].add(term)
        return True

    def remove(self, term: str) -> None:
        """Undo one `add`."""
        self._wanted[term] -= 1
        if self._wanted[term]:
            return
        del self._wanted[term]
        if kind_of(term) == "fuzzy":
            fuzzy = self._fuzzy.pop(term)
            for variant in _variants(fuzzy.word, fuzzy.edits):
                _discard(self._by_variant, variant, term)
        else:
            _discard(self._by_key, _key(term), term)

    def met(self, folded: str) -> list[str]:
        """The patterns that a folded word meets."""
        candidates = self._alike(folded) if self._fuzzy else set()
        if len(self._by_key) > _FEW:
            for key in _keys_in(folded) & self._by_key.keys():
                candidates |= self._by_key[key]
        else:
            for key, terms in self._by_key.items():
                if key.lstrip("'") in folded:
                    candidates |= terms
        return [term for term in candidates if fits(term, folded)]

    def _widen(self, fuzzy: _Fuzzy) -> None:
        """Note how many edits words of which length are asked for with: never undone, for what
        is too many costs time alone."""
        size = len(fuzzy.word)
        for length in range(size - fuzzy.edits, size + fuzzy.edits + 1):
            self._reach[length] = max(self._reach[length], fuzzy.edits)

    def _alike(self, folded: str) -> set[str]:
        """The patterns with edits that the word may meet."""
        size = len(folded)
        if len(self._fuzzy) <= _FEW:
            return {
                term
                for term, (word, edits, letters) in self._fuzzy.items()
                if abs(len(word) - size) <= edits
                and len(letters.symmetric_difference(folded)) <= 2 * edits
            }
        candidates: set[str] = set()
        if edits := self._reach.get(size):
            for variant in _variants(folded, edits):
                candidates |= self._by_variant.get(variant, _NONE)
        return candidates


def _discard(table: dict[str, set[str]], key: str, term: str) -> None:
    table[key].discard(term)
    if not table[key]:
        del table[key]


def _key(term: str) -> str:
    """Letters without which no word meets the pattern; empty if there are none to tell."""
    kind = kind_of(term)
    if kind == "elision":
        return term
    if kind == "regex":
        return ""
    runs = term.replace("?", "*").split("*")
    longest = max(runs, key=len)
    return longest[-3:] if len(longest) > 1 else ""


def _keys_in(folded: str) -> set[str]:
    keys = {""}
    for length in (2, 3):
        keys.update(folded[at : at + length] for at in range(len(folded) - length + 1))
    if "'" in folded:
        keys.update(f"'{part}" for part in folded.split("'"))
    return keys


def _variants(word: str, edits: int) -> set[str]:
    """The word with up to so many letters left out: words so near to each other share one."""
    found = last = {word}
    for _ in range(edits):
        last = {one[:at] + one[at + 1 :] for one in last for at in range(len(one))}
        found = found | last
    return found
