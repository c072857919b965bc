from typing import Any

from websockets.asyncio.server import serve

from connectors.bluesky import Bluesky
from connectors.errors import Fatal, Retriable
from connectors.post import Post
from tests.contract.connectors.fixtures.bluesky import BlueskyFixture
from tests.contract.connectors.fixtures.shared import moment
from tests.contract.connectors.world import NOW, Pass, World, collect, context

FIXTURE = BlueskyFixture()


async def read(*events: Any, cursor: Any = None, **options: Any) -> Pass:
    async with FIXTURE.serve(World(list(events))) as server:
        if isinstance(cursor, int):
            cursor = {"time_us": cursor, "host": server.url.removeprefix("http://")}
        return await collect(Bluesky(context({"base_url": server.url, **options})), cursor)


def only(result: Pass) -> Post:
    [post] = [step.post for step in result.steps if step.post is not None]
    return post


def event(text: str, **record: Any) -> Any:
    made = FIXTURE.item(1, text=text)
    made["commit"]["record"] |= record
    return made


async def test_facets_count_bytes_and_hold_whole_links() -> None:
    text = "Чай: news.example/lo... #чай"
    start = len("Чай: ".encode())
    end = start + len("news.example/lo...")
    link = {"$type": "app.bsky.richtext.facet#link", "uri": "https://news.example/long"}
    tag = {"$type": "app.bsky.richtext.facet#tag", "tag": "чай"}
    facets = [
        {"index": {"byteStart": start, "byteEnd": end}, "features": [link]},
        {"index": {"byteStart": end + 1, "byteEnd": 999}, "features": [tag]},
        {"index": {"byteStart": 10**9, "byteEnd": 2 * 10**9}, "features": [link]},
        {"index": None, "features": "none"},
    ]
    post = only(await read(event(text, facets=facets, tags=["tea"])))
    assert post.text == "Чай: https://news.example/long #чай"
    assert post.hashtags == ["чай", "tea"]


async def test_replies_quotes_and_images() -> None:
    root, parent = "at://did:plc:a/app.bsky.feed.post/1", "at://did:plc:b/app.bsky.feed.post/2"
    embed = {
        "record": {"record": {"uri": root}},
        "media": {"images": [{"image": {"ref": {"$link": "bafyimage"}}}]},
    }
    reply = {"root": {"uri": root}, "parent": {"uri": parent}}
    post = only(await read(event("yes", reply=reply, embed=embed)))
    assert (post.kind, post.thread_id, post.parent_id) == (
        "comment",
        f"bluesky:{root}",
        f"bluesky:{parent}",
    )
    assert post.repost_of == f"bluesky:{root}"
    assert post.media[0].endswith("/did:plc:author/bafyimage@jpeg")


async def test_an_old_cursor_is_a_gap_and_a_kept_one_is_none() -> None:
    events = [FIXTURE.item(number) for number in range(3)]
    asked = int(moment(0).timestamp() * 1e6)
    kept = await read(*events, cursor=asked)
    assert [step.gap for step in kept.steps if step.gap] == []
    clamped = await read(*events, cursor=asked - 48 * 3600 * 10**6)
    [gap] = [step.gap for step in clamped.steps if step.gap]
    assert gap.since < gap.until == moment(0).isoformat()


async def test_the_cursor_is_asked_inclusively_and_rewound_on_another_host() -> None:
    asked = int(moment(0).timestamp() * 1e6)
    async with FIXTURE.serve(World()) as server:
        source = Bluesky(context({"base_url": server.url}))
        host = server.url.removeprefix("http://")
        await collect(source, {"time_us": asked, "host": host})
        await collect(source, {"time_us": asked, "host": "elsewhere.example"})
        queries = [request.query for request in server.requests]
    assert [int(query["cursor"]) for query in queries] == [asked, asked - 5_000_000]
    assert queries[0]["wantedCollections"] == "app.bsky.feed.post"


async def test_deletions_know_when_the_post_was_made() -> None:
    deletion = FIXTURE._event(5, "delete", None)
    deletion["commit"]["rkey"] = "3jzfcijpj2z2a"
    post = only(await read(deletion))
    assert post.state == "deleted"
    assert (post.created_at.year, post.updated_at) == (2023, moment(5))


async def test_what_is_not_ours_is_passed_over() -> None:
    others = [
        {"did": "did:plc:a", "time_us": 1780311600000000, "kind": "identity"},
        {
            "did": "did:plc:a",
            "time_us": 1780311600000000,
            "kind": "account",
            "account": {"active": False, "status": "deleted"},
        },
    ]
    result = await read(*others, FIXTURE.item(1))
    assert len(result.steps) == 1


async def test_hostile_names_are_dead_letters() -> None:
    bad_did = {**FIXTURE.item(1), "did": 'did:plc:"><script>'}
    bad_key = FIXTURE.item(2)
    bad_key["commit"]["rkey"] = "../../x"
    ahead = {**FIXTURE.item(3), "time_us": int((NOW.timestamp() + 10**6) * 1e6)}
    result = await read(bad_did, bad_key, ahead, FIXTURE.item(4))
    assert [step.dead is not None for step in result.steps] == [True, True, True, False]
    assert result.cursor["time_us"] == FIXTURE.item(4)["time_us"]


async def test_an_unreadable_cursor_is_told() -> None:
    assert isinstance((await read(cursor={"time_us": "x"})).error, Fatal)


async def test_silence_is_a_fault() -> None:
    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        base = f"http://127.0.0.1:{port}"
        result = await collect(Bluesky(context({"base_url": base, "silence": 0.1})))
    assert isinstance(result.error, Retriable)
    assert "silent for 0.1 seconds" in str(result.error)
