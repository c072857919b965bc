"""Facts of posts as terms of the index (`source=rss`, `site=example.com`, `author=banker`).

Only topics that no word anchors need them; which kinds they need is counted, and nothing is
looked for that nobody asks.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from connectors.post import Post
from streams.criteria.facts import EQUALS, field_texts
from streams.criteria.languages import primary
from streams.criteria.links import sites
from streams.criteria.positions import read


class Signals:
    """What of a post is asked for besides its words."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        """What is asked for, and by how many."""

    def add(self, terms: Iterable[str]) -> None:
        """Ask for these terms; those of words are passed over."""
        self.kinds.update(_kinds(terms))

    def remove(self, terms: Iterable[str]) -> None:
        """Undo `add` with the same terms."""
        self.kinds -= Counter(_kinds(terms))

    def terms(self, post: Post, lang: str | Callable[[], str]) -> set[str]:
        """The terms of a post of the kinds that are asked for. Linear in its texts."""
        found: set[str] = set()
        for kind in self.kinds:
            found.update(f"{kind}={value}" for value in _values(kind, post, lang))
        return found


def is_fact(term: str) -> bool:
    """Whether this is a fact of a post; no word has an equals sign in it."""
    return "=" in term and term.partition("=")[0] in KINDS


def _kinds(terms: Iterable[str]) -> list[str]:
    return [term.partition("=")[0] for term in terms if is_fact(term)]


KINDS = frozenset({*EQUALS, "site", "author", "bio", "place", "link"})


def _values(kind: str, post: Post, lang: str | Callable[[], str]) -> Iterable[str]:
    if kind == "site":
        return sites(post)
    if kind == "lang":
        return [primary(lang if isinstance(lang, str) else lang())]
    for field, value in EQUALS.items():
        if field == kind:
            return [value(post, "")]
    words = {word for text in field_texts(kind, post) for word in read(text)[0]}
    return {*words, "*"} if words else words
