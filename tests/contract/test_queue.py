"""What the queue asks of a store: its filters and orders, and what is hidden."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from connectors.post import Author, Engagement
from streams.errors import StoreError
from streams.records import Label, Mention, Retraction
from streams.store.hiding import Hidden
from streams.store.port import Filter, Order, Store
from streams.store.worth import worth
from tests.support.mentions import Case, at, mention

ADA = Author(id="7", handle="Ada")
_ADDED = ("worth", "hidden", "tags", "url_key")


def label(number: int, seconds: float = 60, **more: Any) -> Label:
    return Label(mention_id=mention(number).id, labeled_at=at(seconds), **more)


async def numbers(store: Store, where: Filter, order: Order = "oldest") -> list[int]:
    page = await store.search(where, limit=1000, order=order)
    return [int(found.post.id.partition(":")[2]) for found in page.mentions]


async def test_filters_of_the_queue(case: Case) -> None:
    await case.store.write(
        [
            mention(1, story="s1", author=Author(handle="a", followers=10)),
            mention(2, story="s1", post={"thread_id": "test:1", "parent_id": "test:1"}),
            mention(3, post={"thread_id": "test:1", "parent_id": "test:2", "kind": "comment"}),
            mention(4, post={"repost_of": "test:1", "kind": "review"}),
            mention(5, author=Author(handle="b", followers=1_000)),
            mention(6),
        ]
    )
    await case.store.add_labels(
        [
            label(1, tags=["Refund", "#vip"], assigned="eve", note="n"),
            label(2, sentiment="neg", done=True),
            label(3, relevant=True),
            label(4, done=True),
        ]
    )
    store = await case.seen()
    expected = {
        Filter(story="s1"): [1, 2],
        Filter(story="s"): [],
        Filter(thread="test:1"): [1, 2, 3, 4],
        Filter(thread="test:2"): [2, 3],
        Filter(thread="test:6"): [6],
        Filter(thread="\ud800"): [],
        Filter(kinds=("comment", "review")): [3, 4],
        Filter(tag="refund"): [1],
        Filter(tag="VIP"): [1],
        Filter(tag="none"): [],
        Filter(assigned="eve"): [1],
        Filter(assigned="-"): [2, 3, 4, 5, 6],
        Filter(work="open"): [1, 3, 5, 6],
        Filter(work="done"): [2, 4],
        Filter(judged=True): [2, 3],
        Filter(judged=False): [1, 4, 5, 6],
        Filter(judged=False, work="open"): [1, 5, 6],
        Filter(least_followers=10): [1, 5],
        Filter(least_followers=11): [5],
        Filter(least_followers=2**80): [],
    }
    got = {where: await numbers(store, where) for where in expected}
    assert got == expected
    assert {where: (await store.count(where)).total for where in expected} == {
        where: len(found) for where, found in expected.items()
    }


@pytest.mark.parametrize(
    "asked",
    [
        "https://example.org/a/b?q=1",
        "http://www.Example.org/a/b?q=1",
        "example.org/a/b?q=1#part",
        " https://example.org/a/b?q=1/ ",
    ],
)
async def test_a_post_is_found_by_its_url(case: Case, asked: str) -> None:
    await case.store.write(
        [
            mention(1, post={"url": "https://www.example.org/a/b?q=1/"}),
            mention(2, post={"url": "https://example.org/a/B?q=1"}),
            mention(3, post={"url": "https://example.org/" + "u" * 40_000}),
            mention(4),
        ]
    )
    store = await case.seen()
    assert await numbers(store, Filter(url=asked)) == [1]
    assert await numbers(store, Filter(url="example.org/" + "u" * 40_000)) == [3]
    assert await numbers(store, Filter(url="https://")) == []


async def test_worth_comes_first_and_pages_on(case: Case) -> None:
    loud = Author(handle="loud", followers=1_000_000)
    written = [
        mention(1, tone="pos"),
        mention(2, tone="neg"),
        mention(3, tone="neg", author=loud),
        mention(4, tone="unscored"),
        mention(5, tone="pos", created=at(3 * 86_400)),
        mention(6, tone="pos", post={"engagement": Engagement(likes=100_000)}),
        *(mention(n, tone="pos", created=at(0)) for n in range(20, 40)),
    ]
    await case.store.write(written)
    store, got, cursor = await case.seen(), list[Mention](), ""
    while True:
        page = await store.search(Filter(), limit=7, cursor=cursor, order="worth")
        got += page.mentions
        if not (cursor := page.cursor):
            break
    key = sorted(written, key=lambda m: (worth(m), m.id), reverse=True)
    assert [m.id for m in got] == [m.id for m in key]
    assert got[0].post.id == "test:5"
    assert got[1].post.id == "test:3"


async def test_a_staff_label_changes_the_worth(case: Case) -> None:
    await case.store.write([mention(1, tone="neg"), mention(2, tone="neu")])
    assert await numbers(await case.seen(), Filter(), "worth") == [1, 2]
    await case.store.add_labels([label(1, sentiment="pos")])
    assert await numbers(await case.seen(), Filter(), "worth") == [2, 1]


async def test_a_sample_is_the_same_each_time_and_in_no_order_of_time(case: Case) -> None:
    await case.store.write([mention(n) for n in range(100)])
    store, got, cursor = await case.seen(), list[int](), ""
    while True:
        page = await store.search(Filter(), limit=9, cursor=cursor, order="sample")
        got += [int(m.post.id.partition(":")[2]) for m in page.mentions]
        if not (cursor := page.cursor):
            break
    assert sorted(got) == list(range(100))
    assert got not in (sorted(got), sorted(got, reverse=True))
    await store.write([mention(n, version=2) for n in range(50)])
    assert await numbers(await case.seen(), Filter(), "sample") == got


async def test_cursors_belong_to_their_order(case: Case) -> None:
    await case.store.write([mention(n) for n in range(4)])
    cursor = (await (await case.seen()).search(Filter(), limit=2, order="worth")).cursor
    with pytest.raises(StoreError, match="another search"):
        await case.store.search(Filter(), cursor=cursor, order="sample")


async def everywhere(store: Store, where: Filter) -> set[int]:
    """How many each question finds, which should be one number."""
    hour, first, last = timedelta(hours=1), at(-100), at(86_400)
    grouped = await store.counts(["brand"], first, last, step=hour)
    quick = await store.counts(["brand"], first, last, step=hour, people=False)
    return {
        len((await store.search(where)).mentions),
        (await store.count(where)).total,
        sum(bucket.total for bucket in await store.over_time(where, step=hour)),
        sum(found.total for found in await store.top(where, "sentiment")),
        sum(row.counts.total for row in grouped),
        sum(row.counts.total for row in quick),
        sum(one.total for one in await store.stories(["brand"], first, last, least=1)),
    }


@pytest.mark.parametrize("verdict", [{"relevant": False}, {"spam": True}])
async def test_what_staff_disown_is_hidden_from_every_question(
    case: Case, verdict: dict[str, bool]
) -> None:
    await case.store.write([mention(n, tone="neg", story="s") for n in (1, 2, 3)])
    await case.store.add_labels([label(1, **verdict)])
    store = await case.seen()
    assert await everywhere(store, Filter()) == {2}
    assert await numbers(store, Filter(hidden="only")) == [1]
    assert await numbers(store, Filter(hidden="any")) == [1, 2, 3]
    assert (await store.count(Filter(hidden="only"))).neg == 1
    one = await store.get(mention(1).id)
    assert one is not None, "it is stored"
    await store.write([mention(1, version=5, tone="neg", story="s")])
    assert await everywhere(await case.seen(), Filter()) == {2}, "a new score does not show it"
    await store.add_labels([label(1, 70)])
    assert await everywhere(await case.seen(), Filter()) == {3}


async def test_a_deleted_one_is_not_among_the_hidden(case: Case) -> None:
    await case.store.write([mention(1, version=5)])
    await case.store.add_labels([label(1, spam=True)])
    await case.store.write([Retraction(post_id="test:1", version=6)])
    assert (await (await case.seen()).count(Filter(hidden="any"))).total == 0


@pytest.mark.parametrize("key", ["test:@ADA", "test:ada", "test:7"])
async def test_a_hidden_author(case: Case, key: str) -> None:
    mine = [mention(n, author=ADA, tone="neg", story="s") for n in (1, 2)]
    others = [mention(3, author=Author(id="8", handle="adam"), tone="neg", story="s")]
    elsewhere = mention(4, author=ADA, tone="neg", story="s", post={"source": "other"})
    await case.store.write([*mine, *others, elsewhere])
    await case.seen()
    entry = Hidden(key=key, at=at(0), by="eve", note="a bot")
    await case.store.hide(entry)
    store = await case.seen()
    assert await store.hidden() == [entry]
    assert await everywhere(store, Filter()) == {2}
    await store.write([mention(5, author=ADA), mention(6, author=Author(handle="ada"))])
    later = [6] if key == "test:7" else []
    assert await numbers(await case.seen(), Filter()) == [3, 4, *later]
    await store.unhide(key.upper().replace("TEST", "test"))
    assert await store.hidden() == []
    assert await numbers(await case.seen(), Filter()) == [1, 2, 3, 4, 5, 6]
    await store.unhide("test:nobody")


async def test_a_hidden_source_and_a_label_under_it(case: Case) -> None:
    await case.store.write([mention(1), mention(2), mention(3, post={"source": "other"})])
    await case.store.add_labels([label(1, spam=True)])
    await case.seen()
    await case.store.hide(Hidden(key="test", at=at(0)))
    assert await numbers(await case.seen(), Filter()) == [3]
    await case.store.hide(Hidden(key="test", at=at(9), note="again"))
    assert [one.note for one in await case.store.hidden()] == ["again"]
    await case.store.add_labels([label(2, assigned="eve")])
    assert await numbers(await case.seen(), Filter()) == [3]
    await case.store.unhide("test")
    assert await numbers(await case.seen(), Filter()) == [2, 3], "the label still hides the other"


async def test_arrivals_leave_out_what_is_hidden(case: Case) -> None:
    start = await case.store.arrivals("", where=Filter())
    await case.store.hide(Hidden(key="test:ada", at=at(0)))
    await case.store.write([mention(1, author=ADA), mention(2)])
    got, cursor = list[str](), start.cursor
    for _ in range(500):
        page = await case.store.arrivals(cursor, where=Filter())
        got, cursor = got + [m.post.id for m in page.mentions], page.cursor
        if got:
            break
        await asyncio.sleep(0.02)
    assert got == ["test:2"]


@pytest.mark.parametrize("key", ["", ":", "test:", "test:@", "\ud800", "test:" + "x" * 600])
async def test_what_names_nobody_can_not_be_hidden(case: Case, key: str) -> None:
    with pytest.raises(StoreError):
        await case.store.hide(Hidden(key=key, at=at(0)))
    assert await case.store.hidden() == []


async def test_labels_without_measure_are_rejected(case: Case) -> None:
    odd = [
        label(1, tags=["t"] * 101),
        label(1, tags=["t" * 201]),
        label(1, tags=["\ud800"]),
        label(1, assigned="\ud800"),
    ]
    refused = await case.store.add_labels(odd)
    assert [one.label for one in refused] == odd


async def test_states_are_dropped(case: Case) -> None:
    for key in ("a", "b", "é:/"):
        await case.store.put_state("session", key, {"user": key})
    await case.store.put_state("user", "a", {})
    await case.store.drop_states("session", ["a", "é:/", "none", "\ud800"])
    await case.store.drop_states("session", [])
    assert await case.store.states("session") == {"b": {"user": "b"}}
    assert await case.store.states("user") == {"a": {}}


async def test_the_queue_of_a_period_is_in_order_page_by_page(case: Case) -> None:
    made = [
        mention(
            n,
            topic="ab"[n % 2],
            tone="neg" if n % 3 else "pos",
            created=at(-3_600 * n),
            author=Author(handle=f"w{n}", followers=10 ** (n % 7)),
        )
        for n in range(60)
    ]
    await case.store.write(made)
    done = [Label(mention_id=one.id, labeled_at=at(60), done=True) for one in made[::5]]
    await case.store.add_labels(done)
    store = await case.seen()
    for topics, hours in (((), 24), (("a",), 24), (("a", "b"), 48), (("b",), 1)):
        where = Filter(topics=topics, since=at(-3_600 * hours), work="open")
        wanted = [
            one
            for n, one in enumerate(made)
            if n % 5 and n <= hours and (not topics or one.topic in topics)
        ]
        found: list[Mention] = []
        cursor = ""
        while True:
            page = await store.search(where, limit=7, cursor=cursor, order="worth")
            found += page.mentions
            if not (cursor := page.cursor):
                break
        wanted.sort(key=lambda one: (-worth(one), one.id))
        assert [worth(one) for one in found] == [worth(one) for one in wanted]
        assert {one.id for one in found} == {one.id for one in wanted}


async def test_documents_of_before_are_open_visible_and_found_by_url(case: Case) -> None:
    if case.client is None:
        pytest.skip("an SQLite file is brought up to date when it is opened")
    url = "https://www.example.org/a/"
    await case.store.write([mention(1, post={"url": url}), mention(2), mention(3)])
    await case.store.add_labels([label(2, relevant=False)])
    await case.seen()
    hits = (await case.client.search(index=f"{case.prefix}-mentions-*"))["hits"]["hits"]
    for hit in hits:
        old = {k: v for k, v in hit["_source"].items() if k not in _ADDED}
        await case.client.delete(index=hit["_index"], id=hit["_id"])
        await case.client.index(index=hit["_index"], id=hit["_id"], document=old)
    store = await case.seen()
    assert await numbers(store, Filter(work="open", judged=False)) == [1, 3]
    assert await numbers(store, Filter(hidden="only")) == [2]
    assert await numbers(store, Filter(url="http://example.org/a")) == [1]
    assert sorted(await numbers(store, Filter(), "worth")) == [1, 3]
    await store.write([mention(3, version=99, tone="neg")])
    assert await numbers(await case.seen(), Filter(), "worth") == [3, 1]
