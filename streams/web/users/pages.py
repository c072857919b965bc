"""All that is about users: their pages, and the middleware before every page."""

from fastapi import FastAPI

from streams.settings import Web
from streams.store.port import Store
from streams.web.pages import Pages
from streams.web.users.access import Access, Explain, Gate
from streams.web.users.account import AccountPages
from streams.web.users.audit import AuditPages
from streams.web.users.desk import Desk
from streams.web.users.login import LoginPages
from streams.web.users.manage import ManagePages
from streams.web.users.me import MePages
from streams.web.users.oidc import OidcPages


class UserPages:
    """Over one store. Where nobody logs in (`login` is false) everyone is the local admin."""

    def __init__(self, store: Store, pages: Pages, web: Web, *, login: bool) -> None:
        self.desk = Desk(store, pages, web, login=login)
        self._web = web
        self._login = login

    def add_to(self, app: FastAPI) -> None:
        login = LoginPages(self.desk)
        for pages in (
            login,
            AccountPages(self.desk),
            ManagePages(self.desk),
            AuditPages(self.desk),
            MePages(self.desk),
        ):
            pages.add_to(app)
        if self._login and self._web.oidc:
            OidcPages(self.desk, login, self._web.oidc).add_to(app)

    def gate(self, app: FastAPI, explain: Explain) -> None:
        """Refuse what may not be, in the reader's language: within `Reading`. `explain` makes the
        answers."""
        if self._login:
            app.add_middleware(Gate, open_metrics=self._web.open_metrics, explain=explain)

    def watch(self, app: FastAPI) -> None:
        """Find out who asks: before `Reading`, which goes by what they prefer."""
        if self._login:
            app.add_middleware(Access, known=self.desk.known, public_url=self._web.public_url)

    async def aclose(self) -> None:
        await self.desk.known.aclose()
