"""What of the topics can be searched for at a source: words that every wanted post has.

A search is wider than its topic, never narrower. What says nothing about whole words of the text
(beginnings, patterns, forms, exclusions, fields) is left out, and a topic of which nothing is left
is `Wide`. The one thing that a source may do otherwise is told in docs/connectors.md: how it cuts
and folds words.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple
from unicodedata import normalize

import msgspec

from connectors.searches import Search
from streams.criteria import tokens
from streams.criteria.describe import describe
from streams.criteria.folding import fold
from streams.criteria.keys import COMMON_WORDS, guessed_frequency
from streams.criteria.languages import primary
from streams.criteria.lexer import unescape
from streams.criteria.parser import parse_topic
from streams.criteria.syntax import (
    And,
    Beside,
    Equals,
    Hashtag,
    Mention,
    Near,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Prefix,
    Sloppy,
    Stem,
    Within,
    Word,
    Written,
)
from streams.criteria.terms import UNSEEN, folded_words
from streams.criteria.topics import Topic
from streams.errors import QueryError

MOST_SEARCHES: Final = 128
"""Most searches of a topic. Beyond, each is for its most telling word alone."""
_SPELLINGS: Final = 4


class Wide(msgspec.Struct, frozen=True):
    """A topic that no search can stand for, and why."""

    topic: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pushdown:
    """The searches of all topics, and the topics that none can be made of."""

    searches: tuple[Search, ...] = ()
    wide: tuple[Wide, ...] = ()


class _Clause(NamedTuple):
    """Words that a post has, and the languages it is in; no words: any post will do."""

    words: frozenset[str]
    langs: frozenset[str] = frozenset()


_Spellings = Mapping[str, Sequence[str]]
_ANY: Final = (_Clause(frozenset()),)


def searches(topics: Iterable[Topic]) -> Pushdown:
    """What to search for, topic by topic. Topics whose query can't be read want nothing."""
    found: list[Search] = []
    wide: list[Wide] = []
    for topic in topics:
        try:
            tree = parse_topic(topic)
        except QueryError:
            continue
        clauses = _Clauses(_spellings(topic))
        wanted = clauses.of(tree)
        if not all(clause.words for clause in wanted):
            wide.append(Wide(topic.id, clauses.why_wide(tree)))
            continue
        asked = frozenset(map(primary, topic.languages))
        found += sorted(
            (
                Search(tuple(sorted(one.words)), (topic.id,), tuple(sorted(one.langs or asked)))
                for one in wanted
            ),
            key=lambda search: search.words,
        )
    return Pushdown(tuple(found), tuple(wide))


class _Clauses:
    """The alternatives of a query: a post that meets it has all words of one of them."""

    def __init__(self, spellings: _Spellings) -> None:
        self._spellings = spellings

    def of(  # noqa: PLR0911 (one line for each kind of node)
        self, node: Node, *, negated: bool = False
    ) -> Sequence[_Clause]:
        """At most MOST_SEARCHES; where one has no words, it is the only one."""
        match node:
            case And(children) | Or(children):
                parts = [self.of(child, negated=negated) for child in children]
                return _all(parts) if isinstance(node, And) is not negated else _some(parts)
            case Not(child):
                return self.of(child, negated=not negated)
            case _ if negated:
                return _ANY
            case Near(left, right) | Beside(left, right):
                return _all([self.of(left), self.of(right)])
            case Equals("lang", value):
                return (_Clause(frozenset(), frozenset((primary(value),))),)
            case Within(field, leaf):
                return self.of(leaf) if field in {"title", "text"} else _ANY
            case _:
                return self._leaf(node)

    def why_wide(self, tree: Node) -> str:
        """The clause that leaves a query without words, and what it is instead."""
        node, negated = tree, False
        while True:
            match node:
                case Not(child):
                    node, negated = child, not negated
                case And(children) | Or(children):
                    wordless = [c for c in children if not _worded(self.of(c, negated=negated))]
                    if not wordless:
                        return f"it has more than {MOST_SEARCHES} alternatives"
                    node = wordless[0]
                case Near(left, right) | Beside(left, right) if not negated:
                    node = left if not _worded(self.of(left)) else right
                case _:
                    return _what(node, negated=negated)

    def _leaf(  # noqa: PLR0911 (one line for each kind of leaf)
        self, node: Node
    ) -> Sequence[_Clause]:
        match node:
            case Word(term):
                return self._spelled((term,))
            case Phrase(terms):
                return self._spelled(terms)
            case Sloppy(terms):
                return _all([self._spelled((term,)) for term in dict.fromkeys(terms)])
            case Written(_, text):
                return (_Clause(frozenset((_plain(text),))),)
            case Hashtag(name) | Mention(name):
                return self._spelled(folded_words(name))
            case Pattern(term) if term[0] == "'":
                return self._spelled((term[1:],))
            case _:
                return _ANY

    def _spelled(self, terms: Sequence[str]) -> Sequence[_Clause]:
        """The words in a row, in each way that the query spells them."""
        if not terms:
            return _ANY
        ways = product(*(self._spellings.get(term, (term,)) for term in terms))
        phrases = (_in_a_row(way) for way, _ in zip(ways, range(_SPELLINGS), strict=False))
        return [_Clause(frozenset((phrase,))) for phrase in phrases]


def _all(parts: Sequence[Sequence[_Clause]]) -> Sequence[_Clause]:
    """Clauses with a word of each part, the fewest first, so long as they are not too many."""
    found: Sequence[_Clause] = _ANY
    for part in sorted(parts, key=lambda part: (not _worded(part), len(part))):
        if len(found) * len(part) <= MOST_SEARCHES:
            joined = product(found, part)
            found = [_Clause(a.words | b.words, a.langs | b.langs) for a, b in joined]
    return _least(found)


def _some(parts: Sequence[Sequence[_Clause]]) -> Sequence[_Clause]:
    """The clauses of all parts; too many are cut down to a word each, and then to none."""
    found = list(dict.fromkeys(clause for part in parts for clause in part))
    if len(found) > MOST_SEARCHES:
        found = [_Clause(frozenset(sorted(one.words, key=_telling)[:1])) for one in found]
        found = list(dict.fromkeys(found))
    return _least(found) if len(found) <= MOST_SEARCHES else _ANY


def _least(clauses: Sequence[_Clause]) -> Sequence[_Clause]:
    """Without common words beside others, and without clauses that another finds as well."""
    langs: dict[frozenset[str], frozenset[str]] = {}
    for words, asked in clauses:
        kept = frozenset(word for word in words if fold(word) not in COMMON_WORDS) or words
        before = langs.get(kept, asked)
        langs[kept] = before | asked if before and asked else frozenset()
    least: list[_Clause] = []
    for words in sorted(langs, key=lambda words: (len(words), sum(map(len, words)))):
        wider = next((at for at, one in enumerate(least) if _finds(one.words, words)), None)
        if wider is None:
            least.append(_Clause(words, langs[words]))
        elif least[wider].langs:
            both = least[wider].langs | langs[words] if langs[words] else frozenset[str]()
            least[wider] = least[wider]._replace(langs=both)
    return least


def _finds(wider: Set[str], words: Set[str]) -> bool:
    """Whether who has `words` has those of `wider`, in a phrase perhaps."""
    return all(any(f" {one} " in f" {word} " for word in words) for one in wider)


def _worded(clauses: Sequence[_Clause]) -> bool:
    return all(clause.words for clause in clauses)


def _telling(word: str) -> tuple[float, int, str]:
    """Orders words, the rarest first as far as their looks tell."""
    return min(map(guessed_frequency, folded_words(word)), default=1.0), -len(word), word


def _spellings(topic: Topic) -> _Spellings:
    """How the query and its sub-queries write each folded word, apart from case."""
    found: dict[str, dict[str, None]] = {}
    for query in (topic.query, *(part.query for part in topic.queries.values())):
        text = unescape(query).translate(UNSEEN)
        for read in (text, text.replace(":", " ")):  # a colon joins letters, and ends a field
            for start, end in tokens.spans(read):
                word = _plain(read[start:end])
                found.setdefault(fold(word), {})[word] = None
    return {term: list(words) for term, words in found.items()}


def _plain(text: str) -> str:
    return normalize("NFC", " ".join(text.lower().split()))


def _in_a_row(words: Sequence[str]) -> str:
    """The words as a phrase; those of scripts without spaces close together."""
    text = ""
    for word in words:
        close = text and tokens.is_spaceless(text[-1]) and tokens.is_spaceless(word)
        text += word if close or not text else f" {word}"
    return text


def _what(node: Node, *, negated: bool) -> str:
    shown = describe(node)
    if negated:
        return f"NOT {shown} tells what posts do not say"
    match node:
        case Prefix() | Pattern():
            return f"{shown} is no whole word"
        case Stem():
            return f"{shown} stands for more forms than can be named"
        case _:
            return f"{shown} is no word of the text"
