"""The page of one mention, and the same as JSON."""

from typing import Any, Final
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from connectors.post import utc_now
from streams.labelling import Labelling
from streams.records import Mention
from streams.store.port import Store
from streams.store.rules import label_time
from streams.web import cards
from streams.web.api import described, reply
from streams.web.i18n import N_, Words, _
from streams.web.pages import Body, Pages
from streams.web.posts.label_form import SAID, change_of
from streams.web.posts.matches import TopicVerdict
from streams.web.posts.view import MentionView, Views
from streams.web.visitor import require

PATH: Final = "/mentions/{mention_id}"
WORTH: Final = Words(
    {
        "negative": N_("it is negative"),
        "unscored": N_("nobody could score it"),
        "uncertain": N_("the score is uncertain"),
        "reach": N_("followers of its author"),
        "engagement": N_("likes, replies and reposts"),
    }
)
ACTIONS: Final = Words(
    {
        "label.set": N_("labelled"),
        "label.undo": N_("took the label back"),
        "opinion.set": N_("gave a second opinion"),
        "post.add": N_("added by hand"),
        "post.undo": N_("took back what was added by hand"),
    }
)


TOLD: Final = Words(
    {
        "kept": N_("Your label counts."),
        "conflict": N_("Somebody was quicker: this is their label. Yours was not kept."),
        "gone": N_("The mention is gone."),
        "added": N_("Added, and put on record."),
    }
)


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A mention with its context: what `/mentions/{id}` shows."""

    mention: Mention
    hidden: bool
    others: list[Mention]
    thread: list[str]
    """Ids of its posts, in the order of the conversation."""
    topics: list[TopicVerdict]
    topics_left: int


class MentionPage:
    """The routes over one installation."""

    def __init__(self, store: Store, pages: Pages, views: Views, labelling: Labelling) -> None:
        self._store = store
        self._pages = pages
        self._views = views
        self._labelling = labelling

    def add_to(self, app: FastAPI) -> None:
        app.add_api_route(PATH, self.show, include_in_schema=False, response_class=Response)
        app.add_api_route(
            PATH + "/label",
            self.label,
            methods=["POST"],
            include_in_schema=False,
            response_class=Response,
        )
        app.add_api_route(
            "/api/v1/mentions/{mention_id}",
            self.told,
            tags=["mentions"],
            openapi_extra=described(Explained),
            response_class=Response,
        )

    async def show(self, request: Request, mention_id: str) -> Response:
        """All that is known of it."""
        view = await self._found(mention_id)
        told = TOLD.get(request.query_params.get("told", ""), "")
        page = self._pages.render("mention.html", **given(view), told=told)
        return Body.of(page).response(request)

    async def label(self, request: Request, mention_id: str) -> Response:
        """What the form says of it."""
        visitor = require(request, "analyst")
        change = change_of(mention_id[:512], await self._pages.forms.read(request))
        outcome = (await self._labelling.change([change], by=visitor.name))[0]
        return RedirectResponse(f"/mentions/{quote(mention_id[:512])}?told={outcome.state}", 303)

    async def told(self, mention_id: str) -> Response:
        """One mention with its context: other topics, thread, and why each topic is met or not."""
        view = await self._found(mention_id)
        return reply(
            Explained(
                mention=view.mention,
                hidden=view.hidden,
                others=view.others,
                thread=[one.post.id for one in view.thread.said],
                topics=view.verdicts.of,
                topics_left=view.verdicts.left,
            )
        )

    async def _found(self, mention_id: str) -> MentionView:
        view = await self._views.of(mention_id[:512])
        if view is None:
            raise HTTPException(404, _("There is no such mention, or its post was deleted"))
        return view


def given(view: MentionView) -> dict[str, Any]:
    """What the template reads."""
    mention = view.mention
    post = mention.post
    return {
        "view": view,
        "card": cards.card(mention),
        "text": cards.marked(post.text, mention.matched, "text"),
        "title": cards.marked(post.title, mention.matched, "title", end=1_000),
        "raw": raw(mention),
        "seen": label_time(mention.label),
        "editable": [one for one in SAID if one],
        "added": any(one.action == "post.add" for one in view.journal[:1]),
        "worth_words": WORTH,
        "action_words": ACTIONS,
        "now": utc_now(),
    }


def raw(mention: Mention) -> str:
    """The record as it is stored, indented; text that the template escapes."""
    return msgspec.json.format(msgspec.json.encode(mention), indent=2).decode("utf-8", "replace")
