"""The order in which posts arrive never changes which incidents there are in the end."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.engine import Engine
from streams.alerts.history import LATE
from streams.alerts.records import BUCKET_SECONDS, Counts, Incident
from streams.alerts.rules import RuleError, parse
from streams.alerts.tails import lack, share_surprise
from streams.alerts.watching import Watching
from tests.support.crisis import DAY, START, counts

WALL = datetime(2026, 4, 1, tzinfo=UTC)
WATCHING = {"brand": Watching(rules=(parse("negative >= 12 in 15m"),))}


def final(engine: Engine) -> list[Incident]:
    """Without what tells of how they were found."""
    told = [one for one in engine.all() if one.status != "withdrawn"]
    bare = [
        msgspec.structs.replace(one, id="", version=0, found_at=None, merged=[]) for one in told
    ]
    return sorted(bare, key=lambda one: (one.opened_at, one.kind))


def in_order(found: dict[int, Counts]) -> list[Incident]:
    engine = Engine(WATCHING)
    engine.load("brand", found, max(found) + BUCKET_SECONDS, WALL)
    return final(engine)


crises = st.tuples(st.floats(3.5, 5.5), st.floats(0.2, 3), st.floats(0, 12))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), crisis=crises, late=st.integers(1, 60))
def test_late_buckets_change_nothing_in_the_end(
    seed: int, crisis: tuple[float, float, float], late: int
) -> None:
    found = counts(days=6, rate=4, seed=seed, crisis=crisis)
    rng, end = Random(seed), max(found) + BUCKET_SECONDS
    young = [start for start in found if start > end - LATE + 7200]
    held = set(rng.sample(young, min(late, len(young))))
    engine = Engine(WATCHING)
    first = {start: one for start, one in found.items() if start not in held}
    engine.load("brand", first, min(held), WALL)
    for some in shuffled(list(held), rng):
        partly = {start: Counts(total=found[start].total // 2) for start in some}
        assert engine.advance("brand", partly, end, WALL) is not None
        assert engine.advance("brand", {at: found[at] for at in some}, end, WALL) is not None
    assert final(engine) == in_order(found)


def shuffled(starts: list[int], rng: Random) -> Sequence[list[int]]:
    rng.shuffle(starts)
    return [starts[n : n + 5] for n in range(0, len(starts), 5)]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), cut=st.floats(3.0, 5.9))
def test_a_restart_anywhere_changes_nothing_in_the_end(seed: int, cut: float) -> None:
    found = counts(days=6, rate=4, seed=seed, crisis=(4.5, 1.5, 8))
    at, end = START + cut * DAY, max(found) + BUCKET_SECONDS
    before = Engine(WATCHING)
    before.load("brand", {k: v for k, v in found.items() if k <= at}, at, WALL)
    after = Engine(WATCHING)
    after.restore(before.all())
    begin = after.judged_from("brand", at - 3600)
    after.load("brand", found, end, WALL, judged_from=begin)
    assert final(after) == in_order(found)


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_a_clear_error(text: str) -> None:
    column = 1
    try:
        parse(text)
    except RuleError as error:
        column = error.column
    assert 1 <= column <= len(text) + 2


@given(st.integers(0, 2000), st.floats(0.01, 2000), st.floats(0, 3))
def test_lack_is_a_chance(count: int, expected: float, dispersion: float) -> None:
    found = lack(count, expected, dispersion)
    assert 0 <= found < 1e4
    assert found >= lack(count + 1, expected, dispersion) - 1e-6


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.01, 0.99))
def test_a_share_surprises_the_more_the_larger_it_is(neg: int, rest: int, usual: float) -> None:
    found = share_surprise(neg, neg + rest, usual)
    assert 0 <= found < 1e4
    assert share_surprise(neg + 1, neg + 1 + rest, usual) >= found - 0.1
