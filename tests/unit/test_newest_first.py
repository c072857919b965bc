"""Lists read back to what is known."""

from collections.abc import AsyncIterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from connectors.newest_first import Anchors, Entry, Read, read_back


def entry(number: int) -> Entry[int]:
    return Entry(f"p{number}", float(number), number)


async def pages(numbers: Sequence[int], size: int) -> AsyncIterator[list[Entry[int]]]:
    """A list, newest first."""
    newest = sorted(numbers, reverse=True)
    for begin in range(0, len(newest), size):
        yield [entry(number) for number in newest[begin : begin + size]]


async def read(numbers: Sequence[int], anchors: Anchors, overlap: float = 0.0) -> Read[int]:
    return await read_back(pages(numbers, 10), anchors, overlap=overlap)


@given(
    old=st.integers(1, 300),
    new=st.integers(0, 300),
    gone=st.sets(st.integers(0, 600)),
)
async def test_nothing_new_is_lost_whatever_was_deleted(old: int, new: int, gone: set[int]) -> None:
    first = await read_back(pages(range(1, old + 1), 10), Anchors(), first=100)
    anchors = Anchors.of(Anchors().after(first.fresh).state)
    left = [number for number in range(1, old + new + 1) if number not in gone]
    second = await read(left, anchors)
    found = {one.item for one in second.fresh}
    assert found == {number for number in left if number > old}
    assert all(one.item <= old for one in second.again)


async def test_reading_stops_at_what_is_known() -> None:
    taken = []

    async def counted() -> AsyncIterator[list[Entry[int]]]:
        async for page in pages(range(1, 101), 10):
            taken.append(page)
            yield page

    known = Anchors(("p85",), 85.0)
    found = await read_back(counted(), known)
    assert [one.item for one in found.fresh] == list(range(100, 85, -1))
    assert len(taken) == 2
    assert found.whole


async def test_what_shows_up_late_is_new() -> None:
    known = Anchors(("p80", "p78"), 80.0)
    found = await read([81, 80, 79, 78, 60], known, overlap=5)
    assert [one.item for one in found.fresh] == [81, 79]


async def test_a_list_that_ends_before_anything_known_says_so() -> None:
    assert not (await read(range(90, 100), Anchors(("p1",), 1.0))).whole


def test_a_cursor_that_cant_be_read_is_a_first_start() -> None:
    for known in (None, {}, {"names": "p1", "newest": 1}, {"names": [], "newest": "x"}):
        assert Anchors.of(known) == Anchors()
