"""The pages of topics: the list, the editor of one with its history, the whole file."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from connectors.post import utc_now
from streams.criteria.topics import Topic
from streams.errors import ConfigError, VeilleError
from streams.store.journal import Entry
from streams.topics.editing import Conflict, Edit, compared_with, digest_of, topic_in
from streams.topics.history import difference, text_of
from streams.topics.preview import Preview
from streams.web.forms import fields
from streams.web.i18n import N_, _
from streams.web.overview.sparkline import bars
from streams.web.pages import Pages
from streams.web.topics.drafts import PREFIX, Draft, checked_id, merged, of_form, of_topic
from streams.web.topics.room import MOST_SHOWN, Room
from streams.web.visitor import Visitor, require, visitor_of

PATH: Final = "/topics"
NEW: Final = "/topics-new"
FILE: Final = "/topics-file"
PREVIEW: Final = "/topics-preview"
MOST_BYTES: Final = 512 * 1024
MOST_FILE_BYTES: Final = 4 * 1024 * 1024
_HISTORY: Final = 30
TOLD: Final = {
    "saved": N_("Saved. Workers take it in within seconds"),
    "same": N_("Nothing was changed"),
    "added": N_("Added. Workers take it in within seconds"),
    "removed": N_("Removed. Its mentions stay until they are too old"),
    "back": N_("Rolled back. Workers take it in within seconds"),
    "file": N_("The file was replaced"),
}


class TopicPages:
    """The routes over one room."""

    def __init__(self, room: Room, pages: Pages) -> None:
        self._room = room
        self._pages = pages

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            (PATH, self.list, "GET"),
            (NEW, self.new, "GET"),
            (NEW, self.add, "POST"),
            (FILE, self.file, "GET"),
            (FILE, self.replace, "POST"),
            (FILE + "/download", self.download, "GET"),
            (PREVIEW, self.preview, "POST"),
            (PATH + "/{topic_id:path}", self.show, "GET"),
            (PATH + "/{topic_id:path}", self.change, "POST"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )

    async def list(self, request: Request) -> Response:
        """All topics, or those whose id, name or query holds `q`."""
        wanted = request.query_params.get("q", "").strip()[:200]
        words = wanted.casefold().split()
        found = [topic for topic in self._room.topics if _has(topic, words)]
        shown = found[:MOST_SHOWN]
        volumes, edits, states = await asyncio.gather(
            self._room.volumes([topic.id for topic in shown]),
            self._room.edits(),
            asyncio.to_thread(lambda: {topic.id: self._room.state(topic) for topic in shown}),
        )
        return self._page(
            request,
            "topics.html",
            topics=shown,
            total=len(self._room.topics),
            found=len(found),
            wanted=wanted,
            volumes=volumes,
            edits=edits,
            states=states,
            bars=bars,
            told=_told(request),
        )

    async def new(self, request: Request) -> Response:
        """An empty form."""
        require(request, "analyst")
        self._room.previews.warm()
        query = request.query_params.get("query", "")[:4_000]
        return await self._editor(request, Draft(query=query), new=True)

    async def add(self, request: Request) -> Response:
        """Check a new topic, or add it to the file."""
        visitor, given = await self._form(request)
        draft = of_form(given)
        if _value(given, "do") != "save":
            return await self._checked(request, draft, new=True)
        require(request, "admin")
        try:
            checked_id(draft.id)
            note = _value(given, "note")
            await self._room.the_desk().add(draft.fields(), by=visitor.name, note=note)
        except ConfigError as error:
            return await self._editor(request, draft, new=True, error=str(error), status=400)
        return await self._back(draft.id, "added")

    async def show(self, request: Request, topic_id: str) -> Response:
        """One topic in its form, with its history."""
        topic = self._room.topics.by_id.get(topic_id)
        if topic is None:
            return await self._gone(request, topic_id)
        if visitor_of(request).may("analyst"):
            self._room.previews.warm()
        return await self._editor(request, of_topic(topic))

    async def change(self, request: Request, topic_id: str) -> Response:
        """What a button of the form asks for."""
        visitor, given = await self._form(request)
        do, base, note = (_value(given, name) for name in ("do", "base", "note"))
        draft = of_form([*given, (f"{PREFIX}id", topic_id)])
        if do not in ("save", "remove", "rollback"):
            return await self._checked(request, draft, base=base)
        require(request, "admin")
        desk = self._room.the_desk()
        told = {"by": visitor.name, "note": note}
        acts: dict[str, Callable[[], Awaitable[Edit]]] = {
            "save": lambda: desk.save(topic_id, draft.fields(), base=base, **told),
            "remove": lambda: desk.remove(topic_id, base=base, **told),
            "rollback": lambda: desk.rollback(topic_id, _value(given, "entry"), base=base, **told),
        }
        try:
            edit = await acts[do]()
        except Conflict as conflict:
            return await self._conflict(request, draft, conflict, do)
        except ConfigError as error:
            return await self._editor(request, draft, base=base, error=str(error), status=400)
        if do == "remove":
            await self._room.topics.refresh()
            return RedirectResponse(f"{PATH}?told=removed", 303)
        if edit.before == edit.after:
            return await self._back(topic_id, "same")
        return await self._back(topic_id, "back" if do == "rollback" else "saved")

    async def preview(self, request: Request) -> Response:
        """What the form's query would catch, for the script to put in place."""
        require(request, "analyst")
        given = await fields(request, most=MOST_BYTES)
        draft = of_form(given)
        gone = request.is_disconnected
        preview, error = await self._previewed(draft, gone=gone)
        status = 200 if preview else 400
        body = self._pages.render("topic_preview.html", preview=preview, error=error, bars=bars)
        return _html(body, status)

    async def _previewed(
        self, draft: Draft, *, gone: Callable[[], Awaitable[bool]] | None = None
    ) -> tuple[Preview | None, str]:
        try:
            topic = await asyncio.to_thread(draft.topic, self._room.topics)
            saved = self._room.topics.by_id.get(draft.id)
            return await self._room.previews.ask(topic, saved, gone=gone), ""
        except VeilleError as error:
            return None, str(error)

    async def _form(self, request: Request) -> tuple[Visitor, Sequence[tuple[str, str]]]:
        visitor = require(request, "analyst")
        return visitor, await self._pages.forms.read(request, most=MOST_BYTES)

    async def _checked(
        self, request: Request, draft: Draft, *, base: str = "", new: bool = False
    ) -> Response:
        """The form with what its query would catch: the same as the script shows."""
        preview, error = await self._previewed(draft)
        return await self._editor(request, draft, base=base, new=new, preview=preview, error=error)

    async def _conflict(
        self, request: Request, draft: Draft, conflict: Conflict, do: str
    ) -> Response:
        """What others did beside what you did: nothing is lost, nothing is written."""
        await self._room.topics.refresh()
        base = conflict.base or await self._room.the_desk().known_base(draft.id, conflict.made_from)
        theirs = self._room.topics.by_id.get(draft.id)
        if theirs is None:
            error = _(
                "%(topic)s was removed meanwhile. Remedy: add it again with what stands here",
                topic=draft.id,
            )
            return await self._editor(request, draft, new=True, error=error, status=409)
        known = topic_in(self._room.the_desk().editor.path, base) if base else None
        mixed, both = merged(of_topic(known) if known else None, of_topic(theirs), draft)
        if do != "save":
            mixed = of_topic(theirs)
        clash = {
            "base": of_topic(known) if known else None,
            "theirs": of_topic(theirs),
            "both": both,
            "diff": difference(base, conflict.theirs, names=("seen", "now")) if base else "",
        }
        return await self._editor(request, mixed, clash=clash, status=409)

    async def _editor(  # what a form can be shown with
        self,
        request: Request,
        draft: Draft,
        *,
        base: str = "",
        new: bool = False,
        preview: Preview | None = None,
        error: str = "",
        clash: dict[str, Any] | None = None,
        status: int = 200,
    ) -> Response:
        topic = self._room.topics.by_id.get(draft.id)
        entries: Sequence[Entry] = ()
        more, digest, state = "", "", ("", 0.0)
        if topic is not None and not new:
            state = await asyncio.to_thread(self._room.state, topic)
            digest = await asyncio.to_thread(self._digest, topic.id)
            entries, more = await self._history(request, topic.id)
        return self._page(
            request,
            "topic.html",
            status=status,
            draft=draft,
            topic=topic,
            new=new,
            base=base or digest,
            preview=preview,
            error=error,
            clash=clash,
            entries=entries,
            more=more,
            compared=await self._compared(request, draft.id),
            disabled=state[0],
            queries=self._queries(),
            told=_told(request),
            bars=bars,
            difference=difference,
        )

    def _digest(self, topic: str) -> str:
        if self._room.desk is None:
            return ""
        try:
            return self._room.desk.editor.block(topic).digest
        except ConfigError:
            return ""

    def _queries(self) -> dict[str, str]:
        """The sub-queries that topics name, to be shown beside the form."""
        found = {n: q.query for topic in self._room.topics for n, q in topic.queries.items()}
        return dict(sorted(found.items())[:50])

    async def _history(self, request: Request, topic: str) -> tuple[Sequence[Entry], str]:
        if self._room.desk is None:
            return (), ""
        cursor = request.query_params.get("cursor", "")[:2_000]
        page = await self._room.desk.history.of(topic, limit=_HISTORY, cursor=cursor)
        return page.entries, page.cursor

    async def _compared(self, request: Request, topic: str) -> dict[str, Any] | None:
        """The difference of two versions, which the address names as `a` and `b`."""
        names = [request.query_params.get(name, "")[:64] for name in ("a", "b")]
        if not any(names) or self._room.desk is None:
            return None
        try:
            texts = [await self._text(topic, name) for name in names]
        except ConfigError as error:
            raise HTTPException(404, str(error)) from None
        return {"diff": difference(*texts), "a": names[0], "b": names[1]}

    async def _text(self, topic: str, entry: str) -> str:
        desk = self._room.the_desk()
        if not entry or entry == "now":
            return (await asyncio.to_thread(desk.editor.block, topic)).text
        return text_of(await desk.history.find(topic, entry))

    async def _gone(self, request: Request, topic_id: str) -> Response:
        """A topic that is not there: perhaps it was, and its history says so."""
        entries, more = await self._history(request, topic_id)
        if not entries:
            raise HTTPException(404, "There is no such topic")
        return self._page(
            request, "topic_gone.html", status=404, topic_id=topic_id, entries=entries, more=more,
            difference=difference,
        )  # fmt: skip

    async def _back(self, topic: str, told: str) -> Response:
        await self._room.topics.refresh()
        return RedirectResponse(f"{PATH}/{quote(topic)}?told={told}", 303)

    async def file(self, request: Request) -> Response:
        """The whole file: to be taken away, or to be replaced."""
        return await self._whole(request)

    async def download(self, request: Request) -> Response:
        """As it is."""
        desk = self._room.the_desk()
        snapshot = await asyncio.to_thread(desk.editor.read)
        name = "topics.json" if snapshot.path.suffix.lower() == ".json" else "topics.yaml"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        kind = "application/json" if name.endswith("json") else "application/yaml"
        return Response(snapshot.raw, media_type=kind, headers=headers)

    async def replace(self, request: Request) -> Response:
        """Show what another file would change, then put it in the place of this one."""
        visitor = require(request, "admin")
        given = await self._pages.forms.read(request, most=MOST_FILE_BYTES)
        text, base = _value(given, "text").replace("\r\n", "\n"), _value(given, "base")
        desk = self._room.the_desk()
        if not text.strip():
            raise HTTPException(400, "Nothing was sent. Remedy: choose a file, or paste its text")
        raw = text.encode("utf-8", "replace")
        try:
            if _value(given, "do") == "apply":
                note = _value(given, "note") or _("the whole file")
                await desk.replace(raw, base=base, by=visitor.name, note=note)
                await self._room.topics.refresh()
                return RedirectResponse(f"{PATH}?told=file", 303)
            edits = await asyncio.to_thread(compared_with, desk.editor, raw)
        except Conflict:
            error = _("The file was changed meanwhile. Remedy: look at the difference again")
            edits = await asyncio.to_thread(compared_with, desk.editor, raw)
            return await self._whole(request, text=text, edits=edits, error=error, status=409)
        except ConfigError as error:
            return await self._whole(request, text=text, error=str(error), status=400)
        return await self._whole(request, text=text, edits=edits)

    async def _whole(
        self,
        request: Request,
        *,
        text: str = "",
        edits: Sequence[Edit] | None = None,
        error: str = "",
        status: int = 200,
    ) -> Response:
        base = ""
        if self._room.desk is not None:
            try:
                now = await asyncio.to_thread(self._room.desk.editor.read)
                base = digest_of(now.raw)
            except ConfigError as broken:
                error = error or str(broken)
        return self._page(
            request,
            "topics_file.html",
            status=status,
            text=text,
            edits=edits,
            error=error,
            base=base,
            difference=difference,
        )

    def _page(
        self, request: Request, template: str, *, status: int = 200, **given: Any
    ) -> Response:
        visitor = visitor_of(request)
        body = self._pages.render(
            template,
            visitor=visitor,
            now=utc_now(),
            read_only=self._room.read_only(),
            may_edit=visitor.may("admin"),
            may_preview=visitor.may("analyst"),
            broken=self._room.topics.error,
            **given,
        )
        return _html(body, status)


def _has(topic: Topic, words: Sequence[str]) -> bool:
    if not words:
        return True
    text = f"{topic.id} {topic.name} {topic.query}".casefold()
    return all(word in text for word in words)


def _value(given: Sequence[tuple[str, str]], name: str) -> str:
    """The last of that name: of a button and a field, the button's."""
    return next((value for key, value in reversed(given) if key == name), "")


def _told(request: Request) -> str:
    word = TOLD.get(request.query_params.get("told", ""))
    return _(word) if word else ""


def _html(body: str, status: int = 200) -> Response:
    return HTMLResponse(
        body.encode("utf-8", "replace"), status, headers={"Cache-Control": "no-store"}
    )
