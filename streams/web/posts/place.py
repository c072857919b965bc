"""The pages about posts and who writes them, put together: one engine, one thread for all."""

from collections.abc import Callable, Sequence
from typing import Final

from fastapi import FastAPI

from streams.adding import Added
from streams.archive.port import Archive
from streams.criteria.topics import Topic
from streams.labelling import Labelling
from streams.settings import Settings
from streams.store.port import Store
from streams.web.authors.pages import RECORDS as AUTHORS
from streams.web.authors.pages import AuthorPages
from streams.web.pages import Pages
from streams.web.posts.find import Finder, Found
from streams.web.posts.find_pages import FindPages, NewPost
from streams.web.posts.pages import Explained, MentionPage
from streams.web.posts.trying import Trying
from streams.web.posts.view import Views

RECORDS: Final = (Explained, Found, NewPost, Added, *AUTHORS)
"""What their JSON is made of."""


class PostPlaces:
    """Their routes over one installation."""

    def __init__(
        self,
        store: Store,
        pages: Pages,
        topics: Sequence[Topic],
        *,
        settings: Settings | None,
        archive: Callable[[], Archive | None],
        labelling: Labelling,
    ) -> None:
        given = settings or Settings()
        self._trying = Trying(topics, given.sentiment)
        finder = Finder(store, self._trying, given.sources, archive)
        views = Views(store, self._trying, archive)
        self._authors = AuthorPages(store, pages, topics)
        self._mention = MentionPage(store, pages, views, labelling)
        self._find = FindPages(
            store, pages, topics, settings=settings, archive=archive, finder=finder
        )

    def add_to(self, app: FastAPI) -> None:
        self._authors.add_to(app)
        self._find.add_to(app)
        self._mention.add_to(app)

    async def aclose(self) -> None:
        await self._trying.aclose()


def add_posts(
    app: FastAPI,
    store: Store,
    pages: Pages,
    topics: Sequence[Topic],
    *,
    settings: Settings | None,
    labelling: Labelling,
) -> None:
    """The routes; `app.state.posts` is to be closed."""
    app.state.posts = PostPlaces(
        store,
        pages,
        topics,
        settings=settings,
        archive=lambda: getattr(app.state, "archive", None),
        labelling=labelling,
    )
    app.state.posts.add_to(app)
