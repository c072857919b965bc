"""Logins that failed: each makes the next of that name, or from that address, wait longer."""

import ipaddress
import time
from collections.abc import Callable
from typing import Final, NamedTuple

FREE_BY_NAME: Final = 5
FREE_BY_ADDRESS: Final = 20
LONGEST_BY_NAME: Final = 300.0
"""Seconds: who knows a name can keep its owner out for no longer at a time."""
LONGEST_BY_ADDRESS: Final = 900.0
FORGOTTEN: Final = 3600.0
MOST: Final = 10_000


class _Failures(NamedTuple):
    times: int
    last: float


class Attempts:
    """Of one process, in memory. An attempt counts as failed until it is told to be right, so that
    many at once gain nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], _Failures] = {}

    def wait(self, name: str, address: str) -> float:
        """Seconds until another attempt is heard; 0: now, and it is counted."""
        keys = _keys(name, address)
        left = max(self._left(key) for key in keys)
        if left <= 0:
            for key in keys:
                self._count(key)
        return max(0.0, left)

    def right(self, name: str, address: str) -> None:
        """The attempt was no failure: the name's are forgotten, the address has one less."""
        by_name, by_address = _keys(name, address)
        self._failures.pop(by_name, None)
        known = self._failures.get(by_address)
        if known:
            self._failures[by_address] = known._replace(times=known.times - 1)

    def _left(self, key: tuple[str, str]) -> float:
        known = self._failures.get(key)
        if known is None:
            return 0.0
        named = key[0] == "name"
        free = FREE_BY_NAME if named else FREE_BY_ADDRESS
        longest = LONGEST_BY_NAME if named else LONGEST_BY_ADDRESS
        if known.times < free:
            return 0.0
        wait = min(longest, 2.0 ** min(known.times - free, 20))
        return known.last + wait - self._clock()

    def _count(self, key: tuple[str, str]) -> None:
        now = self._clock()
        known = self._failures.pop(key, None)
        count = known.times if known and now - known.last < FORGOTTEN else 0
        self._failures[key] = _Failures(count + 1, now)
        while len(self._failures) > MOST:
            del self._failures[next(iter(self._failures))]


def _keys(name: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("name", name.strip().lower()[:64]), ("address", network(address))


def network(address: str) -> str:
    """An IPv6 address counts with its neighbours: one host has 2^64 of them."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found.ipv4_mapped or found) if found.version == 6 else str(found)
