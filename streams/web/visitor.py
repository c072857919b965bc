"""Who looks at a page: name, role, language and time zone, as every page is told them."""

from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Request
from starlette.exceptions import HTTPException

from streams.roles import Role, at_least

Language = Literal["en", "fr", "ru"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "fr", "ru")
Theme = Literal["auto", "light", "dark"]
THEMES: Final[tuple[Theme, ...]] = ("auto", "light", "dark")
LOCAL: Final = "local"
"""Whose name stands beside what is done where nobody logs in."""
VISITOR: Final = "veille.visitor"
"""Where the middleware leaves the visitor in a request's scope."""
PREFERRED: Final = "veille.preferred"
"""Where what a user once chose is left in the scope, for the middleware of `streams.web.reading`:
a mapping with any of `language`, `zone` and `theme`."""


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. `zone` is an IANA name; `name` is empty for one that nobody knows."""

    name: str = LOCAL
    role: Role = "admin"
    language: Language = "en"
    zone: str = "UTC"
    zone_chosen: bool = False
    """Whether someone asked for that zone: a browser may then not suggest another."""
    theme: Theme = "auto"
    session: str = ""
    """Marks one login: what is made for it, such as a form's token, is shown to no other."""
    shared: str = ""
    """The id of the shared link this visitor came by: it reads that view alone."""
    carried: tuple[tuple[str, str], ...] = ()
    """`ui` and `tz` as the address gives them: every link of the page gives them again."""

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def alike(self) -> "Visitor":
        """Nobody in particular who is shown the same words, times and links: a key for what is
        written once for many."""
        return Visitor(language=self.language, zone=self.zone, carried=self.carried)

    def may(self, role: Role) -> bool:
        """Whether this visitor has at least that role."""
        return at_least(self.role, role)


def visitor_of(request: Request) -> Visitor:
    """Who asks, as the middleware of the app found; a local visitor where there is none."""
    found = request.scope.get(VISITOR)
    return found if isinstance(found, Visitor) else Visitor()


def require(request: Request, role: Role) -> Visitor:
    """Who asks, if they may. Raises `HTTPException` 403."""
    visitor = visitor_of(request)
    if not visitor.may(role):
        raise LacksRole(role)
    return visitor


def signed(visitor: Visitor, typed: str) -> str:
    """Whose name stands beside what is done: where nobody logs in, the one that was typed."""
    return typed if visitor.name == LOCAL else visitor.name


class LacksRole(HTTPException):
    """Says what is needed."""

    def __init__(self, role: Role) -> None:
        from streams.web.i18n import _  # noqa: PLC0415 # which needs this module

        said = _("This needs the role %(role)s. Remedy: ask an admin of Veille", role=role)
        super().__init__(403, said)
        self.role = role
