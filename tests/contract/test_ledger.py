"""Labels, erasures and dead letters: what every store promises, against both."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.letters import DeadLetter
from connectors.post import Author
from streams.records import Label, Mention, Retraction
from streams.store.erasures import author_keys, erasure, new_salt, post_key
from streams.store.letters import every_letter
from streams.store.port import Filter, LetterFilter, Store
from tests.support.mentions import Case, at, mention

EVERYTHING = Filter()
ADA = Author(id="7", handle="@Ada")


def label(seconds: float = 60, number: int = 1, **what: Any) -> Label:
    fields = {"sentiment": "pos"} | what
    return Label(mention_id=mention(number).id, labeled_at=at(seconds), **fields)


async def found(case: Case, number: int = 1) -> Mention | None:
    return await (await case.seen()).get(mention(number).id)


async def test_a_label_wins_whatever_comes_first(case: Case) -> None:
    assert await case.store.add_labels([label(number=1), label(number=2)]) == []
    await case.store.write([mention(2, tone="neg")])
    await case.store.write([mention(1, tone="neg")])
    await case.store.add_labels([label(number=1)])
    total = await (await case.seen()).count(EVERYTHING)
    assert (total.total, total.pos) == (2, 2)
    assert (await case.store.labels([mention(1).id, "none"])) == {mention(1).id: label(number=1)}


async def test_a_label_wins_over_a_new_score_and_over_an_edit(case: Case) -> None:
    await case.store.write([mention(version=5, tone="neg")])
    await case.store.add_labels([label()])
    for version, text in ((5, "scored again"), (9, "edited"), (7, "late")):
        await case.store.write([mention(version=version, tone="neg", post={"text": text})])
    one = await found(case)
    assert one is not None
    assert (one.post.text, one.label) == ("edited", label())
    assert (await case.store.count(Filter(sentiments=("neg",)))).total == 0


async def test_the_later_label_wins_and_an_empty_one_takes_it_back(case: Case) -> None:
    await case.store.write([mention(tone="neg")])
    await case.store.add_labels([label(70, sentiment="neu"), label(60), label(65)])
    one = await found(case)
    assert one is not None
    assert one.label == label(70, sentiment="neu")
    await case.store.add_labels([label(80, sentiment=None)])
    await case.store.add_labels([label(75)])
    assert (await (await case.seen()).count(EVERYTHING)).neg == 1
    await case.store.write([mention(version=2, tone="neu")])
    assert (await (await case.seen()).count(EVERYTHING)).neu == 1, "and scores count again"


async def test_a_deletion_takes_a_labelled_mention_and_its_label_does_not_bring_it_back(
    case: Case,
) -> None:
    await case.store.write([mention(version=5)])
    await case.store.add_labels([label(note="said to us")])
    assert (await case.store.write([Retraction(post_id="test:1", version=6)])).retracted == 1
    await case.store.add_labels([label(90)])
    await case.store.write([mention(version=5)])
    assert await found(case) is None
    await case.store.write([mention(version=6)])
    one = await found(case)
    assert one is not None
    assert one.label == label(90)


async def test_a_late_older_version_does_not_pass_a_tombstone_by_its_label(case: Case) -> None:
    await case.store.write([mention(version=7, deleted=True)])
    await case.store.add_labels([label()])
    await case.store.write([mention(version=6)])
    assert await found(case) is None


async def test_labels_no_store_can_keep_are_rejected(case: Case) -> None:
    early = datetime(1969, 12, 31, tzinfo=UTC)
    odd = [
        Label(mention_id="", labeled_at=at(1)),
        Label(mention_id="x" * 513, labeled_at=at(1)),
        Label(mention_id="a", labeled_at=early),
        Label(mention_id="a", labeled_at=at(1), note="\ud800"),
    ]
    refused = await case.store.add_labels([*odd, label()])
    assert [one.label for one in refused] == odd
    assert all(one.reason for one in refused)
    assert await case.store.labels([mention().id]) == {mention().id: label()}


async def test_labels_and_writes_side_by_side_lose_neither(case: Case) -> None:
    async def write(number: int) -> None:
        for version in range(1, 8):
            await case.store.write([mention(number, version=version, tone="neg")])

    async def correct(number: int) -> None:
        for second in range(5):
            await case.store.add_labels([label(second, number)])

    await asyncio.gather(*(work(number) for number in range(4) for work in (write, correct)))
    for number in range(4):
        one = await found(case, number)
        assert one is not None
        assert one.label == label(4, number)
        assert one.version == 7 + int(at(4).timestamp() * 1000)


async def erase(store: Store, *keys: str) -> None:
    salts = (await store.erased()).salts
    await store.add_erasures([erasure(key, (salts or [new_salt()])[0], at(0)) for key in keys])


@pytest.mark.parametrize("name", ["7", "@ADA"])
async def test_an_erased_author_comes_back_with_no_version(case: Case, name: str) -> None:
    mine = [mention(n, author=ADA, version=5, post={"text": "mine"}) for n in (1, 2)]
    others = [
        mention(3, author=Author(id="8", handle="adam")),
        mention(4, author=ADA, post={"source": "other"}),
        mention(5),
    ]
    await case.store.write([*mine, *others])
    await erase(case.store, *author_keys("test", name))
    report = await case.store.write(mine)
    assert report.retracted == 2
    later = mention(1, author=ADA, version=9, post={"text": "mine"})
    await case.store.write([later, mention(6, author=ADA), mention(2, author=ADA, version=1)])
    page = await (await case.seen()).search(EVERYTHING, limit=100)
    assert sorted(m.post.text for m in page.mentions) == ["post 3", "post 4", "post 5"]
    assert (await case.store.search(Filter(text="mine"))).mentions == []
    if case.client is not None:
        raw = await case.client.search(index=f"{case.prefix}-mentions-*", size=100)
        assert not [hit for hit in raw["hits"]["hits"] if "mine" in str(hit)]


async def test_an_erased_post_and_a_labelled_one(case: Case) -> None:
    await case.store.write([mention(1), mention(2)])
    await case.store.add_labels([label(number=1), label(number=2)])
    await erase(case.store, post_key("test:1"))
    await erase(case.store, post_key("test:none"))
    await case.store.write([mention(1)])
    await case.store.add_labels([label(99)])
    assert await found(case, 1) is None
    assert await found(case, 2) is not None
    assert len((await case.store.erased()).salts) == 1


def letter(name: str, seconds: int, **more: Any) -> DeadLetter:
    fields = {"stage": "index", "reason": "why", "place": "p", "raw": b"\xff\0raw"} | more
    return DeadLetter(id=name, at=at(seconds), **fields)


async def test_dead_letters(case: Case) -> None:
    assert await case.store.dead_letters() == (0, [])
    await case.store.add_dead_letters([letter("a", 1), letter("b", 2)])
    await case.store.add_dead_letters([letter("a", 3), letter("a", 4)])
    total, newest = await case.store.dead_letters(limit=1)
    assert (total, [(found.id, found.attempts) for found in newest]) == (2, [("a", 3)])
    assert newest[0].raw == b"\xff\0raw"
    assert newest[0].at == at(4)


async def test_a_dead_letter_is_shown_whole_and_dropped_once(case: Case) -> None:
    kept = letter("a", 1, source="rss", key=b"\xffk", size=70_000)
    await case.store.add_dead_letters([kept, letter("b", 2)])
    assert await case.store.dead_letter("a") == kept
    assert await case.store.dead_letter("none") is None
    assert await case.store.drop_dead_letters(["a", "none", "\ud800"]) == 1
    assert await case.store.drop_dead_letters(["a"]) == 0
    assert await case.store.drop_dead_letters([]) == 0
    assert [one.id for one in (await case.store.dead_letters())[1]] == ["b"]


async def test_dead_letters_are_selected(case: Case) -> None:
    await case.store.add_dead_letters(
        [
            letter("a", 1, source="rss", stage="collect", reason="Not JSON at all"),
            letter("b", 2, source="rss", reason="too large"),
            letter("c", 3, source="file", reason="not json"),
            letter("d", 4),
        ]
    )
    expected = {
        LetterFilter(): "dcba",
        LetterFilter(ids=("a", "c", "x")): "ca",
        LetterFilter(sources=("rss",)): "ba",
        LetterFilter(stages=("index",)): "dcb",
        LetterFilter(sources=("rss", "file"), stages=("index",)): "cb",
        LetterFilter(reason="NOT json"): "ca",
        LetterFilter(reason="not json", sources=("file",)): "c",
        LetterFilter(until=at(2)): "ba",
        LetterFilter(after=(at(3), "c")): "ba",
        LetterFilter(after=(at(3), "b")): "cba",
        LetterFilter(after=(at(3), "c"), sources=("rss",), reason="json"): "a",
        LetterFilter(reason="%"): "",
        LetterFilter(ids=("\ud800",)): "",
    }
    got = {}
    for where in expected:
        total, letters = await case.store.dead_letters(where=where)
        got[where] = "".join(one.id for one in letters)
        assert total == len(letters)
    assert got == expected
    assert await case.store.dead_letters(limit=0, where=LetterFilter(reason="json")) == (2, [])


async def test_all_dead_letters_are_read_page_by_page(case: Case) -> None:
    """Several of the same moment, which ends in the middle of a page."""
    wanted = [letter(f"{second}-{name}", second) for second in (3, 2, 1) for name in "abcde"]
    await case.store.add_dead_letters(wanted[::-1])
    for page in (1, 2, 4, 15, 16):
        assert [one async for one in every_letter(case.store, page=page)] == wanted
    old = LetterFilter(until=at(1))
    assert [one async for one in every_letter(case.store, old, page=2)] == wanted[10:]


async def test_dead_letters_are_counted_by_source_since_a_moment(case: Case) -> None:
    assert await case.store.dead_letter_counts(at(0)) == {}
    await case.store.add_dead_letters(
        [
            letter("a", 1, source="rss"),
            letter("b", 2, source="rss"),
            letter("c", 3, source="rss"),
            letter("d", 4),
        ]
    )
    assert await case.store.dead_letter_counts(at(2)) == {"rss": 2, "": 1}
    await case.store.add_dead_letters([letter("a", 9, source="rss")])
    assert await case.store.dead_letter_counts(at(5)) == {"rss": 1}
