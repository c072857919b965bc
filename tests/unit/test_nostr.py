import json
from datetime import timedelta
from typing import Any

import pytest

from connectors import nostr_events, schnorr
from connectors.base import Step
from connectors.errors import Fatal, Retriable
from connectors.nostr import Nostr
from connectors.post import Post
from connectors.searches import Search
from tests.contract.connectors.world import NOW, Pass, collect, context
from tests.support.nostr import Relay, public_key, relaying, signed

ANN, BEN = 11, 12
AT = int(NOW.timestamp()) - 600
# From the test vectors of BIP-340.
SIGNATURE = (
    "E907831F80848D1069A5371B402410364BDF1C5F8307B0084C55F1CE2DCA8215"
    "25F66A4A85EA8B71E482A74F382D2CE5EBEEE8FDB2172F477DF4900D310536C0"
)
VECTORS = [
    (
        "F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9",
        "00" * 32,
        SIGNATURE,
        True,
    ),
    (
        "F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9",
        "00" * 31 + "01",
        SIGNATURE,
        False,
    ),
    ("FF" * 32, "00" * 32, "00" * 64, False),
    ("00" * 31, "00" * 32, "00" * 64, False),
]


@pytest.mark.parametrize(("key", "message", "signature", "good"), VECTORS)
def test_signatures(key: str, message: str, signature: str, good: bool) -> None:
    parts = (bytes.fromhex(part) for part in (key, message, signature))
    assert schnorr.verify(*parts) is good


def test_names_as_nip_19_shows_them() -> None:
    key = bytes.fromhex("3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d")
    assert nostr_events.bech32("npub", key) == (
        "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"
    )


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


def deaths(result: Pass) -> list[Step]:
    return [step for step in result.steps if step.dead is not None]


async def read(relay: Relay, cursor: Any = None, **options: Any) -> Pass:
    async with relaying(relay) as server:
        return await collect(Nostr(context({"base_url": server.url, **options})), cursor)


async def test_fields() -> None:
    root = signed(ANN, created_at=AT, content='Tea "1"\n\u2028é\x07')
    middle = signed(BEN, created_at=AT + 1, tags=[["e", root["id"], "", "root"]], content="yes")
    reply = signed(
        ANN,
        created_at=AT + 2,
        content="see https://m.example/a.png",
        tags=[
            ["e", root["id"], "", "root"],
            ["e", middle["id"], "", "reply"],
            *(["t", "Tea"], ["t"], "junk", ["q", root["id"]]),
        ],
    )
    placed = signed(BEN, created_at=AT + 3, tags=[["e", root["id"]], ["e", reply["id"]]])
    repost = signed(
        BEN, kind=6, created_at=AT + 4, tags=[["e", root["id"]]], content=json.dumps(root)
    )
    article = signed(
        ANN,
        kind=30023,
        created_at=AT + 5,
        content="# Long",
        tags=[["d", "tea"], ["title", "On tea"], ["published_at", str(AT - 99)]],
    )
    comment = signed(
        BEN,
        kind=1111,
        created_at=AT + 6,
        tags=[["A", f"30023:{public_key(ANN)}:tea"], ["e", middle["id"]]],
        content="well",
    )
    old = signed(ANN, created_at=AT + 7, content="gone", tags=[["expiration", str(AT)]])
    found = await read(Relay([root, middle, reply, placed, repost, article, comment, old]))
    first, second, third, fourth, fifth, sixth, seventh = posts(found)
    assert first.text == 'Tea "1"\n\né'
    assert first.url.startswith("https://njump.me/note1")
    assert first.author.handle.startswith("npub1")
    assert (second.parent_id, second.thread_id) == (first.id, first.id)
    assert (third.kind, third.parent_id, third.thread_id) == ("comment", second.id, first.id)
    assert (third.hashtags, third.media) == (["Tea"], ["https://m.example/a.png"])
    assert third.repost_of == first.id
    assert (fourth.parent_id, fourth.thread_id) == (third.id, first.id)
    assert (fifth.kind, fifth.repost_of, fifth.text) == ("post", first.id, first.text)
    assert sixth.id == f"nostr:30023:{public_key(ANN)}:tea"
    assert (sixth.kind, sixth.state, sixth.title) == ("article", "edited", "On tea")
    assert (seventh.parent_id, seventh.thread_id) == (second.id, sixth.id)


async def test_forged_events_are_refused() -> None:
    good = signed(ANN, created_at=AT, content="good")
    forged = [
        {**good, "content": "bad"},
        {**good, "sig": signed(BEN, created_at=AT, content="good")["sig"]},
        {**good, "pubkey": public_key(BEN)},
        {**good, "sig": None},
    ]
    relay = Relay([*forged, good])
    found = await read(relay)
    again = await read(relay, found.cursor)
    assert [post.text for post in posts(found)] == ["good"]
    assert len(deaths(found)) == 4
    assert (posts(again), deaths(again)) == ([], [])


async def test_only_its_author_deletes_a_post() -> None:
    note = signed(ANN, created_at=AT, content="note")
    article = signed(ANN, kind=30023, created_at=AT, content="x", tags=[["d", "a"]])
    name = f"30023:{public_key(ANN)}:a"
    tags = [["e", note["id"]], ["a", name], ["e", "0" * 64]]
    first = await read(Relay([note, article]))
    theirs = await read(Relay([signed(BEN, kind=5, created_at=AT + 9, tags=tags)]), first.cursor)
    assert posts(theirs) == []
    own = await read(Relay([signed(ANN, kind=5, created_at=AT + 9, tags=tags)]), theirs.cursor)
    assert {(post.id, post.state) for post in posts(own)} == {
        (f"nostr:{note['id']}", "deleted"),
        (f"nostr:{name}", "deleted"),
    }


async def test_late_events_come_and_repeats_over_relays_do_not() -> None:
    early, late = (signed(ANN, created_at=AT - n, content=f"n{n}") for n in (0, 300))
    async with relaying(Relay([early])) as one, relaying(Relay([early, late])) as two:
        relays = [server.url.replace("http", "ws") for server in (one, two)]
        first = await collect(Nostr(context({"relays": relays[:1]})))
        second = await collect(Nostr(context({"relays": relays})), first.cursor)
    assert [post.text for post in posts(first)] == ["n0"]
    assert [post.text for post in posts(second)] == ["n300"]


async def test_pages_go_back_to_where_the_last_pass_ended() -> None:
    events = [signed(ANN, created_at=AT + n // 2, content=str(n)) for n in range(25)]
    relay = Relay(events, most=7)
    found = await read(relay)
    assert {post.text for post in posts(found)} == {str(n) for n in range(25)}
    assert len({json.dumps(one) for one in relay.asked}) == len(relay.asked)


async def test_searches_of_topics_are_asked_of_the_relay() -> None:
    relay = Relay([signed(ANN, created_at=AT, content="green tea"), signed(ANN, created_at=AT)])
    wanted = [Search(("green", "tea"), ("t",))]
    async with relaying(relay) as server:
        options = {"base_url": server.url, "follow": "search"}
        found = await collect(Nostr(context(options, searches=lambda: wanted)))
    assert [post.text for post in posts(found)] == ["green tea"]
    assert relay.asked[0]["search"] == "green tea"


@pytest.mark.parametrize(
    ("closed", "kind"),
    [
        ("auth-required: sign in", Fatal),
        ("restricted: members", Fatal),
        ("rate-limited: slow down", Retriable),
        ("error: oops", Retriable),
    ],
)
async def test_refusals(closed: str, kind: type[Exception]) -> None:
    error = (await read(Relay(closed=closed))).error
    assert type(error) is kind
    assert closed in str(error)


async def test_one_relay_that_fails_stops_no_other_and_loses_nothing() -> None:
    notes: list[str] = []
    bad, good = Relay(closed="error: oops"), Relay([signed(ANN, created_at=AT, content="a")])
    good.said = [["NOTICE", "welcome"], ["AUTH", "x"], ["EVENT", "other", {}], "junk", "[1]"]
    async with relaying(bad) as one, relaying(good) as two:
        relays = [server.url.replace("http", "ws") for server in (one, two)]
        source = Nostr(context({"relays": relays}, on_note=notes.append))
        first = await collect(source)
        bad.closed, bad.events = "", [signed(ANN, created_at=AT - 60, content="b")]
        second = await collect(source, first.cursor)
    assert first.error is None
    assert [post.text for post in posts(first)] == ["a"]
    assert [post.text for post in posts(second)] == ["b"]
    assert any("welcome" in note for note in notes)
    assert len(deaths(first)) >= 2


async def test_clocks_that_run_ahead_are_held_back_once() -> None:
    ahead = signed(ANN, created_at=int((NOW + timedelta(days=2)).timestamp()), content="soon")
    first = await read(Relay([ahead]))
    again = await read(Relay([ahead]), first.cursor)
    assert [post.created_at for post in posts(first)] == [NOW]
    assert posts(again) == []


async def test_a_pass_looks_far_back_now_and_then_and_knows_more_than_its_cursor() -> None:
    now = [NOW.timestamp()]
    events = [signed(ANN, created_at=AT - n, content=str(n)) for n in range(3)]
    relay = Relay(events)
    async with relaying(relay) as server:
        source = Nostr(context({"base_url": server.url}, clock=lambda: now[0]))
        first = await collect(source)
        now[0] += 60
        second = await collect(source, {**first.cursor, "seen": {}})
        assert relay.asked[-1]["since"] == AT - 120
        now[0] += 600
        await collect(source, second.cursor)
        assert relay.asked[-1]["since"] == AT - 3600
        other = await collect(source, {**first.cursor, "seen": {}, "mark": "another"})
    assert (len(first.ids), len(second.ids), len(other.ids)) == (3, 0, 3)
