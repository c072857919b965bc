"""HTML to plain text in one linear pass, whatever the input.

The standard parser has had quadratic corners (unclosed comments, bogus declarations), and posts
are hostile: this scanner looks at each character a bounded number of times. It follows the HTML
tokenizer where that changes what a reader sees, and never fails.
"""

import html
import re
from typing import Final

_RAW: Final = frozenset(
    ("script", "style", "template", "iframe", "noembed", "noframes", "title", "svg", "math")
)
PARAGRAPHS: Final = frozenset(
    (
        *("address", "article", "aside", "blockquote", "details", "div", "dl", "fieldset"),
        *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
        *("hr", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "ul"),
    )
)
_LINES: Final = frozenset(("br", "li", "tr", "dd", "dt", "option"))
_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9:-]{0,31})")
_HREF = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.IGNORECASE)
_TAG_STOP = re.compile(r"""[>"']""")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};?)")
_HUGE_REFERENCE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")
_ELLIPSES = ("…", "...")


def decode_entities(text: str) -> str:
    """Character references decoded exactly once. `html.unescape` alone fails on `&#9…9;` with
    more digits than Python turns into a number."""
    if "&" not in text:
        return text
    text = _HUGE_REFERENCE.sub("\ufffd", text)
    return _REFERENCE.sub(lambda found: html.unescape(found.group()), text)


def to_text(markup: str, limit: int) -> tuple[str, bool]:
    """What a reader sees of `markup`, and whether reading stopped early for having passed
    `limit` characters (or four times as many with tags). Linear in the part read."""
    scanner = Scanner(markup, limit)
    scanner.run()
    return "".join(scanner.out), scanner.stopped


class Scanner:
    """Reads markup once. A child may do otherwise with `emit` (text) and `tag` (tags)."""

    def __init__(self, markup: str, limit: int) -> None:
        self.markup = markup[: 4 * limit]
        self.limit = limit
        self.out: list[str] = []
        self.size = 0
        self.stopped = len(markup) > 4 * limit
        self._pre = 0
        self._quotes = True
        self._last_closing: int | None = None
        self._link: tuple[int, str] | None = None

    def run(self) -> None:
        at = 0
        while at < len(self.markup):
            if self.size > self.limit:
                self.stopped = True
                return
            opening = self.markup.find("<", at)
            if opening < 0:
                self._text(self.markup[at:])
                return
            self._text(self.markup[at:opening])
            at = self._markup(opening)

    def _text(self, raw: str) -> None:
        if raw:
            text = raw if self._pre else _SPACES.sub(" ", raw)
            self.emit(decode_entities(text))

    def emit(self, text: str) -> None:
        self.out.append(text)
        self.size += len(text)

    def _markup(self, opening: int) -> int:
        """Handle what starts with `<` and say where it ends."""
        following = self.markup[opening + 1 : opening + 2]
        if following in ("!", "?"):
            return self._declaration(opening)
        name = _NAME.match(self.markup, opening + 1)
        if name is None:
            self.emit("<")
            return opening + 1
        end = self._tag_end(name.end())
        if end < 0:
            self.emit("<")
            return opening + 1
        kind, closing = name.group(1).lower(), following == "/"
        if kind in _RAW and not closing:
            return self._after_raw(kind, end + 1)
        self.tag(kind, opening, end, closing=closing)
        return end + 1

    def _declaration(self, opening: int) -> int:
        if self.markup.startswith("<![CDATA[", opening):
            closing = self.markup.find("]]>", opening)
            inner = self.markup[opening + 9 : closing if closing >= 0 else None]
            self.emit(inner)
            return closing + 3 if closing >= 0 else len(self.markup)
        mark = "-->" if self.markup.startswith("<!--", opening) else ">"
        closing = self.markup.find(mark, opening + 2)
        # Unclosed: as browsers do, the rest is the comment.
        return closing + len(mark) if closing >= 0 else len(self.markup)

    def _tag_end(self, at: int) -> int:
        """Where the tag's `>` is, past quoted attributes; -1 if there is none.

        An unclosed quote would make each later tag scan to the end again: after the first one,
        quotes mean nothing any more, which keeps the pass linear.
        """
        while self._quotes:
            found = _TAG_STOP.search(self.markup, at)
            if found is None:
                break
            if found.group() == ">":
                return found.start()
            closing = self.markup.find(found.group(), found.end())
            if closing < 0:
                break
            at = closing + 1
        self._quotes = False
        if self._last_closing is None:
            self._last_closing = self.markup.rfind(">")
        return self.markup.find(">", at) if at <= self._last_closing else -1

    def tag(self, name: str, opening: int, end: int, *, closing: bool) -> None:
        """A tag from its `<` at `opening` to its `>` at `end`."""
        if name in _LINES:
            self.emit("\n")
        elif name in PARAGRAPHS:
            self.emit("\n\n")
        elif name in ("td", "th"):
            self.emit("\t" if closing else "")
        elif name == "a":
            self._anchor(opening, end, closing=closing)
        if name == "pre":
            self._pre = max(0, self._pre - 1) if closing else self._pre + 1

    def _after_raw(self, name: str, at: int) -> int:
        found = re.compile(rf"</{name}[\s/>]", re.IGNORECASE).search(self.markup, at)
        if found is None:
            return len(self.markup)
        closing = self.markup.find(">", found.end() - 1)
        return closing + 1 if closing >= 0 else len(self.markup)

    def _anchor(self, opening: int, end: int, *, closing: bool) -> None:
        """Sites shorten the visible text of long links: put the whole address back."""
        if not closing:
            found = _HREF.search(self.markup, opening, min(end, opening + 4096))
            href = decode_entities(next(filter(None, found.groups()), "")) if found else ""
            self._link = (len(self.out), href)
            return
        if self._link is None:
            return
        start, href = self._link
        self._link = None
        shown = "".join(self.out[start:])
        if shown.endswith(_ELLIPSES) and href.startswith(("http://", "https://")):
            bare = shown.rstrip(".…")
            if bare and href.removeprefix("https://").removeprefix("http://").startswith(
                bare.removeprefix("https://").removeprefix("http://")
            ):
                self.out[start:] = [href]
                self.size += len(href) - len(shown)
