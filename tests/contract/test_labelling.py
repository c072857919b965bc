"""Labels by people over both stores: conflicts, undo, and strokes over all that fit."""

from streams.labelling import Change, Labelling, Stroke, Undo
from streams.store.port import Filter
from tests.support.mentions import Case, mention


async def test_a_label_is_compared_kept_and_taken_back(case: Case) -> None:
    one = mention(1, tone="neg")
    await case.store.write([one])
    labelling = Labelling(await case.seen())
    change = Change(mention_id=one.id, sentiment="pos", tags=["x"], done=True)
    (first,) = await labelling.change([change], by="ada")
    (late,) = await labelling.change([Change(mention_id=one.id, relevant=False)], by="bob")
    assert (first.state, late.state, late.label) == ("kept", "conflict", first.label)
    store = await case.seen()
    assert (await store.count(Filter(sentiments=("pos",), work="done", tag="x"))).total == 1
    (back,) = await labelling.undo([Undo(mention_id=one.id, seen=first.seen)], by="ada")
    assert back.state == "kept"
    store = await case.seen()
    assert (await store.count(Filter(sentiments=("neg",), work="open"))).total == 1
    actions = {entry.action for entry in (await store.entries()).entries}
    assert actions == {"label.set", "label.undo"}


async def test_a_stroke_reaches_all_and_is_taken_back(case: Case) -> None:
    made = [mention(n, topic="a" if n % 2 else "b") for n in range(1_300)]
    await case.store.write(made)
    store = await case.seen()
    labelling = Labelling(store)
    where = Filter(topics=("a",), work="open")
    change = Change(mention_id="-", relevant=False, done=True)
    strokes = [one async for one in labelling.everything(where, change, by="ada")]
    assert strokes[-1] == Stroke(batch=strokes[0].batch, of=650, kept=650)
    store = await case.seen()
    assert (await store.count(Filter())).total == 650
    back = [one async for one in labelling.undo_batch(strokes[0].batch, by="ada")]
    assert (back[-1].of, back[-1].kept) == (650, 650)
    store = await case.seen()
    assert (await store.count(where)).total == 650
