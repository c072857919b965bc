"""The dead letters' pages: the list, one letter with its bytes, and the two forms that change them.

A form carries a token of this process, which a page elsewhere can't read; and the guard lets no
request through that another site's page sent.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, get_args
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from connectors.letters import DeadLetter, Stage, printable
from connectors.post import utc_now
from streams.dead_letters import Outcome
from streams.store.port import LetterFilter, Store
from streams.web import journal
from streams.web.filters import BadFilter, Problem, one_of
from streams.web.i18n import NN_, _, ngettext
from streams.web.pages import Pages
from streams.web.visitor import require, visitor_of

SHOWN: Final = 100
PATH: Final = "/dead-letters"
_NOTED: Final = 200

Replay = Callable[[Sequence[DeadLetter]], Awaitable[list[Outcome]]]
"""Sends letters again and tells what became of them. Raises `VeilleError`."""


class LetterPages:
    """The routes over one store; `replay` is missing where there is no broker to send to."""

    def __init__(self, store: Store, pages: Pages, replay: Replay | None) -> None:
        self._store = store
        self._pages = pages
        self._replay = replay
        self._forms = pages.forms

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            (PATH, self.list, "GET"),
            (PATH + "/letter/{letter_id}", self.show, "GET"),
            (PATH + "/replay", self.replay, "POST"),
            (PATH + "/drop", self.drop, "POST"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )

    async def list(self, request: Request) -> Response:
        """The newest, of all or of a source, a stage, a reason."""
        where = _filter(request.query_params.multi_items())
        total, letters = await self._store.dead_letters(limit=SHOWN, where=where)
        return self._page(
            request,
            "letters.html",
            total=total,
            letters=letters,
            where=where,
            said=_told(request.query_params.get("told", "")),
        )

    async def show(self, request: Request, letter_id: str) -> Response:
        """One whole, its bytes as text and as they are."""
        letter = await self._store.dead_letter(letter_id)
        if letter is None:
            raise HTTPException(404)
        text = printable(letter.raw)
        return self._page(request, "letter.html", letter=letter, text=text, said="")

    async def replay(self, request: Request) -> Response:
        """Send the ticked ones again, and say what became of them."""
        chosen = await self._chosen(request)
        if self._replay is None:
            raise HTTPException(409, _("No broker is known here: use `veille dead-letters replay`"))
        told = await self._replay(chosen)
        counts = {what: sum(one.what == what for one in told) for what in _WORDS}
        await self._note(request, "letters.replay", chosen, counts)
        return _back(counts)

    async def drop(self, request: Request) -> Response:
        """Remove the ticked ones for good."""
        chosen = await self._chosen(request)
        counts = {"dropped": await self._store.drop_dead_letters([one.id for one in chosen])}
        await self._note(request, "letters.drop", chosen, counts)
        return _back(counts)

    async def _note(
        self, request: Request, action: str, chosen: Sequence[DeadLetter], counts: dict[str, int]
    ) -> None:
        """Which letters, and what became of them: never their bytes."""
        after = {
            "letters": [one.id for one in chosen[:_NOTED]],
            "outcome": {what: n for what, n in counts.items() if n},
        }
        subject = ", ".join(sorted({one.source or one.stage for one in chosen}))[:200]
        await journal.write(self._store, visitor_of(request).name, action, subject, after=after)

    async def _chosen(self, request: Request) -> Sequence[DeadLetter]:
        require(request, "admin")
        given = await self._forms.read(request)
        ids = tuple(value for name, value in given if name == "id")
        if not ids:
            raise HTTPException(400, _("Nothing was ticked"))
        found = await self._store.dead_letters(limit=len(ids), where=LetterFilter(ids=ids))
        return found[1]

    def _page(self, request: Request, template: str, **given: Any) -> Response:
        body = self._pages.render(
            template,
            visitor=visitor_of(request),
            token=self._forms.token,
            can_replay=self._replay is not None,
            now=utc_now(),
            **given,
        )
        headers = {"Cache-Control": "no-store"}
        return Response(body.encode("utf-8", "replace"), media_type="text/html", headers=headers)


_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "gone": NN_("%(n)s went well and left the list", "%(n)s went well and left the list"),
    "failed": NN_("%(n)s failed again", "%(n)s failed again"),
    "refused": NN_(
        "%(n)s can't be sent again: its page says why",
        "%(n)s can't be sent again: their pages say why",
    ),
    "waiting": NN_(
        "%(n)s sent; no worker has come to it yet",
        "%(n)s sent; no worker has come to them yet",
    ),
    "dropped": NN_("%(n)s dropped for good", "%(n)s dropped for good"),
}


def _told(code: str) -> str:
    """What the last form did, in words: `gone.3-failed.1` of the address it led to."""
    found = re.findall(r"([a-z]{4,8})\.(\d{1,6})", code[:200])
    return "; ".join(ngettext(*_WORDS[what], int(n)) for what, n in found if what in _WORDS)


def _back(counts: dict[str, int]) -> Response:
    code = "-".join(f"{what}.{n}" for what, n in counts.items() if n) or "dropped.0"
    return RedirectResponse(f"{PATH}?{urlencode({'told': code})}", 303)


def _filter(given: Sequence[tuple[str, str]]) -> LetterFilter:
    """Raises `BadFilter` for a stage that is none."""
    stages = [value for name, value in given if name == "stage" and value]
    for stage in stages:
        if stage not in get_args(Stage):
            known = one_of(get_args(Stage))
            raise BadFilter([Problem("stage", stage[:80], _("no such stage"), known)], ())
    return LetterFilter(
        sources=tuple(value for name, value in given if name == "source" and value),
        stages=tuple(stages),  # type: ignore[arg-type]  # just checked
        reason=next((value for name, value in given if name == "reason"), ""),
    )
