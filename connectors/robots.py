"""robots.txt as RFC 9309 has it: the longest matching rule decides, `Allow` at a tie."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote

_NAME: Final = "veille"
_LONGEST: Final = 512 * 1024
_MOST_RULES: Final = 5_000


@dataclass(slots=True)
class _Group:
    agents: list[str] = field(default_factory=list)
    rules: list[tuple[str, bool]] = field(default_factory=list)
    delay: float = 0.0


class Robots:
    """The rules for Veille: those that name it, else those for everyone."""

    def __init__(self, text: str) -> None:
        groups = _groups(text[:_LONGEST])
        own = [group for group in groups if _NAME in group.agents]
        chosen = own or [group for group in groups if "*" in group.agents]
        rules = [rule for group in chosen for rule in group.rules][:_MOST_RULES]
        self._rules = [(_normal(path), allowed) for path, allowed in rules if path]
        self.delay = max((group.delay for group in chosen), default=0.0)
        """Seconds between two requests that the site asks for (`Crawl-delay`), 0 where it does
        not."""

    def allows(self, path: str) -> bool:
        """Whether `path`, with its query, may be read."""
        wanted = _normal(path or "/")
        fitting = ((len(rule), allowed) for rule, allowed in self._rules if _fits(rule, wanted))
        return max(fitting, default=(0, True))[1]


def _groups(text: str) -> list[_Group]:
    groups: list[_Group] = []
    group = _Group()
    for field_name, value in _lines(text):
        if field_name == "user-agent":
            if group.rules or group.delay or not groups:
                group = _Group()
                groups.append(group)
            group.agents.append(value.lower().partition("/")[0].strip())
        elif field_name in ("allow", "disallow") and groups:
            # An empty path is a rule that fits nothing; it still ends the list of agents.
            group.rules.append((value, field_name == "allow"))
        elif field_name == "crawl-delay" and groups:
            try:
                group.delay = min(max(float(value), 0.0), 86_400.0)
            except ValueError:
                continue
    return groups


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for raw in text.removeprefix("\ufeff").splitlines():
        name, colon, value = raw.partition("#")[0].partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _normal(path: str) -> str:
    """One way of writing percent-encoded characters."""
    return quote(unquote(path, errors="replace"), safe="/?&=*$%:;,+!'()@~.-_")


def _fits(rule: str, path: str) -> bool:
    """`*` stands for anything, `$` for the end. Linear: each piece is looked for from where the
    one before ended."""
    whole = rule.endswith("$")
    first, *pieces = rule.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not pieces:
        return not whole or at == len(path)
    last = pieces.pop() if whole else ""
    for piece in pieces:
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return not whole or (path.endswith(last) and len(path) - len(last) >= at)
