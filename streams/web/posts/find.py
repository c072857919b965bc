"""Why a post was not found: step by step from the place where it stands to the topics."""

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from connectors.hosts import ANY_SITE, connector_of, covers, host_of
from connectors.post import Author, Post, utc_now
from streams.archive.port import Archive, ArchiveError
from streams.errors import ConfigError
from streams.pipeline import story_of
from streams.records import Mention
from streams.settings import Source
from streams.source_gaps import shades
from streams.store.hiding import Ledger, is_hidden
from streams.store.letters import every_letter
from streams.store.port import Filter, Store
from streams.web.formats import moment
from streams.web.i18n import _, ngettext, number
from streams.web.posts.matches import Judged, TopicVerdicts
from streams.web.posts.trying import Trying

MOST: Final = 20_000
"""Characters of what is asked for."""
LETTERS: Final = 2_000
LATEST: Final = 3_000
"""Posts of the archive whose text is compared."""
TRY_SECONDS: Final = 2.0
_PERIOD: Final = timedelta(days=30)
_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,63}:\S{1,400}")
_MENTION: Final = re.compile(r"[0-9a-f]{32}")
_URL: Final = re.compile(r"(?:https?://|www\.)\S+|[\w-]+(?:\.[\w-]+)+/\S*", re.I)

What = Literal["url", "id", "text"]
Answer = Literal["yes", "no", "so"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One question on the way: `yes` for what speaks for the post, `no` for what kept it out,
    `so` for what is only told."""

    name: str
    answer: Answer
    said: str
    href: str = ""
    more: list[str] = []


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be told. `post` is what the topics were tried on; `fetchable` where there is a
    URL and no text."""

    what: str
    kind: What
    steps: list[Step] = []
    mentions: list[Mention] = []
    post: Post | None = None
    verdicts: TopicVerdicts | None = None
    judged: Judged | None = None
    answer: str = ""
    fetchable: bool = False


def kind_of(what: str) -> What:
    """A URL has no spaces and begins as one; an id is `source:…` or a mention's."""
    if _URL.fullmatch(what):
        return "url"
    return "id" if _MENTION.fullmatch(what) or _ID.fullmatch(what) else "text"


class Finder:
    """Asks store, archive, sources and topics of one installation."""

    def __init__(
        self,
        store: Store,
        trying: Trying,
        sources: Sequence[Source],
        archive: Callable[[], Archive | None],
    ) -> None:
        self._store = store
        self._trying = trying
        self._sources = sources
        self._archive = archive

    async def find(self, what: str, fetched: Post | None = None) -> Found:
        """`fetched` is the page at the URL, where a person had it fetched. Raises `StoreError`."""
        what = what.strip()[:MOST]
        kind = kind_of(what)
        mentions = await self._mentions(what, kind)
        kept, archive_step = await self._kept(what, kind)
        post = mentions[0].post if mentions else kept or fetched
        if post is None and kind == "text":
            now = utc_now()
            post = Post(id="text:", source="", text=what, created_at=now, collected_at=now)
        known = post if mentions or kept else None
        steps = [
            await self._stored(mentions),
            archive_step,
            *(await self._source(what, kind, known)),
            await self._letter(what, kind, known),
            *(await self._disowned(what, kind, known, mentions)),
        ]
        verdicts = judged = None
        if post is not None and post.state != "deleted":
            verdicts = await self._trying.topics(post, seconds=TRY_SECONDS)
            judged = await self._sentiment(post, verdicts)
            steps.append(_met(verdicts))
        return Found(
            what=what,
            kind=kind,
            steps=[step for step in steps if step is not None],
            mentions=mentions,
            post=post,
            verdicts=verdicts,
            judged=judged,
            answer=_answer(mentions, kept, verdicts, kind),
            fetchable=kind == "url" and (post is None or not (post.text or post.title)),
        )

    async def _mentions(self, what: str, kind: What) -> list[Mention]:
        if kind == "id":
            one = await self._store.get(what) if _MENTION.fullmatch(what) else None
            if one is not None:
                return [one]
            where = Filter(post_id=what, hidden="any")
        elif kind == "url":
            where = Filter(url=what, hidden="any")
        else:
            story = story_of(what)
            if not story:
                return []
            where = Filter(story=story, hidden="any")
        return (await self._store.search(where, limit=20)).mentions

    async def _stored(self, mentions: Sequence[Mention]) -> Step:
        name = _("Is it a mention?")
        if not mentions:
            return Step(name=name, answer="so", said=_("No mention of it is stored."))
        hidden = Ledger(await self._store.hidden())
        away = sum(is_hidden(one, hidden) for one in mentions)
        said = ngettext("Yes, %(n)s.", "Yes, %(n)s.", len(mentions), n=number(len(mentions)))
        if away:
            said += " " + ngettext(
                "%(n)s of them is hidden: feeds and counts leave it out.",
                "%(n)s of them are hidden: feeds and counts leave them out.",
                away,
            )
        return Step(
            name=name, answer="no" if away == len(mentions) else "yes", said=said,
            href=f"/mentions/{mentions[0].id}",
        )  # fmt: skip

    async def _kept(self, what: str, kind: What) -> tuple[Post | None, Step]:
        name = _("Did it come in?")
        archive = self._archive()
        if archive is None:
            said = _("What met no topic is not kept here: store.keep_posts_days says so.")
            return None, Step(name=name, answer="so", said=said)
        try:
            found, size = await self._in_archive(archive, what, kind), await archive.size()
        except ArchiveError as error:
            said = _("The archive of all posts can't be read: %(why)s", why=error)
            return None, Step(name=name, answer="so", said=said)
        if found is None:
            since = moment(size.oldest) if size.oldest else ""
            said = ngettext(
                "It is not among the %(n)s post that is kept.",
                "It is not among the %(n)s posts that are kept.",
                size.posts,
            )
            said += " " + _("The oldest of them came in at %(at)s.", at=since) if since else ""
            return None, Step(name=name, answer="no", said=said)
        at = moment(found.collected_at)
        if found.state == "deleted":
            said = _("It was deleted at its source; that was heard at %(at)s.", at=at)
            return found, Step(name=name, answer="no", said=said)
        said = _("Yes, as %(id)s, at %(at)s.", id=found.id[:200], at=at)
        return found, Step(name=name, answer="yes", said=said)

    async def _in_archive(self, archive: Archive, what: str, kind: What) -> Post | None:
        if kind == "id":
            return next(iter(reversed(await archive.versions(what))), None)
        if kind == "url":
            return next(iter(await archive.by_url(what)), None)
        story = story_of(what)
        if not story:
            return None
        latest = await archive.latest(LATEST)
        return await asyncio.to_thread(
            lambda: next((one for one in latest if story_of(_all(one)) == story), None)
        )

    async def _source(self, what: str, kind: What, known: Post | None) -> list[Step]:
        """Who would have given it, and whether it could."""
        host = host_of(known.url if known and known.url else what if kind == "url" else "")
        if not host:
            return []
        mine = [one for one in self._sources if covers(one, host)]
        if known is not None and known.state != "deleted":
            return []
        name = _("Does a source of yours read %(host)s?", host=host[:100])
        if not mine:
            made = connector_of(host)
            if made:
                said = _("No. The connector that would is “%(name)s”.", name=made)
            else:
                said = _(
                    "No source is known to. If the site has a feed, “%(rss)s” reads it; else its "
                    "news sitemap (“%(sitemap)s”) or its pages (“%(page)s”).",
                    **dict(zip(("rss", "sitemap", "page"), ANY_SITE, strict=True)),
                )
            return [Step(name=name, answer="no", said=said, href="/sources")]
        states = await self._store.states("source")
        now = utc_now()
        gaps = await shades(self._store, now - _PERIOD, now)
        return [
            _told(name, one, states.get(one.id, {}), [g.reason for g in gaps if g.source == one.id])
            for one in mine[:5]
        ]

    async def _letter(self, what: str, kind: What, known: Post | None) -> Step | None:
        words = [what] if kind != "text" else []
        words += [known.id] if known else []
        if not words:
            return None
        name = _("Could it not be processed?")
        wanted = [word.encode("utf-8", "replace") for word in words]
        read = 0
        async for letter in every_letter(self._store, page=500):
            if any(word in letter.raw for word in wanted):
                said = _("It became a dead letter: %(why)s", why=letter.reason[:300])
                return Step(
                    name=name, answer="no", said=said, href=f"/dead-letters/letter/{letter.id}"
                )
            read += 1
            if read >= LETTERS:
                break
        said = ngettext(
            "No dead letter has it (%(n)s looked at).",
            "No dead letter has it (%(n)s looked at).",
            read,
        )
        return Step(name=name, answer="so", said=said)

    async def _disowned(
        self, what: str, kind: What, known: Post | None, mentions: Sequence[Mention]
    ) -> list[Step]:
        now = utc_now()
        asked = known
        if asked is None and kind == "id" and not _MENTION.fullmatch(what):
            asked = Post(
                id=what, source=what.partition(":")[0], created_at=now, collected_at=now,
                author=Author(),
            )  # fmt: skip
        if asked is None:
            return []
        found: list[Step] = []
        if (await self._store.erased()).covers(asked):
            said = _("It was erased, or its author was: nothing of theirs is kept.")
            found.append(Step(name=_("Was it erased?"), answer="no", said=said))
        if not mentions and Ledger(await self._store.hidden()).covers(asked):
            said = _("Its author or its source is hidden.")
            found.append(Step(name=_("Is it hidden?"), answer="no", said=said))
        return found

    async def _sentiment(self, post: Post, found: TopicVerdicts) -> Judged | None:
        try:
            return await self._trying.sentiment(post, found.of[0].topic if found.of else "")
        except ConfigError:
            return None


def _all(post: Post) -> str:
    return f"{post.title}\n{post.text}" if post.title else post.text


def _told(name: str, source: Source, state: dict[str, Any], gaps: Sequence[str]) -> Step:
    """What one source says of itself."""
    told = str(state.get("state", ""))
    more = [_("A gap of the last 30 days: %(why)s", why=why[:200]) for why in gaps[-3:]]
    href = "/sources"
    if not source.enabled:
        said = _("“%(id)s” would, but it is switched off.", id=source.id)
        return Step(name=name, answer="no", said=said, href=href)
    if told in ("", "disabled"):
        said = _("“%(id)s” should, but it has not run here yet.", id=source.id)
        return Step(name=name, answer="no", said=said, href=href)
    if told in ("failing", "stopped"):
        why = str(state.get("reason", ""))[:300]
        said = _("“%(id)s” does, but it is failing: %(why)s", id=source.id, why=why)
        return Step(name=name, answer="no", said=said, href=href, more=more)
    said = _("“%(id)s” does, and it is running.", id=source.id)
    if last := _moment(state.get("last_post_at")):
        said += " " + _("Its last post is of %(at)s: what is older is behind it.", at=moment(last))
    return Step(name=name, answer="no" if gaps else "so", said=said, href=href, more=more)


def _moment(told: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _met(found: TopicVerdicts) -> Step:
    name = _("Which topics does it meet?")
    met = [one for one in found.of if one.met]
    if met:
        said = ngettext("%(n)s as they are now.", "%(n)s as they are now.", len(met))
        return Step(name=name, answer="yes", said=said)
    if not found.of:
        return Step(name=name, answer="no", said=_("There are no topics yet."), href="/topics")
    said = ngettext(
        "None of %(n)s. The nearest stands first below, with what is missing.",
        "None of %(n)s. The nearest stands first below, with what is missing.",
        len(found.of),
    )
    return Step(name=name, answer="no", said=said)


def _answer(
    mentions: Sequence[Mention], kept: Post | None, verdicts: TopicVerdicts | None, kind: What
) -> str:
    """The whole in one sentence."""
    met = bool(verdicts and any(one.met for one in verdicts.of))
    if mentions:
        return _("It was found.")
    if kept is not None and kept.state == "deleted":
        return _("It came in, and was deleted at its source.")
    if kept is not None and met:
        return _(
            "It came in and meets a topic as it is now, but not as it was then: back-fill the "
            "topic, or add the post."
        )
    if kept is not None:
        return _("It came in, but meets no topic.")
    if kind == "text":
        return (
            _("No such text came in. It would have been found.")
            if met
            else _("No such text came in, and it would meet no topic.")
        )
    return _("It never came in.")
