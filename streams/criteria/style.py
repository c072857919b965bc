"""How a topic wants its words to be read, beside what the query says."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from streams.criteria.topics import Subquery, Topic


class Style(NamedTuple):
    """`stem` looks for all forms of the words, `elision` for what an apostrophe joins, too.

    `languages` are those whose forms are looked for (empty: all that can be stemmed); `queries`
    are the sub-queries that `@name` stands for.
    """

    stem: bool = False
    elision: bool = False
    languages: tuple[str, ...] = ()
    queries: Mapping[str, Subquery] = MappingProxyType({})


PLAIN: Final = Style()


def style_of(topic: Topic) -> Style:
    """The style of a topic."""
    return Style(topic.stem, topic.elision, tuple(topic.languages), topic.queries)
