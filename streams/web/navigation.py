"""The pages that stand in the header of every page, in the order of a working day."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from fastapi import FastAPI

from streams.roles import Role
from streams.web.i18n import N_
from streams.web.visitor import Visitor


class Place(NamedTuple):
    """A page of the navigation: `name` is what its template sets as `nav`."""

    name: str
    path: str
    word: str
    role: Role = "viewer"


PLACES: Final = (
    Place("overview", "/", N_("Overview")),
    Place("mentions", "/mentions", N_("Mentions")),
    Place("triage", "/triage", N_("Triage")),
    Place("topics", "/topics", N_("Topics")),
    Place("incidents", "/incidents", N_("Incidents")),
    Place("authors", "/authors", N_("Authors")),
    Place("sources", "/sources", N_("Sources")),
    Place("reports", "/reports", N_("Reports")),
    Place("users", "/users", N_("Users"), "admin"),
    Place("audit", "/audit", N_("Audit"), "admin"),
)


class Navigation:
    """The places that an app has. It is asked once all pages are added."""

    def __init__(self) -> None:
        self._places: Sequence[Place] = ()

    def look_at(self, app: FastAPI) -> None:
        """Keep the places that the app has routes for."""
        paths = {getattr(route, "path", "") for route in app.routes}
        self._places = tuple(place for place in PLACES if place.path in paths)

    def of(self, visitor: Visitor) -> Sequence[Place]:
        """What a visitor may open; nothing for who came by a shared link, or is not known."""
        if visitor.shared or not visitor.name:
            return ()
        return tuple(place for place in self._places if visitor.may(place.role))
