"""Everything about topics, added to an app."""

from fastapi import FastAPI

from streams.settings import Settings
from streams.store.port import Store
from streams.web.pages import Pages
from streams.web.topics import api
from streams.web.topics.backfill_pages import BackfillPages
from streams.web.topics.live import Topics
from streams.web.topics.pages import TopicPages
from streams.web.topics.room import Room


def add_topics(
    app: FastAPI, store: Store, pages: Pages, topics: Topics, settings: Settings | None
) -> Room:
    """The room is the caller's to run and to close. The archive is the app's."""
    room = Room(
        store,
        topics,
        archive=lambda: getattr(app.state, "archive", None),
        settings=settings,
    )
    app.state.topics = room
    TopicPages(room, pages).add_to(app)
    BackfillPages(room, pages).add_to(app)
    app.include_router(api.router)
    return room
