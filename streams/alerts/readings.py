"""What is unusual at the end of a bucket: each kind of alarm as one short question, pure.

A window of mentions is held against what is usual for its hours. The last bucket counts while it
fills, against its whole expectation: what rings before its end would ring at its end, too.
"""

from collections.abc import Iterator, Sequence
from math import log10, sqrt
from typing import Final

import msgspec

from streams.alerts.hours import WINDOWS, Usual, usual_share
from streams.alerts.records import Counts, Kind
from streams.alerts.tails import lack, normal_tail, share_surprise, surprise
from streams.alerts.watching import LEAST_MORE, TIMES_AS_MANY, Watching

HOLDS: Final = 0.5
"""What rang goes on while its surprise is above this part of what rings."""
_SHARE_MORE: Final = 2.0
"""So much more than by their number, negative mentions may surprise by their share: where others
fall silent, a share rises without any crisis."""
_FEW: Final = 20.0
"""Posts of a window that are taken as independent; beyond them, opinions come in waves."""
_KEEPS: Final = 0.9
"""Of its usual share, what negative mentions must keep: else it is a glad story."""
_TWICE: Final = 1.8
_BOTH: Final = 0.7
"""Powers of ten by which it is rarer that count and share are both unusual than that one is."""
_LESS_CHANCE: Final = 1.0
"""Beyond the surprise that rings, what less urgent kinds must have."""
_DROP_WINDOWS: Final = (2, 3)
_DROP_LEAST: Final = 15.0
_DROP_TO: Final = 0.3
GRADE_BUCKETS: Final = 288
_GRADES_LEAST: Final = 8
_GRADES_KNOWN: Final = 30
_GRADE_DEVIATION: Final = 0.35
"""Of one grade, on a scale of 0 to 1: most people give the best or the worst."""


class Sums(msgspec.Struct, gc=False):
    """A window's mentions and what was expected of them."""

    total: float = 0.0
    neg: float = 0.0
    pos: float = 0.0
    all_expected: float = 0.0
    neg_expected: float = 0.0
    pos_expected: float = 0.0

    @property
    def usual_share(self) -> float:
        return usual_share(self.neg_expected, self.all_expected)


class Reading(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Something unusual as of the bucket `start`, over so many `buckets`. It `rings`, or only goes
    on with what rang before."""

    kind: Kind
    start: int
    buckets: int = 1
    score: float = 0.0
    rings: bool = True
    observed: float = 0.0
    expected: float = 0.0
    high: float = 0.0
    share: float = 0.0
    usual_share: float = 0.0
    rule: str = ""
    author: str = ""


class Look(msgspec.Struct, kw_only=True):
    """All that is looked at in one bucket. `sums` are those of `WINDOWS`, the bucket's own last;
    `recent` are its counts and those before it, newest last."""

    start: int
    whole: bool
    usual: Usual
    sums: Sequence[Sums]
    counts: Counts
    grades: tuple[float, float] = (0.0, 0.0)
    ring_at: float
    watching: Watching


def negative(look: Look) -> Reading | None:
    """More negative mentions than chance gives, while their share keeps up; of the windows the one
    that tells most."""
    found: Reading | None = None
    for window, sums in enumerate(look.sums):
        score = _negative(look, window, sums)
        if score < HOLDS * look.ring_at or (found and score <= found.score):
            continue
        enough = sums.neg - sums.neg_expected >= LEAST_MORE[look.watching.sensitivity][window]
        rings = enough and score >= look.ring_at
        if found is None or rings >= found.rings:
            found = _reading(look, "negative-spike", window, score, rings)
    if found and found.rings:
        return msgspec.structs.replace(found, high=min(found.high, _most(look, found)))
    return found


def _most(look: Look, found: Reading) -> float:
    """As many negative mentions, beside the others that came, would not have rung."""
    window = WINDOWS.index(found.buckets)
    sums = look.sums[window]
    others = sums.total - sums.neg
    low, high = 0.0, sums.neg
    while high - low > 1.0:
        middle = (low + high) // 2
        fewer = msgspec.structs.replace(sums, neg=middle, total=others + middle)
        if _negative(look, window, fewer) >= look.ring_at:
            high = middle
        else:
            low = middle
    return low


def _negative(look: Look, window: int, sums: Sums) -> float:
    """Ways to be sure: negatives alone are too many; of all that came too many are negative; both
    are unusual; or, for an hour or more, all are too many and negatives have kept their share."""
    few, usual = max(sums.neg_expected, 0.1), sums.usual_share
    if sums.neg <= few or sums.neg < _KEEPS * usual * sums.total:
        return 0.0
    dispersion = look.usual.dispersion(1, window, few)
    if (sums.neg - few) ** 2 < few * (1 + dispersion * few):
        return 0.0
    by_count = surprise(sums.neg, few, dispersion)
    spread = look.usual.share_spread(window)
    spread *= max(0.0, sums.total - _FEW) / max(sums.total - 1, 1.0)
    by_share = min(share_surprise(sums.neg, sums.total, usual, spread), by_count + _SHARE_MORE)
    best = max(by_count, by_share, min(by_count, by_share) + _BOTH)
    if window and sums.neg >= _TWICE * few:
        best = max(best, min(2 * by_count, _volume(look, window, sums)))
    return best


def _volume(look: Look, window: int, sums: Sums) -> float:
    most = max(sums.all_expected, 0.2)
    return surprise(sums.total, most, look.usual.dispersion(0, window, most))


def volume(look: Look) -> Reading | None:
    """Many times as many mentions as usual, whatever they say, over an hour or more."""
    times = TIMES_AS_MANY[look.watching.sensitivity]
    for window, sums in reversed(list(enumerate(look.sums))[1:]):
        most = max(sums.all_expected, 1.0)
        if sums.total < 0.5 * times * most:
            continue
        score = _volume(look, window, sums)
        least = look.ring_at + _LESS_CHANCE
        if score >= HOLDS * least:
            rings = score >= least and sums.total >= times * most
            glad = sums.pos >= 0.5 * sums.total and sums.pos >= times * max(sums.pos_expected, 1.0)
            kind: Kind = "positive-spike" if glad else "volume-spike"
            return _reading(look, kind, window, score, rings)
    return None


def drop(look: Look) -> Reading | None:
    """Far fewer mentions than usual over hours, or none at all."""
    if not look.whole:
        return None
    for window in _DROP_WINDOWS:
        sums = look.sums[window]
        if sums.all_expected < _DROP_LEAST or sums.total > _DROP_TO * sums.all_expected:
            continue
        score = lack(
            sums.total,
            sums.all_expected,
            look.usual.dispersion(0, window, sums.all_expected),
        )
        least = look.ring_at + _LESS_CHANCE * (sums.total > 0)
        if score >= HOLDS * least:
            kind: Kind = "volume-drop" if sums.total else "silence"
            return _reading(look, kind, window, score, score >= least)
    return None


def rating(look: Look) -> Reading | None:
    """A day's grades are worse than those before."""
    rated, total = look.grades
    known, given = look.usual.grades
    if rated < _GRADES_LEAST or known < _GRADES_KNOWN:
        return None
    usual, mean = given / known, total / rated
    deviations = (usual - mean) / (_GRADE_DEVIATION * sqrt(1 / rated + 1 / known))
    score = normal_tail(deviations)
    if score < HOLDS * look.ring_at:
        return None
    return Reading(
        kind="rating-drop",
        start=look.start,
        buckets=GRADE_BUCKETS,
        score=score,
        rings=score >= look.ring_at,
        observed=mean,
        expected=usual,
        high=max(0.0, usual - 3 * _GRADE_DEVIATION / sqrt(rated)),
    )


def author(look: Look) -> Reading | None:
    """The first mention by an author with far more followers than those usual here."""
    counts = look.counts
    if not counts.loudest or counts.followers < look.usual.loud:
        return None
    return Reading(
        kind="new-author",
        start=look.start,
        score=log10(counts.followers),
        observed=counts.followers,
        expected=round(look.usual.loud / 10),
        high=look.usual.loud,
        author=counts.loudest,
    )


def _reading(look: Look, kind: Kind, window: int, score: float, rings: bool) -> Reading:
    sums = look.sums[window]
    observed, expected, series = sums.total, sums.all_expected, 0
    if kind == "negative-spike":
        observed, expected, series = sums.neg, sums.neg_expected, 1
    elif kind == "positive-spike":
        observed, expected = sums.pos, sums.pos_expected
    spread = 1 + look.usual.dispersion(series, window, expected) * expected
    return Reading(
        kind=kind,
        start=look.start,
        buckets=WINDOWS[window],
        score=round(score, 3),
        rings=rings,
        observed=observed,
        expected=round(expected, 3),
        high=round(expected + 3 * sqrt(spread * max(expected, 0.3)), 3),
        share=round(sums.neg / sums.total, 4) if sums.total else 0.0,
        usual_share=round(sums.usual_share, 4),
    )


def statistical(look: Look) -> Iterator[Reading]:
    """All that needs to know what is usual."""
    for question in (negative, volume, drop, rating, author):
        if found := question(look):
            yield found


def asked_for(
    start: int, counts: Counts, recent: Sequence[Counts], watching: Watching
) -> Iterator[Reading]:
    """What staff asked for by name: rules, and any mention of an urgent topic. `recent` are the
    last buckets' counts, of this one last."""
    if watching.urgent and counts.total:
        yield Reading(
            kind="urgent", start=start, score=1.0, observed=counts.total, rule="any mention"
        )
    for rule in watching.rules:
        some = recent[-rule.buckets :]
        if rule.holds(some):
            yield Reading(
                kind="rule",
                start=start,
                buckets=rule.buckets,
                score=1.0,
                observed=round(rule.value(some), 4),
                expected=rule.least,
                high=rule.least,
                rule=rule.text,
                author=counts.loudest if rule.measure == "followers" else "",
            )
