"""The invented people of the `sample` source, and what each of them writes: pure and repeatable.

Everything comes from a seed and a moment, so that the same second always holds the same posts.
"""

import bisect
import functools
import hashlib
import itertools
import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from connectors.post import Author, Engagement, Place, Post
from connectors.sample_texts import BRAND, CITIES, DAY, HANDLES, PHRASES, RIVAL, City, Phrases

AUTHORS: Final = 600
_TOP_FOLLOWERS: Final = 60_000
_INFLUENCE: Final = 480_000
_MODES: Final = ("praise", "complaints", "neutral", "rival", "noise")
_SHARES: Final = tuple(itertools.accumulate((0.26, 0.17, 0.22, 0.17, 0.18)))
_WEIGHT: Final = sum(city.weight for city in CITIES)
_NUMBERS: Final = {city.name: number for number, city in enumerate(CITIES)}
_LOUD: Final = 1_000_000
"""Number of the influential author: outside the ranks of the others."""


class World:
    """Cities, authors and their words. `brand` and `rival` are `connectors.sample_texts`'."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def chance(self, *of: object) -> random.Random:
        """Randomness that belongs to a thing: the same for the same seed and thing."""
        return random.Random(f"{self._seed}:{of}")  # noqa: S311  # play, not secrets

    def write(self, key: str, moment: float, *, crisis: bool = False) -> Post:
        """The post called `key`, written at `moment` (seconds since 1970)."""
        chance = self.chance(key)
        city = _city(chance, moment)
        words = PHRASES[city.lang]
        mode = "crisis" if crisis else _MODES[bisect.bisect(_SHARES, chance.random() * _SHARES[-1])]
        text, tags = _compose(chance, words, city, mode)
        author = self._author(chance, city)
        return _post(key, moment, text, tags, author=author, city=city, chance=chance)

    def outcry(self, key: str, moment: float, lang: str) -> Post:
        """The post of an influential author with which the crisis breaks out."""
        chance = self.chance(key)
        city = next(city for city in CITIES if city.lang == lang)
        words = PHRASES[lang]
        text = f"{words.outcry.format(b=BRAND, c=city.name)} #{words.crisis_tag}"
        author = Author(
            id=f"s{_LOUD}",
            handle=f"demo.{'loupe' if lang == 'fr' else 'lens'}.{lang}",
            name=f"Demo Consumer Lens ({lang})",
            followers=_INFLUENCE,
            location=city.name,
            verified=True,
        )
        return _post(key, moment, text, [words.crisis_tag], author=author, city=city, chance=chance)

    def _author(self, chance: random.Random, city: City) -> Author:
        """One of a city's people: few are heard by many (Zipf)."""
        rank = int(AUTHORS ** chance.random())
        word = HANDLES[(rank + len(city.name)) % len(HANDLES)]
        return Author(
            id=f"s{_NUMBERS[city.name]}-{rank}",
            handle=f"demo.{word}.{_NUMBERS[city.name]}{rank:03d}",
            name=f"Demo {word.capitalize()} {rank}",
            followers=int(_TOP_FOLLOWERS / (rank + _NUMBERS[city.name] / len(CITIES)) ** 1.1),
            location=f"{city.name}, {city.country}",
            verified=rank <= 3,
        )


def rhythm(moment: float) -> float:
    """How busy the world is at a moment, about 1 in the evening of most: by local hours."""
    return _busy(int(moment // 600))[-1] / _WEIGHT


def poisson(chance: random.Random, mean: float) -> int:
    """How many of rare events happen when `mean` are to be expected (D. Knuth's method below 30,
    a rounded normal above)."""
    if mean > 30:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


def edited(post: Post, moment: float) -> Post:
    """The post as its author corrected it at `moment`."""
    words = PHRASES[post.lang]
    now = when(moment)
    text = f"{post.text} {words.edited}"
    return replace(post, state="edited", text=text, updated_at=now, collected_at=now)


def deleted(post: Post, moment: float) -> Post:
    """The post after its author took it back at `moment`: no text, no author."""
    now = when(moment)
    return Post(
        id=post.id,
        source=post.source,
        created_at=post.created_at,
        collected_at=now,
        updated_at=now,
        state="deleted",
        lang=post.lang,
    )


def when(moment: float) -> datetime:
    """Seconds since 1970 as a UTC time, cut to milliseconds as platforms give them."""
    return datetime.fromtimestamp(int(moment * 1000) / 1000, UTC)


def _local(city: City, moment: float) -> float:
    """The day's curve at the city's hour, without a step on the hour."""
    hour = (moment / 3600 + city.offset) % 24
    at = int(hour)
    return DAY[at] + (DAY[(at + 1) % 24] - DAY[at]) * (hour - at)


def _city(chance: random.Random, moment: float) -> City:
    return chance.choices(CITIES, cum_weights=_busy(int(moment // 600)))[0]


@functools.lru_cache(maxsize=1024)
def _busy(ten_minutes: int) -> list[float]:
    """How much each city writes in ten minutes, added up."""
    moment = ten_minutes * 600.0
    return list(itertools.accumulate(city.weight * _local(city, moment) for city in CITIES))


def _compose(chance: random.Random, words: Phrases, city: City, mode: str) -> tuple[str, list[str]]:
    """A text and its hashtags."""
    about_rival = mode == "rival"
    if about_rival:
        mode = chance.choice(("praise", "complaints", "neutral"))
    bodies: Sequence[str] = getattr(words, mode)
    named = chance.choice(words.rival if about_rival else words.brand)
    opener = chance.choice(words.openers) if mode != "crisis" or chance.random() < 0.3 else ""
    body = chance.choice(bodies)
    text = f"{opener} {body}".strip().format(b=named, p=chance.choice(words.parts), c=city.name)
    text = text[0].upper() + text[1:]
    text += _ending(chance, words, mode, open_end=text[-1].isalnum())
    tags = _tags(chance, words, mode, RIVAL if about_rival else BRAND)
    return " ".join([text, *(f"#{tag}" for tag in tags)]), tags


def _ending(chance: random.Random, words: Phrases, mode: str, *, open_end: bool) -> str:
    """A mark where the text has none yet, and a face."""
    mark = chance.choice(("", words.cry, words.cry, "."))
    if mode == "praise":
        return (mark if open_end else "") + _emoji(chance, words.happy)
    if mode in ("complaints", "crisis"):
        return (mark if open_end else "") + _emoji(chance, words.angry)
    return ""


def _emoji(chance: random.Random, among: Sequence[str]) -> str:
    chosen = chance.choice(among)
    return f" {chosen}" if chosen else ""


def _tags(chance: random.Random, words: Phrases, mode: str, name: str) -> list[str]:
    if mode == "crisis":
        return [words.crisis_tag] if chance.random() < 0.6 else []
    if mode == "noise" or chance.random() > 0.35:
        return []
    return [chance.choice((*words.tags, name))]


def _post(
    key: str,
    moment: float,
    text: str,
    tags: list[str],
    *,
    author: Author,
    city: City,
    chance: random.Random,
) -> Post:
    reach = (author.followers or 0) * chance.random() ** 3
    digest = hashlib.blake2b(key.encode(), digest_size=4).hexdigest()
    return Post(
        id=f"sample:{key}",
        source="sample",
        created_at=when(moment),
        collected_at=when(moment),
        url=f"https://sample.invalid/p/{key}-{digest}",
        text=text,
        lang=city.lang,
        author=author,
        engagement=Engagement(
            likes=int(reach * 0.02) + chance.randrange(4),
            reposts=int(reach * 0.005),
            replies=int(reach * 0.003),
            views=int(reach) + chance.randrange(20, 200),
        ),
        hashtags=tags,
        place=Place(name=city.name, country=city.country, lat=city.lat, lon=city.lon),
    )


def thread(post: Post, parent: str) -> Post:
    """The post as an answer to another one."""
    return replace(post, parent_id=parent, thread_id=parent, kind="comment")


def shared(post: Post, origin: Post) -> Post:
    """The post as a repost of another one, in that one's words."""
    return replace(post, repost_of=origin.id, text=origin.text, hashtags=origin.hashtags)
