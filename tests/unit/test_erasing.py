"""Erasing a person or a post: what goes, what stays, what is on record."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors import post
from connectors.letters import DeadLetter
from connectors.post import Author
from streams import records
from streams.erasing import Target, erase, parse_author
from streams.errors import ConfigError
from streams.records import Label, Retraction
from streams.store.hiding import Hidden
from streams.store.port import Filter, Store
from tests.support.mentions import at, mention, sqlite_case
from tests.support.posts import post as make_post

ADA = Author(id="7", handle="@Ada", name="Ada L.")
BOB = Author(id="8", handle="bob")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with sqlite_case(tmp_path) as case:
        yield case.store


def letter(name: str, raw: bytes, **more: Any) -> DeadLetter:
    return DeadLetter(id=name, stage="filter", reason="why", place="p", raw=raw, at=at(1), **more)


async def filled(store: Store) -> None:
    await store.write([mention(1, author=ADA), mention(2, author=ADA), mention(3, author=BOB)])
    await store.add_labels([Label(mention_id=mention(1).id, labeled_at=at(9), note="Ada wrote us")])
    await store.add_dead_letters(
        [
            letter("post", post.encode(make_post("mine", author=ADA))),
            letter("mention", records.encode(mention(4, author=ADA))),
            letter("native", b'{"user": {"id": "7"}, "cut', source="test"),
            letter("handle", b'{"acct": "@ADA"}'),
            letter("elsewhere", b'{"user": {"id": "7"}}', source="other"),
            letter("bob", post.encode(make_post('"7" said "ada"', author=BOB))),
            letter("word", b"ada 7", source="test"),
            letter("retraction", records.encode(Retraction(post_id="test:1", version=1))),
        ]
    )


async def letters_left(store: Store) -> set[str]:
    return {one.id for one in (await store.dead_letters())[1]}


@pytest.mark.parametrize("name", ["test:@ada", "test:@Ada"])
async def test_an_author_goes_with_labels_and_letters_and_does_not_come_back(
    store: Store, name: str
) -> None:
    await filled(store)
    plan = await erase(store, parse_author(name), by="", dry_run=True)
    assert (plan.mentions, plan.labels, plan.letters, plan.audit) == (2, 1, 4, "")
    assert (await store.count(Filter())).total == 3
    report = await erase(store, parse_author(name), by="eve")
    assert (report.mentions, report.labels, report.letters) == (2, 1, 4)
    assert await letters_left(store) == {"elsewhere", "bob", "word", "retraction"}
    assert (await store.labels([mention(1).id]))[mention(1).id].note == ""
    renamed = Author(id="7", handle="lovelace")
    await store.write([mention(1, author=ADA, version=9), mention(5, author=renamed)])
    assert [m.post.author.handle for m in (await store.search(Filter())).mentions] == ["bob"]


async def test_who_is_erased_leaves_the_ledger_of_the_hidden(store: Store) -> None:
    await filled(store)
    for key in ("test:ada", "test:7", "test:bob", "other:ada", "other"):
        await store.hide(Hidden(key=key, at=at(5), by="carol"))
    await erase(store, parse_author("test:@ada"), by="carol", dry_run=True)
    assert len(await store.hidden()) == 5
    await erase(store, parse_author("test:@ada"), by="carol")
    assert {one.key for one in await store.hidden()} == {"test:bob", "other:ada", "other"}


async def test_by_id_the_handle_may_pass_to_another(store: Store) -> None:
    await filled(store)
    assert (await erase(store, parse_author("test:7"), by="eve")).mentions == 2
    await store.write([mention(6, author=Author(id="9", handle="ada"))])
    assert (await store.count(Filter())).total == 2


async def test_one_post_goes_and_the_author_stays(store: Store) -> None:
    await filled(store)
    report = await erase(store, Target(post_id="test:1"), by="eve")
    assert (report.kind, report.mentions) == ("post", 1)
    assert "retraction" not in await letters_left(store)
    await store.write([mention(1, version=99, author=ADA)])
    assert (await store.count(Filter(author="ada"))).total == 1


async def test_the_record_names_nobody(store: Store) -> None:
    await filled(store)
    report = await erase(store, parse_author("test:@ada"), by="eve")
    again = await erase(store, parse_author("test:@ada"), by="eve")
    assert (again.mentions, again.audit) == (0, report.audit)
    kept = {**await store.states("audit"), **await store.states("erasure")}
    first = next(iter((await store.states("audit")).values()))
    assert (first["by"], first["mentions"], first["hash"]) == ("eve", 2, report.audit)
    assert not [word for word in ("ada", "7\x00", "Ada", "test:") if word in str(kept)]


async def test_letters_are_erased_though_they_fill_more_than_a_page(store: Store) -> None:
    mine = [letter(f"mine-{n}", post.encode(make_post(f"{n}", author=ADA))) for n in range(11)]
    other = [letter(f"bob-{n}", post.encode(make_post(f"{n}", author=BOB))) for n in range(7)]
    await store.add_dead_letters([*mine, *other])
    plan = await erase(store, parse_author("test:7"), by="", dry_run=True, page=4)
    report = await erase(store, parse_author("test:7"), by="eve", page=4)
    assert (plan.letters, report.letters) == (11, 11)
    assert await letters_left(store) == {one.id for one in other}


async def test_a_letter_that_dies_again_while_pages_are_turned_is_found(tmp_path: Path) -> None:
    async with sqlite_case(tmp_path) as case:
        store = Moving(case.store)
        first = [letter(f"b{n}", post.encode(make_post("x", author=BOB))) for n in range(4)]
        mine = letter("mine", post.encode(make_post("x", author=ADA)))
        await case.store.add_dead_letters([*first, mine])
        store.moves = msgspec.structs.replace(mine, at=at(99))
        report = await erase(store, parse_author("test:7"), by="eve", page=2)
        assert report.letters == 1
        assert "mine" not in await letters_left(case.store)


class Moving:
    """A store in which a letter dies again after the first page was read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.moves: DeadLetter | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def dead_letters(self, **asked: Any) -> tuple[int, list[DeadLetter]]:
        found = await self._store.dead_letters(**asked)
        if self.moves:
            moves, self.moves = self.moves, None
            await self._store.add_dead_letters([moves])
        return found


@pytest.mark.parametrize("text", ["", "ada", "test:", ":7", "test:@"])
def test_what_is_no_author_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="SOURCE:ID"):
        parse_author(text)
