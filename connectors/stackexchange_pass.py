"""One pass over Stack Exchange: what is new in a list, and what is looked at again."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

import msgspec

from connectors import http
from connectors.base import Context, Step, unreadable
from connectors.fields import count, mapping
from connectors.follow import Follow, Recheck
from connectors.post import Post
from connectors.stackexchange_api import Api
from connectors.stackexchange_items import post_of, removed

_MOST_PAGES: Final = 25  # what may be asked without a key
_IDS: Final = 100
_SPARE, _PACE = 0.3, 0.9
_DAY: Final = 86_400.0
_OVERLAP: Final = 120.0  # seconds by which lists may lag


class Pass:
    """One pass's state, all of which goes into the cursor."""

    def __init__(self, context: Context, api: Api, known: Mapping[str, Any], backfill: int) -> None:
        self._context, self._api, self._backfill = context, api, backfill
        self._lists = {k: list(v) for k, v in mapping(known.get("lists")).items() if _kept(v)}
        self._follow = Follow(known.get("follow"))
        self._recheck = Recheck(known.get("recheck"))
        self.last = {k: str(v) for k, v in mapping(known.get("last")).items()}

    @property
    def state(self) -> dict[str, Any]:
        return {
            "lists": {name: [row[0], dict(row[1])] for name, row in self._lists.items()},
            "last": dict(self.last),
            "follow": self._follow.state,
            "recheck": self._recheck.state,
            "api": self._api.state,
        }

    async def new(
        self, site: str, name: str, path: str, params: Mapping[str, str], *, follow: bool
    ) -> AsyncIterator[Step]:
        """What a list holds since it was read last, page by page, oldest first; the first time,
        one page of the latest."""
        whole = f"{site} {name}"
        asked = {**params, "site": site, "sort": "creation"}
        if whole not in self._lists:
            latest = {"order": "desc", "pagesize": str(self._backfill)}
            items, _ = await self._api.items(path, path, {**asked, **latest})
            for step in self._take(site, whole, items[::-1], follow=follow):
                yield step
            yield Step(cursor=self.state)
            return
        begin, number = self._lists[whole][0] - _OVERLAP, 1
        while True:
            later = {"order": "asc", "fromdate": str(max(0, int(begin))), "page": str(number)}
            items, more = await self._api.items(path, path, {**asked, **later})
            steps = self._take(site, whole, items, follow=follow)
            for step in steps:
                yield step
            yield Step(cursor=self.state)
            number += 1
            if not more or (not steps and number > _MOST_PAGES):
                return
            if number > _MOST_PAGES:
                begin, number = self._lists[whole][0], 1

    def _take(self, site: str, whole: str, items: Iterable[Any], *, follow: bool) -> list[Step]:
        """The steps of items that were not seen; the list is then read up to the newest."""
        now = http.current_time(self._context).timestamp()
        newest, seen = self._lists.get(whole, [0.0, {}])
        steps = []
        for item in items:
            step = self._step(site, item)
            post = step.post
            if post is not None:
                if post.id in seen:
                    continue
                seen[post.id] = post.created_at.timestamp()
                newest = max(newest, seen[post.id])
                self._watch(site, post, follow=follow)
            steps.append(step)
        newest = newest or now
        kept = {name: at for name, at in seen.items() if at >= newest - _OVERLAP}
        self._lists[whole] = [newest, kept]
        return steps

    def _watch(self, site: str, post: Post, *, follow: bool) -> None:
        now = http.current_time(self._context)
        name = post.id.removeprefix("stackexchange:")
        if "/comments/" in name:
            return
        kind = "a" if post.parent_id else "q"
        self._recheck.add(f"{kind} {name}", post.created_at, now)
        if follow:
            self._follow.add(f"{kind} {name}", now)

    async def again(self, site: str) -> AsyncIterator[Step]:
        """Answers and comments that came, counts that changed, posts that went. Only while enough
        of the day's calls is left for what is new."""
        now = http.current_time(self._context)
        due = _of(site, self._follow.due(now, _IDS))
        if due and self._spare():
            fresh: dict[str, list[float]] = {}
            questions = [name for name in due if name.startswith("q")]
            for path, names in (("questions/{}/answers", questions), ("posts/{}/comments", due)):
                async for step in self._under(site, path, names, fresh):
                    yield step
            for name in due:
                times = fresh.get(_number(name), [])
                self._follow.looked(name, now, len(times), str(max(times)) if times else "")
            yield Step(cursor=self.state)
        for kind, path in (("q", "questions/{}"), ("a", "answers/{}")):
            names = [n for n in _of(site, self._recheck.due(now, _IDS)) if n.startswith(kind)]
            if names and self._spare():
                async for step in self._anew(site, path, names):
                    yield step

    async def _under(
        self, site: str, path: str, names: list[str], fresh: dict[str, list[float]]
    ) -> AsyncIterator[Step]:
        """What stands under these posts and is newer than their marks; its times go to `fresh`."""
        if not names:
            return
        marks = {_number(name): float(self._follow.mark(name) or 0.0) for name in names}
        params = {"site": site, "sort": "creation", "order": "asc"}
        since = min(marks.values())
        params |= {"fromdate": str(int(since))} if since else {}
        method, whole = path.replace("{}", "ids"), path.format(";".join(marks))
        for number in range(1, _MOST_PAGES + 1):
            items, more = await self._api.items(method, whole, {**params, "page": str(number)})
            for item in items:
                step = self._step(site, item)
                post = step.post
                if post is not None:
                    parent = post.parent_id.rpartition("/")[2]
                    at = post.created_at.timestamp()
                    if at <= marks.get(parent, 0.0):
                        continue
                    fresh.setdefault(parent, []).append(at)
                    self._watch(site, post, follow=True)
                yield step
            if not more:
                return

    async def _anew(self, site: str, path: str, names: list[str]) -> AsyncIterator[Step]:
        now = http.current_time(self._context)
        published = {_number(name): self._recheck.state[name][1] for name in names}
        method, whole = path.replace("{}", "ids"), path.format(";".join(published))
        items, more = await self._api.items(method, whole, {"site": site})
        for item in items:
            step = self._step(site, item)
            if step.post is not None:
                published.pop(step.post.id.rpartition("/")[2], None)
            else:
                fields = mapping(item)
                number = fields.get("answer_id") or fields.get("question_id")
                published.pop(str(number), None)
            yield step
        for number, born in ({} if more else published).items():
            yield Step(post=removed(site, int(number), born, now, answer=path.startswith("a")))
        for name in names:
            self._recheck.asked(name, now)
            if not more and _number(name) in published:
                self._follow.drop(name)
        yield Step(cursor=self.state)

    def _spare(self) -> bool:
        """Whether the day's calls go slower than the day, and enough is left for what is new."""
        quota = self._api.quota
        rest = (quota.ends - http.current_time(self._context)).total_seconds() / _DAY
        return quota.left > quota.limit * max(_SPARE, _PACE * rest)

    def _step(self, site: str, item: Any) -> Step:
        fields = mapping(item)
        numbers = (fields.get(key) for key in ("comment_id", "answer_id", "question_id"))
        number = next((one for one in map(count, numbers) if one is not None), "without a number")
        try:
            return Step(post=post_of(site, item, http.current_time(self._context)))
        except ValueError as error:
            place = f"{site} {number}"
            raw = msgspec.json.encode({"site": site, "item": item})
            return unreadable(place, error, raw)


def _of(site: str, names: list[str]) -> list[str]:
    return [name for name in names if name[2:].rpartition("/")[0] == site]


def _number(name: str) -> str:
    return name.rpartition("/")[2]


def _kept(row: object) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 2
        and isinstance(row[0], int | float)
        and isinstance(row[1], dict)
    )
