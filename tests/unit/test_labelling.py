"""Labels by people over a real SQLite store: conflicts, the journal, undo, whole filters."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from streams.label_changes import changed, one_line, turns
from streams.labelling import MOST, Change, Labelling, Outcome, Stroke, TooMany, Undo
from streams.records import Label, Mention
from streams.store.journal import EntryFilter
from streams.store.port import Count, Filter, Store
from streams.store.rules import label_time
from tests.support.mentions import at, mention, sqlite_case

ONE = mention(1, tone="neg")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with sqlite_case(tmp_path) as case:
        await case.store.write([ONE])
        yield case.store


@pytest.fixture
def labelling(store: Store) -> Labelling:
    return Labelling(store)


def say(seen: int = 0, of: Mention = ONE, **what: Any) -> Change:
    return Change(mention_id=of.id, seen=seen, **what)


async def kept(labelling: Labelling, change: Change, by: str = "ada") -> Outcome:
    (outcome,) = await labelling.change([change], by=by)
    assert outcome.state == "kept", outcome
    return outcome


async def drained(strokes: AsyncIterator[Stroke]) -> list[Stroke]:
    return [stroke async for stroke in strokes]


async def test_a_label_counts_at_once_and_stands_in_the_journal(
    store: Store, labelling: Labelling
) -> None:
    outcome = await kept(labelling, say(sentiment="pos", done=True, note="a word of theirs"))
    found = await store.get(ONE.id)
    assert found is not None
    assert found.label == outcome.label
    assert (await store.count(Filter(sentiments=("pos",), work="done"))).total == 1
    (entry,) = (await store.entries()).entries
    assert (entry.action, entry.by, entry.subject, entry.topic) == (
        "label.set", "ada", ONE.id, "brand",
    )  # fmt: skip
    assert entry.before is None
    assert entry.after["sentiment"] == entry.after["tone"] == "pos"
    assert b"a word of theirs" not in msgspec.json.encode(entry)


async def test_what_is_left_out_stays(labelling: Labelling) -> None:
    first = await kept(labelling, say(tags=[" #Late ", "late", "x\ny\u202e"], note="why"))
    assert first.label is not None
    assert first.label.tags == ["late", "x y"]
    second = await kept(labelling, say(first.seen, assigned="bob"), by="bob")
    assert second.label is not None
    assert (second.label.tags, second.label.note, second.label.assigned, second.label.by) == (
        ["late", "x y"], "why", "bob", "bob",
    )  # fmt: skip
    third = await kept(labelling, say(second.seen, clear=True, sentiment="neu"))
    assert third.label is not None
    assert (third.label.tags, third.label.note, third.label.sentiment) == ([], "", "neu")


async def test_who_was_slower_is_told_and_changes_nothing(
    store: Store, labelling: Labelling
) -> None:
    first = await kept(labelling, say(sentiment="neg"))
    (late,) = await labelling.change([say(0, sentiment="pos")], by="bob")
    assert (late.state, late.label, late.seen) == ("conflict", first.label, first.seen)
    assert len((await store.entries()).entries) == 1
    mine = await kept(labelling, say(late.seen, sentiment="pos"), by="bob")
    assert mine.before == first.label


async def test_the_same_again_is_no_conflict_and_no_second_entry(
    store: Store, labelling: Labelling
) -> None:
    """An answer that was lost is asked for again."""
    first = await kept(labelling, say(relevant=False, done=True))
    again = await kept(labelling, say(0, relevant=False, done=True))
    assert again.label == first.label
    assert len((await store.entries()).entries) == 1


async def test_of_two_at_once_one_is_told(labelling: Labelling) -> None:
    outcomes = await asyncio.gather(
        labelling.change([say(sentiment="pos")], by="ada"),
        labelling.change([say(sentiment="neg")], by="bob"),
    )
    assert sorted(one.state for (one,) in outcomes) == ["conflict", "kept"]


async def test_a_mention_that_is_not_there_is_told(labelling: Labelling) -> None:
    outcomes = await labelling.change(
        [Change(mention_id="none", done=True), say(done=True)], by="ada"
    )
    assert [(one.mention_id, one.state) for one in outcomes] == [
        ("none", "gone"),
        (ONE.id, "kept"),
    ]


async def test_a_label_is_newer_than_the_one_before_whatever_the_clock(
    store: Store, labelling: Labelling
) -> None:
    ahead = Label(mention_id=ONE.id, labeled_at=at(0) + timedelta(days=9_000), relevant=True)
    await store.add_labels([ahead])
    outcome = await kept(labelling, say(label_time(ahead), relevant=False))
    assert outcome.label is not None
    assert outcome.label.labeled_at > ahead.labeled_at
    assert (await store.count(Filter())).total == 0
    assert (await store.count(Filter(hidden="any"))).total == 1


async def test_undo_restores_what_was(store: Store, labelling: Labelling) -> None:
    first = await kept(labelling, say(sentiment="pos", tags=["x"], note="one"))
    second = await kept(labelling, say(first.seen, relevant=False, done=True, note="two"))
    (back,) = await labelling.undo(
        [Undo(mention_id=ONE.id, seen=second.seen, note="one")], by="ada"
    )
    assert back.state == "kept"
    assert back.label is not None
    assert (back.label.sentiment, back.label.relevant, back.label.done) == ("pos", None, False)
    assert (back.label.tags, back.label.note) == (["x"], "one")
    (all_back,) = await labelling.undo(
        [Undo(mention_id=ONE.id, seen=back.seen, of=first.seen, note="")], by="ada"
    )
    assert all_back.label is not None
    assert all_back.label.sentiment is None
    assert not all_back.label.tags
    actions = [entry.action for entry in (await store.entries()).entries]
    assert sorted(actions) == ["label.set", "label.set", "label.undo", "label.undo"]


async def test_undo_never_takes_away_what_another_said(labelling: Labelling) -> None:
    first = await kept(labelling, say(sentiment="pos"))
    second = await kept(labelling, say(first.seen, sentiment="neg"), by="bob")
    (back,) = await labelling.undo([Undo(mention_id=ONE.id, seen=first.seen)], by="ada")
    assert (back.state, back.label) == ("conflict", second.label)
    outcomes = await labelling.undo(
        [Undo(mention_id="none", seen=1), Undo(mention_id=ONE.id, seen=5)], by="ada"
    )
    assert [one.state for one in outcomes] == ["gone", "gone"]


async def many(store: Store, n: int, **more: Any) -> Sequence[Mention]:
    made = [mention(number, **more) for number in range(100, 100 + n)]
    await store.write(made)
    return made


async def test_one_stroke_over_all_that_fit_and_back(store: Store, labelling: Labelling) -> None:
    await many(store, 1_203, topic="other", tone="neg")
    theirs = mention(100, topic="other")
    await kept(labelling, say(0, theirs, note="mine"), by="bob")
    where = Filter(topics=("other",), work="open")
    strokes = await drained(labelling.everything(where, say(relevant=False, done=True), by="ada"))
    assert [stroke.done for stroke in strokes] == [0, 500, 1_000, 1_203]
    assert (strokes[-1].kept, strokes[-1].conflicts, strokes[-1].of) == (1_203, 0, 1_203)
    assert (await store.count(Filter(topics=("other",)))).total == 0
    assert (await store.count(Filter())).total == 1
    back = await drained(labelling.undo_batch(strokes[-1].batch, by="ada"))
    assert back[-1].kept == 1_203
    assert (await store.count(where)).total == 1_203
    noted = (await store.labels([theirs.id]))[theirs.id]
    assert (noted.note, noted.relevant) == ("mine", None)


async def test_a_stroke_is_undone_by_its_author_where_nothing_changed_since(
    store: Store, labelling: Labelling
) -> None:
    made = await many(store, 3)
    strokes = await drained(
        labelling.everything(Filter(), say(sentiment="pos", done=True), by="ada")
    )
    label = (await store.labels([made[0].id]))[made[0].id]
    await kept(labelling, say(label_time(label), made[0], sentiment="neu"), by="bob")
    assert (await drained(labelling.undo_batch(strokes[-1].batch, by="bob")))[-1].of == 0
    back = (await drained(labelling.undo_batch(strokes[-1].batch, by="ada")))[-1]
    assert (back.kept, back.conflicts) == (3, 1)
    assert (await drained(labelling.undo_batch("no such", by="ada")))[-1].of == 0


async def test_too_many_are_refused_before_any_is_changed(
    store: Store, labelling: Labelling, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count(_: Filter) -> Count:
        return Count(value="", total=MOST + 1)

    monkeypatch.setattr(store, "count", count)
    with pytest.raises(TooMany, match=r"10,001 mentions fit.*10,000 at most.*Remedy"):
        await drained(labelling.everything(Filter(), say(done=True), by="ada"))
    assert (await store.entries()).entries == []


async def test_a_stroke_leaves_to_others_what_they_said_meanwhile(
    store: Store, labelling: Labelling
) -> None:
    await many(store, 600)
    strokes = labelling.everything(Filter(work="open"), say(done=True), by="ada")
    await anext(strokes)
    await anext(strokes)  # 500 are done
    page = await store.search(Filter(work="open"), limit=1, order="oldest")
    other = page.mentions[0]
    await kept(labelling, say(0, other, sentiment="neg"), by="bob")
    last = (await drained(strokes))[-1]
    assert last.kept + last.conflicts == 601
    label = (await store.labels([other.id]))[other.id]
    assert label.sentiment == "neg"


async def test_the_journal_is_first(
    store: Store, labelling: Labelling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is on record, whatever breaks between the two."""

    async def broken(_: object) -> list[Any]:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(store, "add_labels", broken)
    with pytest.raises(RuntimeError):
        await labelling.change([say(done=True)], by="ada")
    assert len((await store.entries(EntryFilter(subjects=(ONE.id,)))).entries) == 1


def test_changes_of_a_mention_follow_each_other() -> None:
    a, b = say(), Change(mention_id="b")
    assert turns([a, b, a, a, b]) == [[a, b], [a], [a, b]]
    assert turns([]) == []


def test_what_comes_as_json_is_bounded() -> None:
    read = msgspec.json.Decoder(Change).decode
    assert read(b'{"mention_id": "m"}').sentiment is UNSET
    assert read(b'{"mention_id": "m", "sentiment": null}').sentiment is None
    for odd in (
        '{"mention_id": ""}',
        '{"mention_id": "m", "tags": ["%s"]}' % ("x" * 61),
        '{"mention_id": "m", "note": "%s"}' % ("x" * 2_001),
        '{"mention_id": "m", "sentiment": "bad"}',
        '{"mention_id": "m", "colour": "red"}',
    ):
        with pytest.raises(msgspec.ValidationError):
            read(odd)


def test_names_are_one_line() -> None:
    assert one_line(" a\n\u202eb\x00\tc ") == "a b c"
    made = changed(None, say(assigned="x\u202e\ny"), by="ada", at=at(0))
    assert made.assigned == "x y"
