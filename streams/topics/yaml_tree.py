"""YAML as a tree of places: the parser's events, aliases left as they are written."""

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

import yaml

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Tree(NamedTuple):
    """A node of the text from `start` to `end`, with its anchor and tag; `end` lies after its last
    character that is not blank. A map's children are its keys and values in turn."""

    kind: Literal["scalar", "map", "list", "alias"]
    start: int
    end: int
    value: str = ""
    style: str | None = None
    flow: bool = False
    children: tuple["Tree", ...] = ()

    @property
    def pairs(self) -> list[tuple["Tree", "Tree"]]:
        return list(zip(self.children[::2], self.children[1::2], strict=True))

    def under(self, name: str) -> "Tree | None":
        """The value of a key; of twins, the one that counts."""
        found = [value for key, value in self.pairs if key.value == name and key.kind == "scalar"]
        return found[-1] if found else None


def load(text: str) -> Any:
    """The plain value of a document. Raises `yaml.YAMLError`, and `ValueError` for a date that is
    none."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506  # a safe loader


def dashes(text: str) -> list[int]:
    """Where a `-` begins an item. Raises `yaml.YAMLError`."""
    tokens = yaml.scan(text, Loader=_LOADER)
    return [token.start_mark.index for token in tokens if isinstance(token, yaml.BlockEntryToken)]


def tree_of(text: str) -> Tree:
    """The tree of one document. Raises `yaml.YAMLError`."""
    events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
    next(events), next(events)  # the start of stream and document
    return _node(text, next(events), events)


def _node(text: str, event: Any, events: Iterator[Any]) -> Tree:
    start = _index(event.start_mark)
    if isinstance(event, yaml.AliasEvent):
        return Tree("alias", start, _index(event.end_mark))
    if isinstance(event, yaml.ScalarEvent):
        end = start + len(text[start : _index(event.end_mark)].rstrip())
        return Tree("scalar", start, end, event.value, event.style)
    children = []
    following = next(events)
    while not isinstance(following, yaml.CollectionEndEvent):
        children.append(_node(text, following, events))
        following = next(events)
    kind: Literal["map", "list"] = "map" if isinstance(event, yaml.MappingStartEvent) else "list"
    flow = bool(event.flow_style)
    end = _index(following.end_mark) if flow else children[-1].end
    return Tree(kind, start, end, flow=flow, children=tuple(children))


def _index(mark: Any) -> int:
    """How many characters stand before it; the parser's marks are never missing."""
    at: int = mark.index
    return at
