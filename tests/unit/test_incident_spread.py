"""How far an incident had spread with each of its posts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connectors.post import Author
from streams.records import Mention
from streams.web.incident_notes import MOST_TEXT, cleaned
from streams.web.incident_spread import SHOWN, told
from tests.browser.site import mention

NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)


def post(n: int, author: str, followers: int | None) -> Mention:
    return mention(
        n,
        at=NOW + timedelta(minutes=n),
        author=Author(id=author, handle=author, followers=followers),
    )


def test_each_author_is_reached_once() -> None:
    found = told([post(0, "a", 100), post(1, "b", 50), post(2, "a", 120), post(3, "", None)])
    assert [(one.posts, one.reach) for one in found.steps] == [
        (1, 100),
        (2, 150),
        (3, 170),
        (4, 170),
    ]
    assert found.reach == 170
    assert found.whole


def test_the_first_the_last_and_those_that_carried_it_are_shown() -> None:
    posts = [post(n, f"a{n}", 10_000 if n in {7, 30} else 1) for n in range(60)]
    found = told(posts, whole=False)
    shown = [one.posts - 1 for one in found.steps]
    assert len(shown) == SHOWN
    assert {0, 7, 30, 59} <= set(shown)
    assert shown == sorted(shown)
    assert found.steps[-1].reach == 20_058
    assert not found.whole


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5, 1000)), max_size=40))
def test_reach_never_falls(authors: list[tuple[str, int]]) -> None:
    found = told([post(n, name, followers) for n, (name, followers) in enumerate(authors)])
    reaches = [one.reach for one in found.steps]
    assert reaches == sorted(reaches)
    most = {name: max([f for who, f in authors if who == name] + [0]) for name, _ in authors}
    assert found.reach == sum(most.values())


def test_a_note_is_what_can_be_read_of_it() -> None:
    assert cleaned("  one\r\ntwo\x00\u202e\n\n ") == "one\ntwo"
    assert cleaned("\u200b \n\t") == ""
    assert len(cleaned("x" * 100_000)) == MOST_TEXT
