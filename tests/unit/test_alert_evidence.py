"""Evidence: what stored posts say of an incident."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.post import Author
from streams.alerts.evidence import Explainer, evidence
from streams.alerts.records import Evidence
from streams.alerts.terms import count, new_terms, own_words, terms_of
from streams.criteria.topics import Topic
from streams.records import Mention
from streams.store.port import Filter, Order, Page, Store
from tests.support.alerts import incident
from tests.support.mentions import Case, mention, sqlite_case

CALM = ("the parcel came", "nice colours on the box", "shop was closed", "the box is blue")


def written(
    number: int,
    text: str,
    minutes: float,
    *,
    story: str = "",
    author: int | None = None,
    followers: int = 0,
) -> Mention:
    who = Author(id=str(number if author is None else author), followers=followers)
    when = incident().began_at + timedelta(minutes=minutes)
    return mention(number, created=when, tone="neg", author=who, post={"text": text}, story=story)


def past() -> list[Mention]:
    """Four weeks of calm: every six hours a post."""
    return [
        written(1000 + n, f"{CALM[n % 4]} no {n}", -360 * n - 30, author=n % 50) for n in range(110)
    ]


def window() -> list[Mention]:
    outage = [
        written(n, f"cannot log in, error 500 on the login page again {n}", n, author=200 + n)
        for n in range(1, 15)
    ]
    viral = [
        written(50 + n, "Brand leaks passwords, says paper", 2 + n, story="s1", author=300 + n)
        for n in range(9)
    ]
    loud = written(80, "#brandfail error 500 on the login page for an hour", 20, followers=900_000)
    latest = written(90, "the parcel came late", 59, author=3)
    return [*outage, *viral, loud, latest]


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[Case]:
    async with sqlite_case(tmp_path) as made:
        yield made


async def found(case: Case, mentions: list[Mention]) -> Evidence:
    await case.store.write(mentions)
    return await evidence(case.store, incident(), own={"brand"})


async def test_key_posts_are_central_and_far_reaching_one_a_story(case: Case) -> None:
    why = await found(case, past() + window())
    texts = [each.text for each in why.posts]
    assert texts[0].startswith("#brandfail error 500"), "central, and read by most"
    assert sum("leaks passwords" in text for text in texts) == 1
    assert not any("parcel" in text for text in texts), "the most recent, but beside the point"
    assert next(p for p in why.posts if "leaks" in p.text).copies == 9


async def test_terms_are_those_that_the_past_had_not(case: Case) -> None:
    why = await found(case, past() + window())
    terms = {term.text: term for term in why.terms}
    assert any("error" in text for text in terms)
    assert any("login" in text for text in terms)
    assert not {"parcel", "box", "brand", "the"} & set(terms)
    assert all(term.score >= 1.96 and term.count >= 3 for term in why.terms)
    assert [t.score for t in why.terms] == sorted((t.score for t in why.terms), reverse=True)


async def test_stories_authors_and_who_started(case: Case) -> None:
    why = await found(case, past() + window())
    assert why.stories == 17, "fourteen, one told nine times, two more"
    assert (why.authors, why.new_authors) == (25, 24)
    assert why.first is not None
    assert why.first.text.startswith("Brand leaks")
    assert why.first.created_at == incident().began_at + timedelta(minutes=2)
    assert why.sources == [("test", 25)]
    assert why.reach == 900_000


async def test_another_topic_and_another_tone_are_not_asked(case: Case) -> None:
    other = mention(7, topic="other", tone="neg", created=incident().began_at)
    good = mention(8, tone="pos", created=incident().began_at)
    why = await found(case, [*window()[:3], other, good])
    assert why.authors == 3


async def test_nothing_stored_is_no_evidence(case: Case) -> None:
    assert await found(case, []) == Evidence()


async def test_without_a_past_there_is_no_error(case: Case) -> None:
    why = await found(case, window())
    assert why.posts
    assert why.new_authors == why.authors


class Counting:
    """A store that counts what is read of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.read = 0

    async def search(
        self, where: Filter, *, limit: int = 50, cursor: str = "", order: Order = "newest"
    ) -> Page:
        page = await self._store.search(where, limit=limit, cursor=cursor, order=order)
        self.read += len(page.mentions)
        return page

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


async def test_reading_is_bounded(case: Case) -> None:
    many = [written(n, f"error {n % 7} at login", n / 100) for n in range(5_000)]
    old = [written(9_000 + n, f"calm {n % 5}", -n - 1) for n in range(3_000)]
    await case.store.write(many + old)
    store = Counting(case.store)
    why = await evidence(store, incident())  # type: ignore[arg-type]
    assert store.read <= 4_000
    assert 2_000 <= why.authors <= 5_000
    assert why.new_authors <= why.authors
    assert len(why.posts) == 1, "they all say the same"


def test_terms_leave_out_addresses_names_stop_words_and_own_words() -> None:
    found = terms_of("RT @bob the Brand's app crashes https://x.example/y #fail", {"brand"})
    assert found == {"app", "crashes", "app crashes", "#fail"}


def test_terms_in_russian_and_french() -> None:
    assert "двойное списание" in terms_of("У меня двойное списание!")
    assert "écran noir" in terms_of("J'ai un écran noir depuis l'appli")


def test_own_words_are_those_of_query_name_and_targets() -> None:
    topic = Topic(id="acme", query='"Acme Corp" OR #acmefail NOT comic', name="Acme", target=["A+"])
    assert {"acme", "corp", "#acmefail", "comic"} <= own_words(topic)


def test_log_odds_prefer_the_certain_to_the_merely_rare() -> None:
    here = count([(str(n), {"outage"} if n < 20 else {"calm"}) for n in range(40)])
    there = count([(str(n), {"calm"} if n else {"calm", "outage"}) for n in range(400)])
    first, *others = new_terms(here, there)
    assert first.text == "outage"
    assert first.count == 20
    assert first.before == 0.1
    assert "calm" not in {term.text for term in others}


def test_a_story_told_a_thousand_times_is_not_all_there_is() -> None:
    viral = [("one", frozenset({"viral"}))] * 1000
    apart = [(str(n), frozenset({"outage"})) for n in range(30)]
    terms = new_terms(count(viral + apart), count([(f"p{n}", {"calm"}) for n in range(500)]))
    assert terms[0].text == "outage"


async def test_of_authors_too_many_to_look_up_none_is_called_new_unproved(case: Case) -> None:
    old = [written(9_000 + n, "calm", -n - 1, author=n % 1_500) for n in range(3_000)]
    now = [written(n, f"error {n}", n / 100, author=1_400 + n) for n in range(150)]
    await case.store.write(old + now)
    why = await evidence(case.store, incident())
    assert why.authors == 150
    assert why.new_authors == 50, "a hundred wrote before"


async def test_the_explainer_knows_a_topic_s_own_words(case: Case) -> None:
    await case.store.write(past() + window())
    topics = {"brand": Topic(id="brand", query="login OR error")}
    why = await Explainer(case.store, lambda: topics)(incident())
    assert why.posts
    assert not {"login", "error"} & {word for term in why.terms for word in term.text.split()}
