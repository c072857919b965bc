"""`sample`: posts about an invented brand, so that there is something to see without a network.

A day's rhythm, a rival, edits and deletions, and a crisis that breaks out a minute after the
start and ebbs away. The same seed and clock give the same posts.
"""

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import ClassVar, Final

import msgspec

from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.options import Options
from connectors.post import Post
from connectors.sample_world import World, deleted, edited, poisson, rhythm, shared, thread

_THINNING: Final = 600.0
"""Seconds into the past after which half of the posts are left: an archive keeps ever fewer."""
_BIN: Final = 60
"""Seconds of the past that are drawn at once."""
_LATER: Final = 30
"""Seconds after which a post is edited or deleted, if it is."""
_EDITED, _DELETED = 0.02, 0.01
_ANSWERS: Final = 0.12
_NEW_START: Final = 600
"""Seconds away after which a source begins anew, with another crisis."""
_PEAK: Final = 4.0
"""How many times the usual rate the crisis adds at its worst."""
_RISE, _HEIGHT, _HALF_LIFE = 120.0, 480.0, 300.0
"""Seconds of rising, until it ebbs, and in which it halves then."""

_OUTCRIES: Final = ("fr", "en", "ru")
_BETWEEN: Final = 20
"""Seconds between the outcries in these languages."""
_REPOSTS: Final = 0.2

Sleep = Callable[[float], Awaitable[None]]


class Left(msgspec.Struct, frozen=True):
    """The cursor: when this run of the source began, and the next minute of the past or second
    of the present to write."""

    started: int
    minute: int
    second: int


class Sample:
    """Writes the past once, quickly, then the present second by second."""

    spec: ClassVar[Spec] = Spec(
        name="sample",
        door="a generator of Veille's own",
        sees="invented posts in French, English and Russian about an invented brand",
        needs="nothing",
        limits="none",
        group="doors",
        options=(
            Option("rate", "Posts a second in the evening of most; fewer at night.", 3.0),
            Option("seed", "Another number gives other posts.", 1),
            Option("crisis_after", "Seconds from the start to the crisis; 0: none.", 60),
            Option("history_hours", "Hours of past written on the first start.", 48),
            Option("live", "Go on after the past: yes or no.", "yes"),
        ),
        poll_seconds=0.0,
    )

    def __init__(self, context: Context, *, sleep: Sleep = asyncio.sleep) -> None:
        options = Options(self.spec, context.options)
        self._rate = options.seconds("rate", 0.01, 1000)
        self._crisis_after = options.seconds("crisis_after", 0, 86_400)
        self._history = options.seconds("history_hours", 0, 24 * 31) * 3600
        self._live = options.choice("live", ("yes", "no")) == "yes"
        self._world = World(options.whole("seed", 0, 2**31))
        self._clock = context.clock or time.time
        self._sleep = sleep

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """Everything from where it was left up to now, then what comes, without end."""
        left = self._begin(cursor)
        for minute in range(left.minute, left.started // _BIN):
            for post in self._past(minute, left.started):
                yield Step(post=post)
            left = msgspec.structs.replace(left, minute=minute + 1)
            yield Step(cursor=msgspec.to_builtins(left))
            await self._sleep(0)
        while self._live:
            now = self._clock()
            while left.second < int(now):
                for post in self._present(left.second, left.started):
                    yield Step(post=post)
                left = msgspec.structs.replace(left, second=left.second + 1)
                yield Step(cursor=msgspec.to_builtins(left))
            await self._sleep(1.0 - now % 1.0)

    def _begin(self, cursor: Cursor) -> Left:
        """Where to go on; after a long absence a new start, whose past is the absence."""
        now = int(self._clock())
        since = now - int(self._history)
        try:
            left = msgspec.convert(cursor, Left)
        except msgspec.ValidationError:
            left = None
        if left is not None and now - left.second < _NEW_START:
            return left
        if left is not None:
            since = max(since, left.second)
        return Left(started=now, minute=math.ceil(since / _BIN), second=now)

    def _past(self, minute: int, started: int) -> Iterator[Post]:
        """One minute of the archive."""
        start = minute * _BIN
        age = max(0.0, started - start)
        mean = self._rate * _BIN * rhythm(start) * _THINNING / (_THINNING + age)
        chance = self._world.chance("past", minute)
        for number, moment in enumerate(_moments(start, _BIN, poisson(chance, mean), chance)):
            if moment < started:
                yield self._world.write(f"h{minute}-{number}", moment)

    def _present(self, second: int, started: int) -> Iterator[Post]:
        """One second: what is new, then what is edited or deleted of what was new."""
        yield from self._new(second, started)
        earlier = second - _LATER
        if earlier < started:
            return
        for post in self._new(earlier, started):
            fate = self._world.chance("fate", post.id).random()
            if fate < _EDITED:
                yield edited(post, second)
            elif fate < _EDITED + _DELETED:
                yield deleted(post, second)

    def _new(self, second: int, started: int) -> Iterator[Post]:
        chance = self._world.chance("second", second)
        usual = poisson(chance, self._rate * rhythm(second))
        for number, moment in enumerate(_moments(second, 1, usual, chance)):
            post = self._world.write(f"{second}-{number}", moment)
            if chance.random() < _ANSWERS:
                post = thread(post, f"sample:{second - 7}-0")
            yield post
        yield from self._crisis(second, started)

    def _crisis(self, second: int, started: int) -> Iterator[Post]:
        """What the crisis adds: an influential author speaks first, many follow."""
        since = second - started - self._crisis_after
        if not self._crisis_after or since < 0:
            return
        for number, lang in enumerate(_OUTCRIES):
            if int(since) == _BETWEEN * number:
                yield self._world.outcry(f"{second}-o", second, lang)
        chance = self._world.chance("crisis", second)
        added = poisson(chance, self._rate * _PEAK * severity(since))
        for number, moment in enumerate(_moments(second, 1, added, chance)):
            post = self._world.write(f"{second}-c{number}", moment, crisis=True)
            yield self._echo(post, started) if chance.random() < _REPOSTS else post

    def _echo(self, post: Post, started: int) -> Post:
        """The post as a repost of what the influential author wrote, once that is written."""
        begun = started + math.ceil(self._crisis_after) + _BETWEEN * _OUTCRIES.index(post.lang)
        if begun >= post.created_at.timestamp():
            return post
        return shared(post, self._world.outcry(f"{begun}-o", begun, post.lang))


def severity(since: float) -> float:
    """How bad the crisis is, from 0 to 1, so many seconds after it broke out."""
    if since < _HEIGHT:
        return min(1.0, (since + 5) / _RISE)
    fallen: float = 0.5 ** ((since - _HEIGHT) / _HALF_LIFE)
    return fallen if fallen > 0.01 else 0.0


def _moments(start: float, length: float, count: int, chance: random.Random) -> list[float]:
    return sorted(start + length * chance.random() for _ in range(count))
