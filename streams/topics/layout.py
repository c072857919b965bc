"""What a file of topics is made of, and changes as pieces of its text in the place of others."""

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Protocol

from streams.criteria.topics import Topic

Value = str | bool | list[Any]
Changes = Mapping[str, Value | None]
"""Fields of a topic by name; `None` takes the field out of the file."""

FIELDS: Final = (
    "id", "name", "query", "operator", "languages", "stem", "elision", "target", "sensitivity",
    "urgent", "rules", "matches", "rejects",
)  # fmt: skip
"""The fields of a topic in the order in which they are written."""

_BREAK: Final = re.compile(r"\r\n?|\n")


class Splice(NamedTuple):
    """`text` in the place of what stands from `start` to `end`."""

    start: int
    end: int
    text: str


class Block(NamedTuple):
    """Where one topic stands: from its dash or brace, `end` after its last character."""

    id: str
    start: int
    end: int
    text: str
    """As it is written, its lines as far to the left as they go, ended by `\\n`."""

    @property
    def digest(self) -> str:
        return digest(self.text)


class Layout(Protocol):
    """A text of a file of topics that can be read, and how to write it otherwise."""

    @property
    def blocks(self) -> list[Block]: ...

    def changed(self, block: Block, changes: Changes) -> str:
        """The whole text, in which the fields of the block are others."""
        ...

    def added(self, fields: Mapping[str, Value]) -> str:
        """The whole text with one more topic, after all others."""
        ...

    def added_text(self, text: str) -> str:
        """The same, written as a `Block.text`."""
        ...

    def removed(self, block: Block) -> str: ...

    def replaced(self, block: Block, text: str) -> str:
        """The whole text with a `Block.text` in the place of the block."""
        ...


def digest(text: str) -> str:
    """Of a `Block.text`: what a page says it was made from."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """The text with all of them done; they do not overlap."""
    for start, end, new in sorted(splices, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """After the break of the line that holds `at`, or the end of the text."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def newline_of(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def outdented(text: str, column: int) -> str:
    """A block's text with its lines moved `column` to the left."""
    first, *rest = _BREAK.split(text)
    return "\n".join([first, *(re.sub(f"^ {{0,{column}}}", "", line) for line in rest)])


def indented(text: str, column: int, newline: str) -> str:
    """Undo `outdented`."""
    first, *rest = text.split("\n")
    return newline.join([first, *(" " * column + line if line else line for line in rest)])


def fields_of(topic: Topic) -> dict[str, Value]:
    """What is said of a topic, in order; what goes without saying left out."""
    usual = Topic(id="", query="")
    said = {name: getattr(topic, name) for name in FIELDS}
    return {
        name: value
        for name, value in said.items()
        if name in ("id", "query") or value != getattr(usual, name)
    }
