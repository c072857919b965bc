"""CSS selectors over `connectors.tree`: the part of the language that pages are read with.

Tags, `*`, `.class`, `#id`, attributes (`[a]`, `=`, `~=`, `|=`, `^=`, `$=`, `*=`), the combinators
` `, `>`, `+` and `~`, commas, `:first-child`, `:last-child`, `:nth-child(3)`, `:not(…)`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from connectors.tree import Element

Test = Callable[[Element], bool]

_IDENT: Final = r"(?:[\w\u0080-\uffff-]|\\.)+"
_PART: Final = re.compile(
    rf"(?P<tag>{_IDENT}|\*)"
    rf"|\.(?P<class>{_IDENT})"
    rf"|\#(?P<id>{_IDENT})"
    rf"|\[\s*(?P<name>{_IDENT})\s*(?:(?P<how>[~|^$*]?=)\s*"
    rf"(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>{_IDENT}))\s*)?\]"
    r"|:(?P<pseudo>first-child|last-child)"
    r"|:nth-child\(\s*(?P<nth>\d{1,6})\s*\)"
    r"|:not\(\s*(?P<not>[^()]+)\)"
)
_COMBINATOR: Final = re.compile(r"\s*([>+~])\s*|\s+")
_COMMA: Final = re.compile(r"\s*,\s*")


@dataclass(frozen=True, slots=True)
class _Step:
    """A compound selector, and how it hangs on the one before: ` `, `>`, `+`, `~`."""

    combinator: str
    tests: tuple[Test, ...]

    def fits(self, element: Element) -> bool:
        return all(test(element) for test in self.tests)


class Selector:
    """`Selector("div.item > a")`. Raises `ValueError` with the place where it can't be read."""

    def __init__(self, text: str) -> None:
        self._chains = _parse(text.strip())

    def matches(self, element: Element) -> bool:
        return any(_fits(element, chain, len(chain) - 1) for chain in self._chains)

    def select(self, root: Element) -> Iterator[Element]:
        """The elements inside `root` that match, in the page's order."""
        return (element for element in root.walk() if self.matches(element))


def _fits(element: Element, chain: list[_Step], at: int) -> bool:
    step = chain[at]
    if not element.name or not step.fits(element):
        return False
    if at == 0:
        return True
    return any(_fits(one, chain, at - 1) for one in _related(element, step.combinator))


def _related(element: Element, combinator: str) -> Iterator[Element]:
    parent = element.parent
    if combinator in (" ", ">"):
        while parent is not None:
            yield parent
            parent = parent.parent if combinator == " " else None
        return
    before = parent.children[: parent.children.index(element)] if parent else []
    yield from before[-1:] if combinator == "+" else before


def _parse(text: str) -> list[list[_Step]]:
    chains: list[list[_Step]] = []
    chain: list[_Step] = []
    combinator, at = " ", 0
    while True:
        tests, end = _compound(text, at)
        if not tests:
            raise ValueError(f"the selector {text!r:.120} can't be read at {text[at:]!r:.40}")
        chain.append(_Step(combinator, tuple(tests)))
        at = end
        if at == len(text):
            return [*chains, chain]
        if comma := _COMMA.match(text, at):
            chains.append(chain)
            chain, combinator, at = [], " ", comma.end()
        elif found := _COMBINATOR.match(text, at):
            combinator, at = found.group(1) or " ", found.end()
        else:
            raise ValueError(f"the selector {text!r:.120} can't be read at {text[at:]!r:.40}")


def _compound(text: str, at: int) -> tuple[list[Test], int]:
    tests: list[Test] = []
    while found := _PART.match(text, at):
        if found.group("tag") and tests:
            break
        tests.append(_test(found))
        at = found.end()
    return tests, at


def _test(found: re.Match[str]) -> Test:
    kind = next(name for name in _TESTS if found.group(name) is not None)
    return _TESTS[kind](found)


def _tag(found: re.Match[str]) -> Test:
    name = _plain(found["tag"]).lower()
    return lambda element: name in ("*", element.name)


def _class(found: re.Match[str]) -> Test:
    name = _plain(found["class"])
    return lambda element: name in element.classes


def _id(found: re.Match[str]) -> Test:
    name = _plain(found["id"])
    return lambda element: element.attributes.get("id") == name


def _named(found: re.Match[str]) -> Test:
    quoted = (found[name] for name in ("double", "single") if found[name] is not None)
    value = next(quoted, _plain(found["bare"] or ""))
    return _attribute(_plain(found["name"]).lower(), found["how"] or "", value)


def _not(found: re.Match[str]) -> Test:
    inner = Selector(found["not"])
    return lambda element: not inner.matches(element)


def _attribute(name: str, how: str, value: str) -> Test:
    compare: dict[str, Callable[[str], bool]] = {
        "": lambda _: True,
        "=": lambda held: held == value,
        "~=": lambda held: value in held.split(),
        "|=": lambda held: held == value or held.startswith(value + "-"),
        "^=": lambda held: bool(value) and held.startswith(value),
        "$=": lambda held: bool(value) and held.endswith(value),
        "*=": lambda held: bool(value) and value in held,
    }
    test = compare[how]
    return lambda element: name in element.attributes and test(element.attributes[name])


def _child(at: int) -> Test:
    def test(element: Element) -> bool:
        siblings = element.parent.children if element.parent else [element]
        return -1 <= at < len(siblings) and siblings[at] is element

    return test


def _plain(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


_TESTS: Final[dict[str, Callable[[re.Match[str]], Test]]] = {
    "tag": _tag,
    "class": _class,
    "id": _id,
    "name": _named,
    "not": _not,
    "nth": lambda found: _child(int(found["nth"]) - 1),
    "pseudo": lambda found: _child(0 if found["pseudo"] == "first-child" else -1),
}
