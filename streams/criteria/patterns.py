"""Patterns that a word has to meet, all asked at once when a word is seen for the first time.

None is tried on every word, but regular expressions: wildcards are found by the letters that
stand together in them, edits by what two words have in common when letters are left out.
"""

from collections import Counter, defaultdict
from typing import Final

from streams.criteria.regexes import meets

MAX_FUZZY: Final = 40
"""Longest word, in letters, that is looked for with edits."""

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
    """Whether a folded word meets the pattern."""
    kind = kind_of(term)
    if kind == "elision":
        return "'" in folded and term[1:] in folded.split("'")
    if kind == "fuzzy":
        word, _, edits = term.rpartition("~")
        return within_edits(word, folded, int(edits))
    return meets(term, folded)


def within_edits(one: str, other: str, most: int) -> bool:
    """Whether so few letters added, left out, changed or swapped with the next make one the other.

    As in Lucene, a swap is one edit and what is swapped is not edited again.
    """
    if abs(len(one) - len(other)) > most:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most and (i == 1 or min(before) > most):
            return False
    return row[-1] <= most


class Patterns:
    """The patterns that are asked for. Adding and removing does not depend on their number."""

    def __init__(self) -> None:
        self._wanted: Counter[str] = Counter()
        self._by_key: defaultdict[str, set[str]] = defaultdict(set)
        self._fuzzy: defaultdict[str, set[str]] = defaultdict(set)
        self._edits: Counter[int] = Counter()

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def add(self, term: str) -> bool:
        """Ask for a pattern; whether it was not asked for before."""
        self._wanted[term] += 1
        if self._wanted[term] > 1:
            return False
        if kind_of(term) == "fuzzy":
            word, _, edits = term.rpartition("~")
            self._edits[int(edits)] += 1
            for variant in _variants(word, int(edits)):
                self._fuzzy[variant].add(term)
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
            word, _, edits = term.rpartition("~")
            self._edits -= Counter({int(edits): 1})
            for variant in _variants(word, int(edits)):
                _discard(self._fuzzy, variant, term)
        else:
            _discard(self._by_key, _key(term), term)

    def met(self, folded: str) -> list[str]:
        """The patterns that a folded word meets."""
        candidates: set[str] = set()
        if self._by_key:
            for key in _keys_in(folded) & self._by_key.keys():
                candidates |= self._by_key[key]
        if self._edits and len(folded) <= MAX_FUZZY + 2:
            for variant in _variants(folded, max(self._edits)):
                candidates |= self._fuzzy.get(variant, set())
        return [term for term in candidates if fits(term, folded)]


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
