"""Why a post met a topic, or why it did not: every clause with what met it.

The clauses are asked one by one of the same `Document` that the matcher asks, so that an
explanation can't tell another story than the pipeline. Time: that of the query's size times the
post's words, for nothing is left out once the answer is known.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

import msgspec

from connectors.post import Post
from streams.criteria.describe import children, describe, kind, shortened
from streams.criteria.document import Document
from streams.criteria.hints import apart, hint, told
from streams.criteria.keys import prefixes
from streams.criteria.languages import admits, primary
from streams.criteria.matcher import anchored
from streams.criteria.plan import plan
from streams.criteria.syntax import And, Equals, Flag, Near, Node, Not, Or, Range, Site
from streams.criteria.topics import Topic
from streams.criteria.vocabulary import Vocabulary
from streams.records import Span

WHOLE: Final = 2_000
"""How much of a clause is written out, in characters."""

_MANY: Final = 12


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """A clause of the query: whether the post meets it, by what, and what it is made of.

    `decisive` marks the clauses on which a refusal hangs: were they all the other way round, the
    post would have met the query.
    """

    query: str
    kind: str
    met: bool
    spans: list[Span] = []
    decisive: bool = False
    children: list["Part"] = []


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A clause that kept the post out, and the reason; for an exclusion, what met it."""

    query: str
    reason: str
    spans: list[Span] = []
    depth: int = 0


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer for one topic and one post; `failed` has the deepest clauses first.

    `admitted` tells whether the post's language (`lang`) is one of the topic's `languages`.
    """

    topic: str
    met: bool
    tree: Part
    lang: str = ""
    languages: list[str] = []
    admitted: bool = True
    spans: list[Span] = []
    failed: list[Failure] = []


def explain(topic: Topic, post: Post, lang: str = "") -> Explanation:
    """Try the topic on the post and tell what decided. `met` is what `Matcher.match` answers.

    Raises `QueryError` for a query that the matcher refuses.
    """
    tree, _ = anchored(topic)
    document = _document(tree, post, primary(lang))
    root = _Clause(tree, document)
    admitted = admits(frozenset(map(primary, topic.languages)), primary(lang))
    failed = [] if root.met else list(root.failures(0))
    failed.sort(key=lambda pair: -pair[1])
    decisive = {id(clause) for clause, _ in failed}
    reasons = [_failure(clause, depth, document) for clause, depth in failed]
    if not admitted:
        reasons.insert(0, _wrong_language(topic, lang))
    return Explanation(
        topic=topic.id,
        met=root.met and admitted,
        tree=root.part(decisive),
        lang=lang,
        languages=topic.languages,
        admitted=admitted,
        spans=root.spans,
        failed=reasons,
    )


def _document(tree: Node, post: Post, language: str) -> Document:
    vocabulary = Vocabulary()
    for start in prefixes(tree):
        vocabulary.add_prefix(start)
    return Document(post, vocabulary.terms(post), vocabulary, language)


class _Clause:
    """A node that was tried, with the clauses in it."""

    def __init__(self, node: Node, document: Document) -> None:
        self.node = node
        self.children = [_Clause(child, document) for child in children(node)]
        self._plan = plan(node)
        self._document = document
        self.met: bool
        match node:
            case And():
                self.met = all(child.met for child in self.children)
            case Or():
                self.met = any(child.met for child in self.children)
            case Not():
                self.met = not self.children[0].met
            case _:
                self.met = self._plan.met(document)

    @cached_property
    def spans(self) -> list[Span]:
        """What in the post met it."""
        return self._document.spans(self._plan.hits(self._document)) if self.met else []

    def failures(self, depth: int) -> Iterator[tuple["_Clause", int]]:
        """The clauses below that decide that this one is not met, with their depths."""
        missed = [child for child in self.children if not child.met]
        if isinstance(self.node, And):
            for child in missed:
                yield from child.failures(depth + 1)
            return
        if isinstance(self.node, Or):
            missed = [c for c in missed if any(part.met for part in c.children)]
        if not isinstance(self.node, Not):
            for child in missed:
                yield from child.failures(depth + 1)
        yield self, depth

    def part(self, decisive: set[int]) -> Part:
        """For the reader; inner clauses show the spans of what is in them, not their own."""
        return Part(
            query=describe(self.node, WHOLE),
            kind=kind(self.node),
            met=self.met,
            spans=[] if isinstance(self.node, And | Or | Not) else self.spans,
            decisive=id(self) in decisive,
            children=[child.part(decisive) for child in self.children],
        )


def _failure(clause: _Clause, depth: int, document: Document) -> Failure:
    written = describe(clause.node, WHOLE)
    match clause.node:
        case Not(child):
            spans = clause.children[0].spans
            what = " and ".join(dict.fromkeys(texts(spans, document.post))) or describe(child)
            return Failure(written, f"excluded by what the post says: {what}", spans, depth)
        case Or(alternatives):
            reason = f"none of these {len(alternatives)} is in the post"
            return Failure(written, reason + hint(clause.node, document.post), [], depth)
        case node if clause.children:
            sides = [child.spans for child in clause.children]
            reason = "its parts are in the post, but not placed as it wants them"
            reason += apart(sides[0], sides[1], document.post) if isinstance(node, Near) else ""
            if not all(child.met for child in clause.children):
                reason = "a part of it is missing"
            return Failure(describe(node, WHOLE), reason, [], depth)
        case Range() | Equals() | Flag() | Site() as fact:
            return Failure(written, told(fact, document.post, document.language), [], depth)
        case node:
            return Failure(written, "not in the post" + hint(node, document.post), [], depth)


def _wrong_language(topic: Topic, lang: str) -> Failure:
    wanted = ", ".join(topic.languages)
    return Failure(
        f"languages: {wanted}", f"the post is in {lang or 'no known language'}, not in {wanted}"
    )


def texts(spans: Sequence[Span], post: Post) -> Iterator[str]:
    """What stands in the post where the spans say."""
    fields = {"title": post.title, "text": post.text, "url": post.url}
    for span in spans:
        if span.field == "hashtags":
            yield f"#{post.hashtags[span.start].lstrip('#')}"
        elif span.field in fields:
            yield fields[span.field][span.start : span.end]
        else:
            yield f"the {span.field}"


def marked(post: Post, spans: Sequence[Span], before: str = "«", after: str = "»") -> str:
    """Title and text with the spans between marks; the hashtags that met at the end."""
    lines = [_marked(post.title, "title", spans, before, after)] if post.title else []
    lines.append(_marked(post.text, "text", spans, before, after))
    tags = [f"#{post.hashtags[s.start].lstrip('#')}" for s in spans if s.field == "hashtags"]
    return "\n".join([*lines, *([f"{before}{' '.join(tags)}{after}"] if tags else [])])


def _marked(text: str, field: str, spans: Sequence[Span], before: str, after: str) -> str:
    parts, at = [], 0
    for span in spans:
        if span.field == field:
            parts += [text[at : span.start], before, text[span.start : span.end], after]
            at = span.end
    return "".join([*parts, text[at:]])


def tree_lines(explanation: Explanation, post: Post) -> Iterator[str]:
    """The tree, one clause a line: ✓ met, ✗ not met, ◀ decisive. Long lists of misses are cut."""
    yield from _lines(explanation.tree, post, 0)


def _lines(part: Part, post: Post, depth: int) -> Iterator[str]:
    what = ", ".join(f"“{text}”" for text in dict.fromkeys(texts(part.spans, post)))
    where = ", ".join(dict.fromkeys(span.field for span in part.spans))
    inner = part.kind.upper() if part.kind in {"and", "or", "not"} else shortened(part.query)
    line = f"{'  ' * depth}{'✓' if part.met else '✗'} {inner}"
    line += f"  {what} in {where}" if part.spans else ""
    yield line + ("  ◀" if part.decisive else "")
    cut = [child for child in part.children if child.met or child.children or child.decisive]
    few = len(part.children) <= _MANY
    for child in part.children if few else cut:
        yield from _lines(child, post, depth + 1)
    if not few and len(cut) < len(part.children):
        yield f"{'  ' * (depth + 1)}✗ … {len(part.children) - len(cut):,} more, not in the post"
