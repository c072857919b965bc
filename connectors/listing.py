"""Items of a list page, found by a user's selectors."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from connectors import times
from connectors.selectors import Selector
from connectors.text import line, link, plain
from connectors.tree import Element, Page, decoded

_ATTR: Final = "::attr("
_MOST_ITEMS: Final = 1_000
_LONGEST_TITLE: Final = 300
_MONTHS: Final = {
    name: f"{number:02}"
    for number, names in enumerate(
        (
            "января janvier", "февраля février", "марта mars", "апреля avril", "мая mai",
            "июня juin", "июля juillet", "августа août", "сентября septembre",
            "октября octobre", "ноября novembre", "декабря décembre",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
"""Russian and French months, which `%m` then reads wherever Veille runs."""


class Pick:
    """A selector with what to take of its first match: `a.title`, `a::attr(href)`, and
    `::attr(id)` for the item itself. Raises `ValueError` where it can't be read."""

    def __init__(self, text: str) -> None:
        css, mark, rest = text.partition(_ATTR)
        if mark and not rest.endswith(")"):
            raise ValueError(f"the selector {text!r:.120} does not end its ::attr(…)")
        self.attribute = rest.removesuffix(")").strip().lower()
        self._selector = Selector(css) if css.strip() else None

    def find(self, item: Element) -> Element | None:
        return item if self._selector is None else next(self._selector.select(item), None)

    def text(self, page: Page, item: Element) -> str:
        """What it picks, as one line; empty where nothing matches."""
        found = self.find(item)
        if found is None:
            return ""
        if self.attribute:
            return line(found.attributes.get(self.attribute))
        return line(page.inside(found), html=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which part of an item is what; `None` where the page has none."""

    item: Selector
    title: Pick | None = None
    text: Pick | None = None
    author: Pick | None = None
    date: Pick | None = None
    link: Pick | None = None
    id: Pick | None = None
    next: Pick | None = None
    date_format: str = ""
    zone: ZoneInfo
    encoding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item; `created` is what the page says, `name` what it is known by."""

    name: str
    title: str
    text: str
    truncated: bool
    author: str
    link: str
    created: datetime | None
    raw: bytes

    @property
    def digest(self) -> str:
        return digest(f"{self.title}\n{self.text}\n{self.author}")

    @property
    def apart(self) -> str:
        """Its name where others have the same."""
        return f"{self.name}#{self.digest}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A page's items, newest first as lists have them, its language and its next page."""

    items: list[Item]
    lang: str = ""
    next: str = ""


def read(body: bytes, content_type: str, url: str, rules: Rules, now: datetime) -> Listing:
    """The items of a page at `url`. An item in which nothing was found has an empty name."""
    page = Page(decoded(body, content_type, rules.encoding))
    lang, base = "", url
    for element in page.root.walk():
        if element.name == "html":
            lang = line(element.attributes.get("lang"), limit=35)
        if element.name == "base":
            base = link(element.attributes.get("href"), url) or url
        if element.name == "body":
            break
    found = (_item(page, element, base, rules, now) for element in _elements(page, rules))
    items = list(found)
    following = rules.next.find(page.root) if rules.next else None
    after = _address(following, rules.next, base) if following and rules.next else ""
    return Listing(items, lang, after.partition("#")[0])


def distinct(items: Sequence[Item]) -> tuple[list[Item], str]:
    """Each item once, and a name that several different ones share, which then differ by what they
    hold."""
    held: dict[str, set[str]] = {}
    for item in items:
        held.setdefault(item.name, set()).add(item.digest)
    shared = next((name for name, digests in held.items() if name and len(digests) > 1), "")
    found: dict[tuple[str, str], Item] = {}
    for number, item in enumerate(items):
        name = item.name or str(number)
        if item.name and len(held[name]) > 1:
            item = replace(item, name=item.apart)  # noqa: PLW2901 - renamed
        found.setdefault((name, item.digest), item)
    return list(found.values()), shared


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _elements(page: Page, rules: Rules) -> Iterator[Element]:
    for number, element in enumerate(rules.item.select(page.root)):
        if number >= _MOST_ITEMS:
            return
        yield element


def _item(page: Page, element: Element, base: str, rules: Rules, now: datetime) -> Item:
    def picked(pick: Pick | None) -> str:
        return pick.text(page, element) if pick else ""

    inside = page.inside(element)
    body = rules.text.find(element) if rules.text else None
    if rules.text is None:
        text, truncated = plain(inside, html=True)
    elif body is None:
        text, truncated = "", False
    elif rules.text.attribute:
        text, truncated = plain(body.attributes.get(rules.text.attribute, ""), html=False)
    else:
        text, truncated = plain(page.inside(body), html=True)
    title = picked(rules.title)[:_LONGEST_TITLE]
    anchor = rules.link.find(element) if rules.link else _first_link(element)
    address = _address(anchor, rules.link, base)
    name = picked(rules.id) or address or (digest(f"{title}\n{text}") if title or text else "")
    return Item(
        name=name if title or text else "",
        title=title,
        text=text,
        truncated=truncated,
        author=picked(rules.author),
        link=address,
        created=_created(page, element, rules, now),
        raw=inside.encode("utf-8", "replace")[:65_536],
    )


def _first_link(element: Element) -> Element | None:
    if element.name == "a":
        return element
    return next((one for one in element.walk() if "href" in one.attributes), None)


def _address(element: Element | None, pick: Pick | None, base: str) -> str:
    if element is None:
        return ""
    name = pick.attribute if pick and pick.attribute else "href"
    return link(element.attributes.get(name), base).removesuffix("#")


def _created(page: Page, element: Element, rules: Rules, now: datetime) -> datetime | None:
    """The date that the item shows: of `<time>` its `datetime`. `None` where it can't be read."""
    found = rules.date.find(element) if rules.date else None
    if found is None or rules.date is None:
        return None
    shown = rules.date.text(page, element)
    stamp = found.attributes.get("datetime", "") if not rules.date.attribute else ""
    for text in (stamp, shown):
        if not text:
            continue
        try:
            return times.parse(_moment(text.strip(), rules), now=now)
        except (ValueError, OverflowError):
            continue
    return None


def _moment(text: str, rules: Rules) -> datetime | str:
    """By `date_format` where one is given and fits; a date without a zone is of `zone`."""
    try:
        if rules.date_format:
            written = " ".join(_MONTHS.get(word.lower(), word) for word in text.split())
            found = datetime.strptime(written, rules.date_format)  # noqa: DTZ007 - zoned below
        else:
            found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (found if found.tzinfo else found.replace(tzinfo=rules.zone)).astimezone(UTC)
