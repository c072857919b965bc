"""The journal of both stores: kept for ever, told page by page, newest first."""

from typing import Any

import pytest

from streams.errors import StoreError
from streams.store.journal import MAX_ENTRY_BYTES, Entry, EntryFilter
from tests.support.mentions import Case, at


def entry(name: str, seconds: float = 0, **more: Any) -> Entry:
    fields = {"by": "eve", "action": "label.set", "subject": "m1"} | more
    return Entry(id=name, at=at(seconds), **fields)


async def ids(case: Case, where: EntryFilter = EntryFilter()) -> str:
    return "".join(one.id for one in (await case.store.entries(where)).entries)


async def test_what_is_entered_comes_back_whole_and_once(case: Case) -> None:
    assert (await case.store.entries()).entries == []
    one = entry(
        "a", 1.25, topic="brand", before={"a.b": [1, None]}, after="text", note="é \U0001f621"
    )
    await case.store.add_entries([one])
    await case.store.add_entries([one, entry("a", 9, note="another of this id"), entry("b", 2)])
    assert (await case.store.entries()).entries == [entry("b", 2), one]
    await case.store.add_entries([])


async def test_entries_are_selected(case: Case) -> None:
    await case.store.add_entries(
        [
            entry("a", 1),
            entry("b", 2, action="label.undo", subject="m2", topic="brand"),
            entry("c", 3, action="author.hide", subject="test:ada", by="bob"),
            entry("d", 4, action="labels.other", topic="brand"),
        ]
    )
    expected = {
        EntryFilter(): "dcba",
        EntryFilter(actions=("label.set",)): "a",
        EntryFilter(actions=("label.",)): "ba",
        EntryFilter(actions=("label.", "author.hide")): "cba",
        EntryFilter(actions=("%",)): "",
        EntryFilter(subjects=("m1", "test:ada")): "dca",
        EntryFilter(by="bob"): "c",
        EntryFilter(topic="brand"): "db",
        EntryFilter(topic="brand", actions=("label.",)): "b",
        EntryFilter(since=at(2), until=at(4)): "cb",
        EntryFilter(subjects=("\ud800",), by="\ud800"): "",
    }
    assert {where: await ids(case, where) for where in expected} == expected


async def test_pages_neither_skip_nor_repeat(case: Case) -> None:
    await case.store.add_entries([entry(f"{n:03}", n // 4) for n in range(50)])
    got, cursor = list[str](), ""
    while True:
        page = await case.store.entries(limit=7, cursor=cursor)
        got += [one.id for one in page.entries]
        await case.store.add_entries([entry(f"new{len(got)}", 1000 + len(got))])
        if not (cursor := page.cursor):
            break
    assert got == [f"{n:03}" for n in range(49, -1, -1)]
    with pytest.raises(StoreError, match="Remedy"):
        await case.store.entries(cursor="%%%")
    first = (await case.store.entries(limit=2)).cursor
    with pytest.raises(StoreError, match="another search"):
        await case.store.entries(EntryFilter(by="eve"), cursor=first)


async def test_what_can_not_be_kept_is_refused_whole(case: Case) -> None:
    odd = [
        entry(""),
        entry("x" * 513),
        entry("x", note="\ud800"),
        entry("x", before=object()),
        entry("x", after="y" * MAX_ENTRY_BYTES),
    ]
    for one in odd:
        with pytest.raises(StoreError):
            await case.store.add_entries([entry("good"), one])
    assert await ids(case) == ""
