"""One pass over Odnoklassniki: groups' topics, discussions, comments, counts and deletions."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from connectors import http
from connectors.base import Context, Cursor, Gap, Step
from connectors.errors import Refused, Retriable, SkipItem
from connectors.fields import mapping, mappings
from connectors.follow import Follow, Recheck
from connectors.ok_api import Api, Closed, Missing
from connectors.ok_posts import (
    SITE,
    Entities,
    discussion,
    entities,
    referred,
    refs_of,
    topic,
)
from connectors.post import Post, tombstone
from connectors.text import line

_FIELDS: Final = (
    "feed.*,media_topic.*,group_photo.*,photo.*,video.*,poll.*,"
    "group.uid,group.name,group.members_count,group.shortname,group.description,"
    "user.uid,user.name,user.first_name,user.last_name,user.location"
)
_PAGE: Final = 100
_MOST_PAGES: Final = 20
_KNOWN: Final = 500
_DISCUSSIONS: Final = "discussions"
_TOPICS: Final = "topics"
_BATCH: Final = 50
_TYPES: Final = "GROUP_TOPIC,GROUP_PHOTO,GROUP_MOVIE"
Read = Callable[[], Post]


class Desk:
    """The cursor taken apart. Topics come newest first and a stream has no "since": each group's
    latest numbers are kept, and pages are read until one holds nothing new."""

    def __init__(self, context: Context, api: Api, cursor: Cursor, *, follow: bool, refresh: bool):
        fields = mapping(cursor)
        self.context, self.api = context, api
        self.now = http.current_time(context)
        self.known: dict[str, list[str]] = {
            name: [str(one) for one in row] if isinstance(row, list) else []
            for name, row in mapping(fields.get("groups")).items()
        }
        self.follow = Follow(fields.get("follow"))
        self.recheck = Recheck(fields.get("recheck"), most=5_000)
        self._watched, self._refreshed = follow, refresh
        self.unread: list[str] = []
        """Topics first seen in this pass that have comments already, or may have."""
        self._told: set[tuple[str, int, str]] = set()

    def cursor(self) -> Cursor:
        """Where to resume from after what was yielded so far."""
        return {
            "groups": {name: list(row) for name, row in self.known.items()},
            "follow": self.follow.state,
            "recheck": self.recheck.state,
        }

    @property
    def elsewhere(self) -> bool:
        """Whether anything was ever found but by a group's stream."""
        return bool(self.known.get(_DISCUSSIONS) or self.known.get(_TOPICS))

    async def topics(self, group: str) -> AsyncIterator[Step]:
        """New topics of a group, oldest first. Raises `Closed`."""
        before = self.known.get(group, [])
        fresh: list[tuple[str, Read, Any]] = []
        anchor, seen = "", set[str]()
        for _ in range(_MOST_PAGES):
            response = await self._stream(group, anchor)
            page = await self._page(group, response)
            page = [one for one in page if not one[0] or one[0] not in seen]
            seen.update(number for number, _, _ in page)
            new = [one for one in page if one[0] not in before]
            fresh += new
            following = mapping(response).get("anchor")
            told = mapping(response).get("has_more", mapping(response).get("available"))
            if not before or not new or following in (None, "", anchor) or told is False:
                break
            anchor = str(following)
        else:
            yield Step(gap=self._gap(group, before))
        for number, read, raw in reversed(fresh):
            for step in self.steps(f"ok topic {number or '(without id)'}", read, raw):
                yield step
        found = [number for number, _, _ in fresh if number]
        self.known[group] = [*found, *before][:_KNOWN]
        yield Step(cursor=self.cursor())

    async def _stream(self, group: str, anchor: str) -> Any:
        params = {
            "gid": group,
            "patterns": "POST,CONTENT",
            "count": str(_PAGE),
            "direction": "FORWARD",
            "fields": _FIELDS,
        }
        asked = {**params, "anchor": anchor} if anchor else params
        response = await self.api.call("stream.get", asked)
        if not {"feeds", "entities", "anchor"} & mapping(response).keys():
            raise Retriable("ok: stream.get answered no feeds")
        return response

    async def _page(self, group: str, response: Any) -> list[tuple[str, Read, Any]]:
        """The topics of a page, in its order: what its entries refer to, or all of the group's."""
        beside = dict(entities(response))
        feeds = mappings(mapping(response).get("feeds"), _PAGE * 2)
        leads = {number: feed for feed in reversed(feeds) for number in referred(feed)}
        order = list(dict.fromkeys(number for feed in feeds for number in referred(feed)))
        tables = mapping(mapping(response).get("entities"))
        rows = mappings(tables.get("media_topics"), _PAGE * 2)
        missing = [number for number in order if f"media_topic:{number}" not in beside]
        if missing:
            beside |= await self._by_number(missing)
        for number in missing:
            if isinstance(leads[number].get("message"), str):
                beside.setdefault(f"media_topic:{number}", {"id": number})
        listed = [beside[f"media_topic:{one}"] for one in order if f"media_topic:{one}" in beside]
        home = f"group:{group}"
        own = [row for row in rows if row not in listed and row.get("owner_ref", home) == home]
        nameless = [row for row in own if not str(row.get("id") or "").isdigit()]
        found: list[tuple[str, Read, Any]] = []
        for item in [*listed, *(nameless if listed else own)]:
            number = str(item.get("id") or "")
            number = number if number.isdigit() else ""
            found.append((number, self._reader(item, beside, group, leads.get(number)), item))
        return found

    def _reader(
        self, item: Any, beside: Entities, group: str, feed: Mapping[str, Any] | None
    ) -> Read:
        return lambda: topic(item, beside, self.now, group=group, feed=feed)

    async def _by_number(self, numbers: list[str]) -> dict[str, dict[str, Any]]:
        """Topics asked for by their numbers; those that are gone are missing."""
        params = {"topic_ids": ",".join(numbers[:_PAGE]), "media_limit": "3", "fields": _FIELDS}
        try:
            response = await self.api.call("mediatopic.getByIds", params)
        except (Closed, Refused) as error:
            self.context.on_note(f"{error}")
            return {}
        found = dict(entities(response))
        for row in mappings(mapping(response).get("media_topics"), _PAGE):
            found[f"media_topic:{row.get('id')}"] = row
        return found

    async def discussions(self, groups: list[str]) -> AsyncIterator[Step]:
        """Discussions that the token's owner takes part in, of these groups alone."""
        params = {"types": _TYPES, "count": str(_PAGE), "fields": "discussion.*,group.*,user.*"}
        try:
            response = await self.api.call("discussions.getList", params)
        except (Closed, Refused) as error:
            self.context.on_note(f"discussions can't be listed: {error}")
            return
        beside = entities(response)
        homes = {f"group:{group}" for group in groups}
        told = self.known.setdefault(_DISCUSSIONS, [])
        for item in reversed(mappings(mapping(response).get("discussions"), _PAGE)):
            refs = {f"{str(ref.get('type')).lower()}:{ref.get('id')}" for ref in refs_of(item)}
            number = str(item.get("object_id") or "")
            if not refs & homes or any(number in known for known in self.known.values()):
                continue
            for step in self.steps(f"ok discussion {number}", self._said(item, beside), item):
                yield step
            told.insert(0, number)
        del told[_KNOWN:]
        yield Step(cursor=self.cursor())

    async def followed(self, numbers: list[str]) -> AsyncIterator[Step]:
        """Single topics, once each; their comments and counts are followed from then on."""
        told = self.known.setdefault(_TOPICS, [])
        closed: list[Closed] = []
        for number in (one for one in numbers if one not in told):
            params = {"discussionId": number, "discussionType": "GROUP_TOPIC"}
            try:
                response = mapping(await self.api.call("discussions.get", params))
            except Closed as error:
                closed.append(error)
                continue
            item, beside = mapping(response.get("discussion")), entities(response)
            for step in self.steps(f"ok topic {number}", self._said(item, beside), item):
                yield step
            told.append(number)
            yield Step(cursor=self.cursor())
        if closed:
            raise closed[0]

    def _said(self, item: Any, beside: Entities) -> Read:
        return lambda: discussion(item, beside, self.now)

    async def refresh(self) -> AsyncIterator[Step]:
        """Topics whose hour, day or week is over: their counts, or that they are gone."""
        for _ in range(_MOST_PAGES):
            names = self.recheck.due(self.now, _BATCH)
            if not names:
                return
            beside = await self._by_number([name.partition("@")[0] for name in names])
            published = self.recheck.state
            for name in names:
                number, _, home = name.partition("@")
                item = beside.get(f"media_topic:{number}")
                if item is not None:
                    read = self._reader(item, beside, home, None)
                    for step in self.steps(f"ok topic {number}", read, item, watch=False):
                        yield step
                elif await self._gone(number):
                    self.follow.drop(name)
                    born = datetime.fromtimestamp(published[name][1], UTC)
                    yield Step(post=_deletion(number, home, born, self.now))
                self.recheck.asked(name, self.now)
            yield Step(cursor=self.cursor())

    async def _gone(self, number: str) -> bool:
        """A list may leave a topic out for other reasons; asked for alone, it is not found."""
        params = {"discussionId": number, "discussionType": "GROUP_TOPIC"}
        try:
            await self.api.call("discussions.get", params)
        except Missing:
            return True
        except (Closed, Refused) as error:
            self.context.on_note(f"topic {number} is missing from a list, and unknown: {error}")
        return False

    def steps(self, place: str, read: Read, raw: Any, *, watch: bool = True) -> Iterator[Step]:
        """The item as a post, once a pass, or as a dead letter; `watch` its comments and counts."""
        try:
            post = read()
        except ValueError as error:
            said = f"{place}: {line(str(error), limit=200)}"
            yield Step(dead=SkipItem(said, place=place, raw=msgspec.json.encode(raw)))
            return
        version = (post.id, post.version, post.state)
        if version in self._told:
            return
        self._told.add(version)
        if watch:
            self._watch(post)
        yield Step(post=post)

    def _watch(self, post: Post) -> None:
        number = post.id.removeprefix("ok:")
        home = post.url.partition("/group/")[2].partition("/")[0]
        if not number.isdigit():
            return
        name = f"{number}@{home}"
        if self._refreshed:
            self.recheck.add(name, post.created_at, self.now)
        if self._watched:
            self.follow.add(name, self.now)
            if post.engagement.replies != 0 and not self.follow.mark(name):
                self.unread.append(name)

    def _gap(self, group: str, before: list[str]) -> Gap:
        return Gap(
            since=f"group {group} topic {next(iter(before), '')}",
            until=self.now.isoformat(),
            reason=f"ok: more than {_MOST_PAGES * _PAGE} topics came between two passes",
        )


def _deletion(number: str, home: str, born: datetime, now: datetime) -> Post:
    url = f"{SITE}/group/{home}/topic/{number}" if home else ""
    return tombstone("ok", number, born, now, url=url)
