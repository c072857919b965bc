"""The oracle: every topic tried on every word of the post, as the language is defined.

It shares the parser, the word boundaries, the folding and the answers about single words (stems,
expressions, facts) with the fast way, and nothing else: no index, no sets, no remembered words,
no clever search for what stands near to what. `tests/property` holds both equal.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import msgspec

from connectors.post import Post
from streams.criteria import links, stems, tokens, written
from streams.criteria.facts import field_texts, holds
from streams.criteria.folding import fold
from streams.criteria.languages import admits, primary
from streams.criteria.matcher import Match, anchored
from streams.criteria.positions import MAX_PLACES
from streams.criteria.regexes import meets
from streams.criteria.sentences import paragraphs, sentences
from streams.criteria.syntax import (
    And,
    Beside,
    Equals,
    Flag,
    Hashtag,
    Mention,
    Near,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Placed,
    Prefix,
    Range,
    Site,
    Sloppy,
    Stem,
    Within,
    Word,
    Written,
)
from streams.criteria.topics import Topic
from streams.errors import QueryError
from streams.records import Span

LISTED = 2
"""The number of the list of hashtags, after those of title and text."""


class _Spot(NamedTuple):
    """Text (by its number), first and last word, first character and that after the last."""

    text: int
    first: int
    last: int
    start: int
    end: int


class _Text(NamedTuple):
    """A text with its words: folded, and where they stand."""

    text: str
    words: list[tuple[str, int, int]]


class _Subject(NamedTuple):
    """A post in a language."""

    post: Post
    language: str

    def texts(self, field: str) -> list[_Text]:
        return [
            _Text(text, [(fold(text[start:end]), start, end) for start, end in tokens.spans(text)])
            for text in field_texts(field, self.post)
        ]


def match_brute(topics: Sequence[Topic], post: Post, lang: str) -> list[Match]:
    """What `Matcher.match` must answer. Topics whose query is refused match nothing."""
    found = []
    subject = _Subject(post, primary(lang))
    for topic in sorted(topics, key=lambda topic: topic.id):
        tree = _tree(msgspec.json.encode(msgspec.structs.replace(topic, id="any", line=0)))
        if tree is None:
            continue
        languages = frozenset(map(primary, topic.languages))
        if not admits(languages, subject.language):
            continue
        met, spots = _evaluate(tree, subject)
        if met:
            found.append(Match(topic.id, _spans(spots)))
    return found


@lru_cache(maxsize=200_000)
def _tree(topic: bytes) -> Node | None:
    try:
        return anchored(msgspec.json.decode(topic, type=Topic))[0]
    except QueryError:
        return None


def _evaluate(  # noqa: PLR0911 (one line for each kind of node)
    node: Node, subject: _Subject
) -> tuple[bool, list[_Spot]]:
    """Whether the post meets the node, and what in title, text and hashtags did."""
    match node:
        case Not(child):
            return not _evaluate(child, subject)[0], []
        case And(children) | Or(children):
            results = [_evaluate(child, subject) for child in children]
            met = all if isinstance(node, And) else any
            spots = [spot for ok, some in results if ok for spot in some]
            return met(ok for ok, _ in results), spots
        case Site() | Equals() | Range() | Flag():
            return holds(node, subject.post, subject.language), []
        case Near() | Beside():
            return _together(node, subject)
        case Hashtag(tag):
            spots = _spots(node, subject) or _listed(tag, subject.post)
            return bool(spots), spots
        case Within(field) if field not in {"title", "text"}:
            return bool(_spots(node, subject)), []
        case Word() | Prefix() | Phrase():
            spots = _leaf(node, subject.texts("text"), subject.language)
            return bool(spots), spots
        case _:
            spots = _spots(node, subject)
            return bool(spots), spots


def _together(node: Near | Beside, subject: _Subject) -> tuple[bool, list[_Spot]]:
    """The leaves that stand where both sides are together."""
    wholes = _spots(node, subject)
    leaves: list[_Spot] = []
    waiting: list[Node] = [node]
    fields: set[str] = set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, Near | Beside):
            waiting += [part.left, part.right]
        elif isinstance(part, Or):
            waiting += part.children
        else:
            leaves += _spots(part, subject)
            fields.add(part.field if isinstance(part, Within) else "text")
    inside = [
        leaf
        for leaf in leaves
        for whole in wholes
        if leaf.text == whole.text and whole.first <= leaf.first and leaf.last <= whole.last
    ]
    return bool(wholes), inside if fields <= {"title", "text"} else []


def _spots(node: Node, subject: _Subject) -> list[_Spot]:
    """Where a node stands, so far as the language looks."""
    return sorted(set(_all_spots(node, subject)))[:MAX_PLACES]


def _all_spots(node: Node, subject: _Subject) -> list[_Spot]:
    match node:
        case Within("title" | "text" as field, leaf):
            number = 0 if field == "title" else 1
            return [spot for spot in _spots(leaf, subject) if spot.text == number]
        case Within(field, leaf):
            return _leaf(leaf, subject.texts(field), subject.language)
        case Or(children):
            return [spot for child in children for spot in _spots(child, subject)]
        case Near(left, right):
            sides = _spots(left, subject), _spots(right, subject)
            return _nearest(*sides, node.most) + (
                [] if node.ordered else _nearest(*sides[::-1], node.most)
            )
        case Beside(left, right):
            return _in_one_unit(node, _spots(left, subject), _spots(right, subject), subject)
        case And() | Not() | Site() | Equals() | Range() | Flag():
            raise AssertionError(f"{node} stands nowhere")
        case _:
            return _leaf(node, subject.texts("text"), subject.language)


def _nearest(left: list[_Spot], right: list[_Spot], most: int) -> list[_Spot]:
    """Each of a side with the nearest of the other, if at most so many words are between."""
    pairs = []
    for one in left:
        after = [spot for spot in right if spot.text == one.text and spot.first > one.last]
        if after:
            pairs.append((one, min(after)))
    for one in right:
        before = [spot for spot in left if spot.text == one.text and spot.last < one.first]
        if before:
            pairs.append((max(before, key=lambda spot: (spot.last, spot.first)), one))
    return [
        _Spot(one.text, one.first, other.last, one.start, other.end)
        for one, other in pairs
        if other.first - one.last - 1 <= most
    ]


def _in_one_unit(
    node: Beside, left: list[_Spot], right: list[_Spot], subject: _Subject
) -> list[_Spot]:
    field = "text"
    leaf: Node = node
    while not isinstance(leaf, Within):
        if isinstance(leaf, Near | Beside):
            leaf = leaf.left
        elif isinstance(leaf, Or):
            leaf = leaf.children[0]
        else:
            break
    else:
        field = leaf.field
    units: list[tuple[int, int, int]] = []
    for number, text in enumerate(field_texts(field, subject.post)):
        starts = (sentences if node.unit == "sentence" else paragraphs)(text)
        ends = [*starts[1:], len(text) + 1]
        units += [(number, start, end) for start, end in zip(starts, ends, strict=True)]
    found = []
    for number, start, end in units:
        sides = [
            [s for s in side if s.text == number and start <= s.start and s.end <= end]
            for side in (left, right)
        ]
        far = 10**9
        found += _nearest(sides[0], sides[1], far) + _nearest(sides[1], sides[0], far)
    return found


def _leaf(  # noqa: PLR0911 (one line for each kind of leaf)
    leaf: Placed, texts: list[_Text], language: str
) -> list[_Spot]:
    match leaf:
        case Word(term):
            return _where(texts, lambda word, _: word == term)
        case Prefix(begin):
            return _where(texts, lambda word, _: word.startswith(begin))
        case Pattern(term):
            return _where(texts, lambda word, _: _fits(term, word))
        case Stem():
            return _where(texts, lambda word, raw: stems.fits(leaf, raw, word, language))
        case Phrase(terms):
            return _phrase(terms, texts)
        case Written(terms):
            return _written(leaf, _phrase(terms, texts), texts)
        case Sloppy():
            return _sloppy(leaf, texts)
        case Hashtag(tag):
            found = [(n, *m) for n, text in enumerate(texts) for m in tokens.hashtags(text.text)]
            return [_marked(texts, m[0], m[2], m[3]) for m in found if fold(m[1]) == tag]
        case Mention(handle):
            found = [(n, *m) for n, text in enumerate(texts) for m in links.mentions(text.text)]
            named = [m for m in found if _is_called(fold(m[1]), handle)]
            return [_marked(texts, m[0], m[2], m[3]) for m in named]


def _is_called(named: str, handle: str) -> bool:
    return named == handle or (named.startswith(handle) and named[len(handle)] in ".@")


def _where(texts: list[_Text], wanted: Callable[[str, str], bool]) -> list[_Spot]:
    return [
        _Spot(number, at, at, start, end)
        for number, text in enumerate(texts)
        for at, (word, start, end) in enumerate(text.words)
        if wanted(word, text.text[start:end])
    ]


def _phrase(terms: tuple[str, ...], texts: list[_Text]) -> list[_Spot]:
    return [
        _Spot(number, at, at + len(terms) - 1, words[at][1], words[at + len(terms) - 1][2])
        for number, (_, words) in enumerate(texts)
        for at in range(len(words) - len(terms) + 1)
        if tuple(word for word, _, _ in words[at : at + len(terms)]) == terms
    ]


def _written(leaf: Written, spots: list[_Spot], texts: list[_Text]) -> list[_Spot]:
    found = []
    for spot in spots:
        text, words = texts[spot.text]
        bounds = [(start, end) for _, start, end in words[spot.first : spot.last + 1]]
        if written.stands(leaf, text, bounds):
            start, end = written.extent(leaf, bounds)
            found.append(spot._replace(start=start, end=end))
    return found


def _sloppy(leaf: Sloppy, texts: list[_Text]) -> list[_Spot]:
    """All ways to choose a word for each term are tried, and those kept that begin a place.

    A way begins a place if no other way with the same smallest distance comes before it, term by
    term: the same that `positions.windows` finds without trying.
    """
    found = []
    for number, (_, words) in enumerate(texts):
        spots = [[at for at, (word, _, _) in enumerate(words) if word == t] for t in leaf.terms]
        best: dict[int, tuple[int, ...]] = {}
        for way in product(*spots):
            apart = [at - term for term, at in enumerate(way)]
            if len(set(way)) == len(way) and max(apart) - min(apart) <= leaf.slop:
                best[min(apart)] = min(way, best.get(min(apart), way))
        for way in best.values():
            first, last = min(way), max(way)
            found.append(_Spot(number, first, last, words[first][1], words[last][2]))
    return found


def _fits(term: str, word: str) -> bool:
    if term[0] == "'":
        return word.find("'") >= 0 and term[1:] in word.split("'")
    asked, tilde, edits = term.rpartition("~")
    if tilde and term[0] != "/":
        return counted_edits(asked, word) <= int(edits)
    return meets(term, word)


def counted_edits(one: str, other: str) -> int:
    """How many letters are added, left out, changed or swapped; a table, filled row by row."""
    table = [[i + j for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            changed = table[i - 1][j - 1] + (one[i - 1] != other[j - 1])
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, changed)
            if i > 1 and j > 1 and one[i - 2 : i] == other[j - 2 : j][::-1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def _marked(texts: list[_Text], number: int, start: int, end: int) -> _Spot:
    """A tag or handle, and the words it is made of."""
    inside = [
        at
        for at, (_, first, last) in enumerate(texts[number].words)
        if last > start and first < end
    ]
    before = sum(last <= start for _, _, last in texts[number].words)
    first, last = (inside[0], inside[-1]) if inside else (before, before)
    return _Spot(number, first, last, start, end)


def _listed(tag: str, post: Post) -> list[_Spot]:
    return [
        _Spot(LISTED, at, at, at, at + 1)
        for at, found in enumerate(post.hashtags)
        if fold(found.strip().lstrip("#\uff03")) == tag
    ]


def _spans(spots: list[_Spot]) -> list[Span]:
    """Every covered character of a field, run by run."""
    spans: list[Span] = []
    for number, name in ((0, "title"), (1, "text")):
        stretches = [(spot.start, spot.end) for spot in spots if spot.text == number]
        covered = sorted({at for start, end in stretches for at in range(start, end)})
        for at in covered:
            if spans and spans[-1].field == name and spans[-1].end == at:
                spans[-1] = Span(spans[-1].field, spans[-1].start, at + 1)
            else:
                spans.append(Span("title" if number == 0 else "text", at, at + 1))
    listed = sorted({spot.start for spot in spots if spot.text == LISTED})
    return spans + [Span("hashtags", at, at + 1) for at in listed]
