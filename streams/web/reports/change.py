"""What became of a share from one time to the next, and whether it is more than chance."""

import math

import msgspec

from streams.learning.intervals import wilson
from streams.store.port import Count


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """`hits` of `of`, both ends of its 95 % interval (Wilson), and the same a period before."""

    hits: int
    of: int
    hits_before: int
    of_before: int

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def ends(self) -> tuple[float, float]:
        return wilson(self.hits, self.of)

    @property
    def change(self) -> float:
        """The difference of the shares, from -1 to 1."""
        return self.value - (self.hits_before / self.of_before if self.of_before else 0.0)

    @property
    def change_ends(self) -> tuple[float, float]:
        """The 95 % interval of the difference: Newcombe's tenth method (Stat. Med. 17, 1998)."""
        (low, high), (old_low, old_high) = self.ends, wilson(self.hits_before, self.of_before)
        now, old = self.value, self.value - self.change
        down = math.hypot(now - low, old_high - old)
        up = math.hypot(high - now, old - old_low)
        return max(-1.0, self.change - down), min(1.0, self.change + up)

    @property
    def clear(self) -> bool:
        """Whether it changed by more than chance gives."""
        low, high = self.change_ends
        return bool(self.of and self.of_before) and not low <= 0 <= high


def negative(now: Count, before: Count) -> Share:
    """The share of negative mentions among all."""
    return Share(hits=now.neg, of=now.total, hits_before=before.neg, of_before=before.total)


def net(one: Count) -> float | None:
    """Net sentiment: positive less negative in points of a hundred of those that were scored;
    `None` where none was."""
    scored = one.pos + one.neg + one.neu
    return 100 * (one.pos - one.neg) / scored if scored else None


def relative(now: float, before: float) -> float | None:
    """The change as a share of what was before; `None` of nothing."""
    return (now - before) / before if before else None
