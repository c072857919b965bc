"""What rings, what does not, and what becomes of it when posts come late."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.alerts import acts, incidents, merging
from streams.alerts.engine import Engine
from streams.alerts.incidents import Change, Window
from streams.alerts.records import BUCKET_SECONDS, Counts, Incident
from streams.alerts.rules import parse
from streams.alerts.watching import Budget, Watching
from tests.support.crisis import DAY, START, counts

WALL = datetime(2026, 4, 1, tzinfo=UTC)


def judged(found: Mapping[int, Counts], **options: object) -> list[Incident]:
    """The incidents after all of it."""
    engine = Engine({"brand": Watching(**options)})  # type: ignore[arg-type]
    end = max(found) + BUCKET_SECONDS
    return [change.incident for change in engine.load("brand", found, end, WALL)]


def kinds(found: Mapping[int, Counts], **options: object) -> list[str]:
    return [one.kind for one in judged(found, **options)]


def at(one: Incident) -> float:
    """Days after the start at which it opened."""
    return (one.opened_at.timestamp() - START) / DAY


def test_a_quiet_topic_rings_never() -> None:
    assert kinds(counts(days=14)) == []


def test_a_crisis_rings_within_minutes_and_ends_by_itself() -> None:
    (found,) = judged(counts(crisis=(4.5, 2, 8)))
    assert found.kind == "negative-spike"
    assert 4.5 < at(found) < 4.5 + 0.5 / 24
    assert found.status == "resolved"
    assert found.resolved_at is not None
    assert (found.resolved_at.timestamp() - START) / DAY < 4.5 + 9 / 24
    assert found.observed > found.high > found.expected
    assert found.share > found.usual_share


def test_it_is_silent_before_it_knows() -> None:
    assert kinds(counts(days=3, crisis=(1.5, 2, 20))) == []


def test_ten_angry_posts_where_there_is_normally_one() -> None:
    found = counts(days=8, rate=0.3, share=0.3)
    start = START + 6 * DAY + 3600 * 13
    for number in range(4):
        old = found.get(start + number * BUCKET_SECONDS, Counts())
        found[start + number * BUCKET_SECONDS] = Counts(total=old.total + 3, neg=old.neg + 3)
    assert kinds(found) == ["negative-spike"]


def glad(times: int) -> dict[int, Counts]:
    found = counts(days=6)
    for start, one in found.items():
        if 4.5 * DAY <= start - START < 4.5 * DAY + 3600 * 2:
            more = one.total * times
            found[start] = Counts(total=one.total + more, pos=one.pos + more, neg=one.neg)
    return found


def test_a_viral_glad_story_is_no_crisis() -> None:
    assert kinds(glad(5)) == []
    assert kinds(glad(20)) == ["positive-spike"]
    assert kinds(glad(5), sensitivity="high") == ["positive-spike"]


def test_a_spike_of_everything_that_keeps_its_share_is_negative() -> None:
    found = counts(days=6)
    for start, one in found.items():
        if 4.5 * DAY <= start - START < 4.5 * DAY + 3600 * 2:
            found[start] = Counts(
                total=4 * one.total, pos=4 * one.pos, neg=4 * one.neg, neu=4 * one.neu
            )
    assert kinds(found) == ["negative-spike"]


def test_silence_and_its_end() -> None:
    found = counts(days=8)
    gone = {k: v for k, v in found.items() if not 5 * DAY <= k - START < 5.5 * DAY}
    (one,) = judged(gone)
    assert one.kind == "silence"
    assert one.observed == 0
    assert 5 < at(one) <= 5.26
    assert one.status == "resolved"
    few = {
        k: Counts(total=1, neu=1) if 5 * DAY <= k - START < 5.5 * DAY else v
        for k, v in found.items()
    }
    assert kinds(few) == ["volume-drop"]


def test_worse_grades() -> None:
    found = {}
    for start, one in counts(days=6, rate=3).items():
        grade = 0.9 if start - START < 5 * DAY else 0.5
        found[start] = msgspec.structs.replace(one, rated=one.total, rating_sum=grade * one.total)
    (incident,) = judged(found)
    assert incident.kind == "rating-drop"
    assert incident.expected == pytest.approx(0.9, abs=0.1)


def test_a_far_louder_author() -> None:
    found = {
        start: msgspec.structs.replace(one, loudest="x:someone", followers=900)
        for start, one in counts(days=6).items()
    }
    late = max(found) - 3600
    found[late] = msgspec.structs.replace(found[late], loudest="x:star", followers=2_000_000)
    (incident,) = judged(found)
    assert (incident.kind, incident.author) == ("new-author", "x:star")


def test_rules_and_urgent_topics_ring_from_the_first_mention() -> None:
    found = {START: Counts(total=3, neg=3), START + DAY: Counts(total=1)}
    assert kinds(found, rules=(parse("negative >= 3 in 15m"),)) == ["rule"]
    assert kinds(found, urgent=True) == ["urgent", "urgent"]


def test_maintenance_silences() -> None:
    found = counts(crisis=(4.5, 1, 8))
    window = Window(START + 4.4 * DAY, START + 5 * DAY)
    for windows, expected in (((window,), []), ((), ["negative-spike"])):
        engine = Engine(windows=windows)
        changes = engine.load("brand", found, max(found), WALL)
        assert [change.incident.kind for change in changes] == expected
    for pattern, silenced in (("rival", False), ("br?nd-*", False), ("br*", True), ("*", True)):
        some = Window(window.start, window.end, (pattern,))
        changes = Engine(windows=[some]).load("brand", found, max(found), WALL)
        assert (not changes) == silenced, pattern


def test_more_topics_need_more_surprise_and_the_expected_number_is_stated() -> None:
    few, many = Budget(weekly=2, topics=3), Budget(weekly=2, topics=100_000)
    assert few.score("low") > few.score("normal") > few.score("high")
    assert many.score("normal") > few.score("normal") + 3
    assert few.expected() <= 2
    assert many.expected() == pytest.approx(2)


def live(found: Mapping[int, Counts]) -> tuple[Engine, list[Change]]:
    """Bucket by bucket, as time passes."""
    engine = Engine()
    first, *rest = sorted(found)
    told = engine.load("brand", {first: found[first]}, first, WALL)
    for start in rest:
        told += engine.advance("brand", {start: found[start]}, start + 1, WALL) or []
    return engine, told


def test_one_event_rings_once_and_bucket_by_bucket_gives_the_same() -> None:
    found = counts(crisis=(4.5, 2, 8))
    engine, told = live(found)
    events = [change.event for change in told]
    assert events.count("opened") == 1
    assert events.count("resolved") == 1
    assert set(events) <= {"opened", "updated", "grown", "resolved"}
    versions = [change.incident.version for change in told]
    assert versions == list(range(1, len(versions) + 1))
    (once,) = judged(found)
    assert plain(engine.all()[0]) == plain(once)


def plain(one: Incident) -> Incident:
    """Without what tells of how it was found."""
    return msgspec.structs.replace(one, id="", version=0, found_at=None, merged=[])


def test_a_restart_changes_nothing() -> None:
    found = counts(crisis=(4.5, 2, 8))
    engine, _ = live(found)
    again = Engine()
    again.restore(engine.all())
    assert again.load("brand", found, max(found) + 1, WALL) == []
    begin = again.judged_from("brand", max(found) - 3600)
    later = Engine()
    later.restore(engine.all())
    assert later.load("brand", found, max(found) + 1, WALL, judged_from=begin) == []


def test_what_turns_out_false_is_withdrawn() -> None:
    crisis, calm = counts(crisis=(4.5, 1, 8)), counts()
    now = START + 4.5 * DAY + 3600
    engine = Engine()
    (opened,) = engine.load("brand", {k: v for k, v in crisis.items() if k < now}, now, WALL)
    assert opened.event == "opened"
    corrected = {k: calm.get(k, Counts()) for k in crisis if now - 7200 < k < now}
    (withdrawn,) = engine.advance("brand", corrected, now + 300, WALL) or []
    assert (withdrawn.event, withdrawn.incident.status) == ("withdrawn", "withdrawn")
    assert engine.advance("brand", {}, now + 600, WALL) == []


def test_late_posts_open_it_with_its_real_time() -> None:
    crisis, calm = counts(crisis=(4.5, 1, 8)), counts()
    engine = Engine()
    now = max(calm) + 1
    assert engine.load("brand", calm, now, WALL) == []
    late = {k: crisis.get(k, Counts()) for k in crisis | calm if calm.get(k) != crisis.get(k)}
    (change,) = engine.advance("brand", late, now, WALL) or []
    assert change.event == "opened"
    assert 4.5 < at(change.incident) < 4.55
    assert plain(change.incident) == plain(judged(crisis)[0])


def test_later_than_what_is_kept_asks_for_the_whole_past() -> None:
    calm = counts(days=8)
    engine = Engine()
    engine.load("brand", calm, max(calm), WALL)
    assert not engine.knows("brand", START + DAY)
    assert engine.advance("brand", {START + DAY: Counts(total=99)}, max(calm), WALL) is None


def test_people_handle_incidents_and_figures_go_on() -> None:
    found = counts(crisis=(4.5, 2, 8))
    half = START + 4.5 * DAY + 3600
    engine = Engine()
    (opened,) = engine.load("brand", {k: v for k, v in found.items() if k < half}, half, WALL)
    engine.keep(acts.acknowledged(opened.incident, "ada"))
    more = {k: v for k, v in found.items() if half <= k < half + 600}
    (change,) = engine.advance("brand", more, half + 600, WALL) or []
    assert change.incident.status == "acknowledged"
    assert change.incident.acknowledged_by == "ada"
    assert change.event in ("updated", "grown")
    engine.keep(acts.resolved(change.incident, "ada"))
    more = {k: v for k, v in found.items() if half <= k < half + 1800}
    rest = engine.advance("brand", more, half + 1800, WALL)
    assert rest
    assert all(one.incident.status == "resolved" for one in rest)
    assert all(one.event == "updated" for one in rest)


def test_a_snooze_ends() -> None:
    one = judged(counts(days=4.55, crisis=(4.5, 2, 8)))[0]
    asleep = acts.snoozed(one, WALL).incident
    assert asleep.status == "snoozed"
    assert acts.woken(asleep, WALL) is not None
    assert acts.woken(one, WALL) is None


def test_a_part_that_goes_on_for_long_rings_by_itself() -> None:
    found = counts(days=4.8, crisis=(4.5, 7, 8))
    begun, engine = START + 4.5 * DAY + 1800, Engine()
    (opened,) = engine.load("brand", {k: v for k, v in found.items() if k < begun}, begun, WALL)
    lead = msgspec.structs.replace(opened.incident, id="lead", topic="rival")
    _, part = merging.merged(lead, opened.incident)
    engine.keep(part)
    events = []
    for now in range(int(begun), int(begun) + 5 * 3600, 1800):
        more = {k: v for k, v in found.items() if now - 1800 <= k < now}
        events += engine.advance("brand", more, now, WALL) or []
    assert {one.incident.id for one in events} == {part.incident.id}
    again = [number for number, one in enumerate(events) if one.event == "reopened"]
    assert len(again) == 1
    assert all(one.incident.part_of == "lead" for one in events[: again[0]])
    assert all(not one.incident.part_of for one in events[again[0] :])
    since = events[again[0]].incident.until - opened.incident.until
    assert timedelta(hours=3) <= since < timedelta(hours=4)


def test_two_topics_with_the_same_posts_are_one() -> None:
    assert merging.shared(["a", "b", "c"], ["a", "b", "d", "e"])
    assert not merging.shared(["a", "b", "c"], ["a", "x", "y"])
    assert not merging.shared(["a"], ["a"])
    one = judged(counts(days=4.6, crisis=(4.5, 2, 8)))[0]
    other = msgspec.structs.replace(one, id="other", topic="rival")
    whole, part = merging.merged(one, other)
    assert whole.incident.merged == ["other"]
    assert incidents.is_part(part.incident)
    assert part.incident.status == "resolved"
