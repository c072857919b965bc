"""A page's elements as a tree, for selectors: tolerant of what pages omit, linear, bounded."""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from connectors.markup import PARAGRAPHS, Scanner, decode_entities

_VOID: Final = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
        *("source", "track", "wbr"),
    )
)
_ROWS: Final = frozenset(("tbody", "thead", "tfoot"))
_CELLS: Final = frozenset(("td", "th"))
_TERMS: Final = frozenset(("dt", "dd"))
_IMPLIED: Final = {
    "li": (frozenset(("li",)), frozenset(("ul", "ol", "menu"))),
    "option": (frozenset(("option",)), frozenset(("select",))),
    **dict.fromkeys(_TERMS, (_TERMS, frozenset(("dl",)))),
    **dict.fromkeys(_ROWS, (_ROWS, frozenset(("table",)))),
    "tr": (frozenset(("tr",)), frozenset(("table",)) | _ROWS),
    **dict.fromkeys(_CELLS, (_CELLS, frozenset(("tr", "table")))),
    **dict.fromkeys(
        PARAGRAPHS, (frozenset(("p",)), frozenset(("td", "th", "button", "li", "div", "section")))
    ),
}
"""What a tag ends that was left open, and where looking for it stops."""
_DEEPEST: Final = 400
_MOST: Final = 200_000
_LONGEST_TAG: Final = 16_384
_NAME: Final = re.compile(r"</?[A-Za-z][A-Za-z0-9:-]*+")
_ATTRIBUTE: Final = re.compile(
    r"""([^\s"'<>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++)))?"""
)
_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_META: Final = re.compile(rb"""<meta[^>]{1,300}?charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.I)
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_.:-]{1,40})", re.I)


@dataclass(slots=True, eq=False)
class Element:
    """`start` and `end` are where its content lies in the page's markup."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    parent: "Element | None" = None
    children: "list[Element]" = field(default_factory=list)
    start: int = 0
    end: int = 0

    def walk(self) -> "Iterator[Element]":
        """All elements inside, in the page's order."""
        waiting = self.children[::-1]
        while waiting:
            one = waiting.pop()
            yield one
            waiting += one.children[::-1]

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()


class Page:
    """A page that was read: `root` holds its elements."""

    def __init__(self, markup: str) -> None:
        self.markup = markup
        builder = _Builder(markup)
        builder.run()
        self.root = builder.finish()

    def inside(self, element: Element) -> str:
        """The markup between an element's tags."""
        return self.markup[element.start : element.end]


class _Builder(Scanner):
    def __init__(self, markup: str) -> None:
        super().__init__(markup, len(markup) + 1)
        self._root = Element("")
        self._stack = [self._root]
        self._open: Counter[str] = Counter()
        self._count = 0

    def emit(self, text: str) -> None:
        """Text is read from the markup when it is asked for."""

    def tag(self, name: str, opening: int, end: int, *, closing: bool) -> None:
        if closing:
            if self._open[name]:
                self._close(frozenset((name,)), frozenset(), opening)
            return
        if name in _IMPLIED:
            self._close(*_IMPLIED[name], opening)
        self._count += 1
        if self._count > _MOST or len(self._stack) > _DEEPEST:
            return
        parent = self._stack[-1]
        element = Element(name, self._attributes(opening, end), parent, [], end + 1, end + 1)
        parent.children.append(element)
        if name not in _VOID:
            self._stack.append(element)
            self._open[name] += 1

    def finish(self) -> Element:
        for element in self._stack:
            element.end = len(self.markup)
        return self._root

    def _close(self, names: frozenset[str], stops: frozenset[str], at: int) -> None:
        """End the nearest open element of these names, and all inside it."""
        if not any(self._open[name] for name in names):
            return
        for depth in range(len(self._stack) - 1, 0, -1):
            name = self._stack[depth].name
            if name in names:
                for element in self._stack[depth:]:
                    element.end = at
                    self._open[element.name] -= 1
                del self._stack[depth:]
                return
            if name in stops:
                return

    def _attributes(self, opening: int, end: int) -> dict[str, str]:
        named = _NAME.match(self.markup, opening)
        start = named.end() if named else opening
        found: dict[str, str] = {}
        for one in _ATTRIBUTE.finditer(self.markup, start, min(end, start + _LONGEST_TAG)):
            value = next((text for text in one.groups()[1:] if text is not None), "")
            found.setdefault(one.group(1).lower(), decode_entities(value))
        return found


def decoded(body: bytes, content_type: str = "", encoding: str = "") -> str:
    """A page's text: by `encoding`, its byte order mark, the answer's header, its own `<meta>`,
    else UTF-8, and where it is not that, windows-1252. What can't be decoded shows as U+FFFD."""
    for mark, name in _MARKS.items():
        if body.startswith(mark) and not encoding:
            return body.decode(name, "replace")
    header = _CHARSET.search(content_type)
    meta = _META.search(body[:4096])
    told = (encoding, header.group(1) if header else "", meta.group(1).decode() if meta else "")
    for name in filter(None, told):
        if codec := known_encoding(name):
            return body.decode(codec, "replace")
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("windows-1252", "replace")


def known_encoding(name: str) -> str:
    """Python's name of a text encoding, empty for none; Latin-1 means windows-1252, as on the
    Web."""
    try:
        codec = codecs.lookup(name.strip())
        " ".encode(codec.name)
    except (LookupError, ValueError, TypeError):
        return ""
    return "cp1252" if codec.name in ("iso8859-1", "ascii") else codec.name
