"""Everything about reports and shared links, put together."""

from collections.abc import Sequence

from fastapi import FastAPI

from streams.criteria.topics import Topic
from streams.store.port import Store
from streams.users.passwords import Passwords
from streams.web.exports.routes import ExportPages
from streams.web.pages import Pages
from streams.web.reports.making import Making
from streams.web.reports.routes import ReportPages
from streams.web.reports.shared_pages import SharedPages
from streams.web.reports.shares import Shares


def add_reports(
    app: FastAPI,
    store: Store,
    pages: Pages,
    topics: Sequence[Topic],
    exports: ExportPages,
    *,
    public_url: str = "",
) -> ReportPages:
    """The routes of both; the pages are the caller's to close. `public_url` is where people reach
    them, where that is set."""
    making, shares, passwords = Making(store, topics), Shares(store), Passwords()
    reports = ReportPages(
        store,
        pages,
        topics,
        making=making,
        shares=shares,
        passwords=passwords,
        base_url=public_url,
    )
    reports.add_to(app)
    SharedPages(
        store, pages, shares=shares, making=making, exports=exports, passwords=passwords
    ).add_to(app)
    return reports
