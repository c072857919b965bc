"""A store as a desk of staff has it after 90 days: python -m benchmarks.pages_data DIRECTORY

A million mentions of 20 topics by 50,000 authors, most of them by few; six sources, four languages,
day and night, stories that many tell, threads, corrections by staff. The same seed and end make the
same mentions. What is there already is left as it is.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from connectors.post import Author, Engagement, Post, Rating
from streams.pipeline import story_of
from streams.records import Label, Mention, Sentiment, SentimentLabel, Span, mention_id
from streams.settings import Settings
from streams.settings import Store as StoreSettings
from streams.store import open_store, sqlite_path
from streams.store.port import Filter, Store

TOPICS: Final = tuple(f"topic-{number:02}" for number in range(1, 21))
DAYS: Final = 90
AUTHORS: Final = 50_000
_BATCH: Final = 1_000
_T = TypeVar("_T")
_TOLD: Final = 50_000
_STORIES: Final = 400
_LABELLED: Final = 0.004
_SOURCES: Final = ("bluesky", "mastodon", "vkontakte", "reddit", "news", "appstore")
_SOURCE_WEIGHTS: Final = tuple(accumulate((40, 20, 15, 12, 8, 5)))
_TOPIC_WEIGHTS: Final = tuple(accumulate(100 / (rank + 1) for rank in range(len(TOPICS))))
_TONES: Final[tuple[SentimentLabel, ...]] = ("neg", "pos", "neu", "unscored")
_TONE_WEIGHTS: Final = (30, 57, 95, 100)
_LANGS: Final = ("en", "fr", "ru", "de")
_LANG_WEIGHTS: Final = (55, 75, 95, 100)
_COUNTRIES: Final = {
    "en": ("US", "GB", "CA", "AU", ""),
    "fr": ("FR", "BE", "CA", ""),
    "ru": ("RU", "KZ", ""),
    "de": ("DE", "AT", ""),
}
_BY_HOUR: Final = tuple(accumulate(6 + 5 * abs(12 - abs(15 - hour)) for hour in range(24)))
_WORDS: Final = {
    "en": (
        "flight delayed app crashes support refund waiting hours thanks great crew boarding gate "
        "luggage lost again never booking update login error payment charged twice helpful staff "
        "really happy with the new service and my order of last week was late but they answered "
        "quickly why does nobody pick up phone today tomorrow morning evening price too high cheap"
    ),
    "fr": (
        "vol retardé application plante remboursement attente heures merci équipe porte bagage "
        "perdu encore jamais réservation mise à jour erreur paiement débité deux fois personnel "
        "aimable très content du nouveau service ma commande de la semaine dernière en retard"
    ),
    "ru": (
        "рейс задержан приложение падает возврат денег ожидание часов спасибо отличная команда "
        "багаж потерян опять никогда бронирование обновление ошибка оплата списали дважды "
        "вежливый персонал очень доволен новый сервис мой заказ на прошлой неделе опоздал"
    ),
    "de": (
        "Flug verspätet App stürzt ab Erstattung warten Stunden danke tolle Mannschaft Gepäck "
        "verloren schon wieder nie Buchung Fehler Zahlung doppelt abgebucht freundlich sehr "
        "zufrieden mit dem neuen Dienst meine Bestellung letzte Woche kam zu spät"
    ),
}
_VOCABULARY: Final = {lang: tuple(words.split()) for lang, words in _WORDS.items()}
_NOTES: Final = ("irony", "about another company", "asked for a refund", "")
_TAGS: Final = ("refund", "vip", "legal", "app", "crew")
_STAFF: Final = ("eve", "bob", "mia")


def mentions(count: int, until: datetime, *, seed: int = 1) -> Iterator[Mention]:
    """So many mentions of the 90 days before `until`, oldest first."""
    chance = random.Random(seed)  # no secret
    told = [_sentence(chance, _pick(chance, _LANGS, _LANG_WEIGHTS)) for _ in range(_STORIES)]
    begin = until - timedelta(days=DAYS)
    latest: list[str] = []
    for number, moment in enumerate(_moments(chance, count, begin)):
        made = _mention(chance, number, moment, told, latest)
        latest = [*latest[-200:], made.post.id]
        yield made


def _moments(chance: random.Random, count: int, begin: datetime) -> Iterator[datetime]:
    """In order; as many each day, few of them at night."""
    for day in range(DAYS):
        today = begin + timedelta(days=day)
        size = count * (day + 1) // DAYS - count * day // DAYS
        hours = range(24)
        seconds = sorted(
            _pick(chance, hours, _BY_HOUR) * 3600 + chance.random() * 3600 for _ in range(size)
        )
        for second in seconds:
            yield today + timedelta(milliseconds=int(second * 1000))


def _pick(chance: random.Random, values: Sequence[_T], weights: Sequence[float]) -> _T:
    return chance.choices(values, cum_weights=weights)[0]


def _mention(
    chance: random.Random, number: int, moment: datetime, told: Sequence[str], latest: list[str]
) -> Mention:
    topic = _pick(chance, TOPICS, _TOPIC_WEIGHTS)
    source = _pick(chance, _SOURCES, _SOURCE_WEIGHTS)
    lang = _pick(chance, _LANGS, _LANG_WEIGHTS)
    retold = chance.random() < 0.1
    story = int(_STORIES * chance.random() ** 3)
    text = told[story] if retold else _sentence(chance, lang)
    native = f"{number:08x}"
    answers = latest[int(len(latest) * chance.random())] if latest and chance.random() < 0.2 else ""
    post = Post(
        id=f"{source}:{native}",
        source=source,
        created_at=moment,
        collected_at=moment + timedelta(seconds=30),
        kind="review" if source == "appstore" else "comment" if answers else "post",
        url=f"https://{source}.example/{topic}/{native}",
        text=text,
        lang=lang,
        author=_author(chance, source),
        engagement=_engagement(chance),
        rating=Rating(float(chance.randint(1, 5))) if source == "appstore" else None,
        parent_id=answers,
        thread_id=answers,
        hashtags=[f"tag{int(50 * chance.random() ** 2)}"] if chance.random() < 0.3 else [],
    )
    id_ = mention_id(topic, post.id)
    return Mention(
        id=id_,
        topic=topic,
        post=post,
        lang=lang,
        sentiment=_sentiment(chance),
        processed_at=moment + timedelta(seconds=31),
        version=post.version,
        matched=[Span("text", 0, min(len(text), 9))],
        story=story_of(text),
        country=chance.choice(_COUNTRIES[lang]),
    )


def _author(chance: random.Random, source: str) -> Author:
    """Of 50,000, one in a hundred writes a fifth of all; each at one source."""
    rank, sources = int(AUTHORS * chance.random() ** 3), len(_SOURCES)
    number = rank // sources * sources + _SOURCES.index(source)
    followers = int(10 ** (5.5 * random.Random(number).random() ** 2))  # no secret
    return Author(
        id=f"{source[:2]}{number:07}",
        handle=f"{source}_{number}",
        name=f"Name {number}",
        followers=followers,
    )


def _engagement(chance: random.Random) -> Engagement:
    likes = int(10 ** (3 * chance.random() ** 4)) - 1
    return Engagement(likes=likes, reposts=likes // 5, replies=likes // 8)


def _sentiment(chance: random.Random) -> Sentiment:
    tone = _pick(chance, _TONES, _TONE_WEIGHTS)
    if tone == "unscored":
        return Sentiment(label=tone, reason="no engine for this language")
    score = {"neg": -1.0, "pos": 1.0, "neu": 0.0}[tone] * (0.3 + 0.7 * chance.random())
    sure = 0.4 + 0.6 * chance.random()
    return Sentiment(label=tone, score=round(score, 3), confidence=round(sure, 3), engine="vader")


def _sentence(chance: random.Random, lang: str) -> str:
    size = 6 + int(30 * chance.random() ** 2)
    return f"{' '.join(chance.choices(_VOCABULARY[lang], k=size))} {chance.randrange(10**6)}"


def labels(some: Sequence[Mention], *, seed: int = 2) -> list[Label]:
    """What staff said of a few: sentiments, spam, tags, work done."""
    chance = random.Random(f"{seed} {some[0].id}" if some else "")  # no secret
    return [_label(chance, one) for one in some if chance.random() < _LABELLED]


def _label(chance: random.Random, one: Mention) -> Label:
    return Label(
        mention_id=one.id,
        labeled_at=one.processed_at + timedelta(minutes=chance.randint(1, 600)),
        by=chance.choice(_STAFF),
        sentiment=chance.choice(("neg", "pos", "neu", None)),
        relevant=chance.choice((True, True, True, None, False)),
        note=chance.choice(_NOTES),
        tags=chance.sample(_TAGS, chance.randint(0, 2)),
        assigned=chance.choice((*_STAFF, "")),
        done=chance.random() < 0.7,
        spam=chance.random() < 0.05,
    )


async def fill(store: Store, count: int, until: datetime) -> None:
    """Write them, and what staff said of some."""
    made, done, began = mentions(count, until), 0, time.monotonic()
    said: list[Label] = []
    while some := list(islice(made, _BATCH)):
        await store.write(some)
        said += labels(some)
        done += len(some)
        if done % _TOLD == 0 or done == count:
            await store.add_labels(said)
            said = []
            rate = done / (time.monotonic() - began)
            print(f"{done:>10,} mentions, {rate:,.0f}/s", flush=True)


async def prepare(settings: Settings, count: int, until: datetime) -> datetime:
    """Fill the store of these settings, or leave it where it was filled before; its end."""
    marker = settings.data_dir / f"{settings.store.prefix}-pages-data.json"
    store = open_store(settings)
    await store.open()
    try:
        if marker.exists():
            return msgspec.json.decode(marker.read_bytes(), type=datetime)
        found = (await store.count(Filter(hidden="any"))).total
        if found:
            raise SystemExit(f"{settings.data_dir}: half filled. Remedy: remove it")
        await fill(store, count, until)
        marker.write_bytes(msgspec.json.encode(until))
    finally:
        await store.close()
    return until


def settings_of(directory: Path, url: str = "") -> Settings:
    """An embedded installation in the directory, or with the server's address, one there."""
    return Settings(data_dir=directory, store=StoreSettings(url=url, prefix="pages"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--mentions", type=int, default=1_000_000)
    parser.add_argument("--elasticsearch", default="", help="the address of a server")
    asked = parser.parse_args()
    asked.directory.mkdir(parents=True, exist_ok=True)
    settings = settings_of(asked.directory, asked.elasticsearch)
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    until = asyncio.run(prepare(settings, asked.mentions, until))
    print(f"{asked.elasticsearch or sqlite_path(settings)}: until {until.isoformat()}")


if __name__ == "__main__":
    main()
