"""Sources that misbehave: what they serve grows while it is read, and faults come in between."""

import gzip
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tests.contract.connectors.server import Answer
from tests.contract.connectors.world import Fixture, World

COUNT: Final = 60
AT_ONCE: Final = 20
"""Posts there at the start; the others appear while the source is read."""


@dataclass(frozen=True)
class Fault:
    """What is answered in place of the truth, for so many requests in a row, and what the person
    is told of it (a part of the sentence)."""

    answer: Answer
    told: str
    lasts: tuple[int, int] = (1, 6)


class Hostile(World):
    """A world whose posts appear one by one, with faults at random requests."""

    def __init__(self, items: Iterable[Any], fault: Fault, rng: random.Random) -> None:
        waiting = list(items)
        super().__init__(waiting[:AT_ONCE])
        self._waiting = waiting[AT_ONCE:]
        self._fault, self._rng = fault, rng
        self._left, self._calm = 0, rng.randint(0, 3)
        self.injuries = 0

    @property
    def done(self) -> bool:
        """Whether everything has appeared and faults have come at least three times."""
        return not self._waiting and self.injuries >= 3 and not self._left

    def next_fault(self) -> Answer | None:
        """A fault in its time; otherwise the truth, to which some posts have been added."""
        if self._left:
            self._left -= 1
            return self._fault.answer
        if self._calm == 0 and self.injuries < 3:
            self.injuries += 1
            self._left = self._rng.randint(*self._fault.lasts) - 1
            self._calm = self._rng.randint(4, 30)
            return self._fault.answer
        self._calm = max(0, self._calm - 1)
        more = self._rng.randint(0, 2)
        self.items += self._waiting[:more]
        del self._waiting[:more]
        return None


def faults(name: str) -> dict[str, Fault]:
    """What can go wrong with an answer over HTTP, for the source called `name`."""
    return {
        "429 with Retry-After": Fault(Answer(429, headers={"retry-after": "70"}), "429"),
        "429 without Retry-After": Fault(Answer(429), "429"),
        "500": Fault(Answer(500, b'{"error": "we are sorry"}'), "500"),
        "503 with Retry-After": Fault(Answer(503, headers={"retry-after": "30"}), "503"),
        "time-out": Fault(Answer(manner="hang"), "did not answer in time", (1, 2)),
        "slow-drip body": Fault(
            Answer(body=b" " * 5000, manner="drip"), "did not answer in time", (1, 2)
        ),
        "connection cut": Fault(Answer(body=b"[" * 999, manner="cut"), "connection failed"),
        "truncated body": Fault(Answer(body=_TRUNCATED[name], headers=_TYPE[name]), ""),
        "invalid UTF-8": Fault(Answer(body=b'{"id": 1, "text": "\xc3\x28\xff\xed\xa0\x80"}'), ""),
        "a page of HTML": Fault(
            Answer(
                body=b"<!doctype html><title>Log in</title>", headers={"content-type": "text/html"}
            ),
            "",
        ),
        "gzip bomb": Fault(
            Answer(body=_bomb(), headers={"content-encoding": "gzip"}), "longer than", (1, 2)
        ),
        "endless body": Fault(Answer(body=b" " * 65536, manner="endless"), "longer than", (1, 2)),
        "redirect loop": Fault(
            Answer(302, headers={"location": "?again=1"}), "more than 5 redirects", (50, 60)
        ),
    }


def names() -> list[str]:
    return list(faults("rss"))


def _bomb() -> bytes:
    return gzip.compress(b" " * (64 * 1024 * 1024), 1)


_TRUNCATED: Final = {
    "rss": b'<?xml version="1.0"?><rss version="2.0"><channel><item><guid>https://news.example/1'
    b"</guid><title>Title 1</title><description>Acmeron no",
    "mastodon": b'[{"id": "110001", "uri": "https://social.exa',
    "hackernews": b'{"id": 1, "type": "comment", "text": "Acmer',
}
_TYPE: Final = {
    "rss": {"content-type": "application/rss+xml", "etag": 'W/"cut"'},
    "mastodon": {"content-type": "application/json"},
    "hackernews": {"content-type": "application/json"},
}


def post_id(fixture: Fixture, number: int) -> str:
    """The id that a fixture's item is known by."""
    forms = {
        "rss": f"rss:https://news.example/{number}",
        "mastodon": f"mastodon:https://social.example/users/a/statuses/{number}",
        "hackernews": f"hackernews:{1 + number}",
        "bluesky": f"bluesky:at://did:plc:author/app.bsky.feed.post/key{number}",
    }
    return forms[fixture.name]


def text_of(number: int) -> str:
    """Two in three meet the topic."""
    return f"Acmeron again, note {number}" if number % 3 else f"nothing to see, note {number}"


def items(fixture: Fixture, count: int = COUNT) -> list[Any]:
    return [fixture.item(number, text=text_of(number)) for number in range(count)]


def truth(fixture: Fixture, count: int = COUNT) -> dict[str, str]:
    return {post_id(fixture, number): text_of(number) for number in range(count)}
