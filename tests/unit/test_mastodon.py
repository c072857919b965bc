from typing import Any

from connectors.mastodon import Mastodon
from tests.contract.connectors.fixtures.mastodon import MastodonFixture
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import World, collect, context

FIXTURE = MastodonFixture()


async def test_fields() -> None:
    status: dict[str, Any] = FIXTURE.item(2, text="<p>About <a href='#'>#<span>Tea</span></a></p>")
    status |= {
        "spoiler_text": "long",
        "in_reply_to_id": "110001",
        "favourites_count": 3,
        "reblogs_count": "4",
        "replies_count": -1,
        "edited_at": "2026-06-01T11:30:00Z",
        "tags": [{"name": "tea"}],
        "media_attachments": [{"url": "https://m.example/1.png"}, {"url": "javascript:x"}],
        "account": {"acct": "b@other.example", "followers_count": 9, "fields": []},
    }
    boost = {**FIXTURE.item(3), "content": "", "reblog": FIXTURE.item(1)}
    async with FIXTURE.serve(World([FIXTURE.item(1), status, boost])) as server:
        result = await collect(Mastodon(context(FIXTURE.options(server.url))))
    first, post, repost = (step.post for step in result.steps)
    assert first is not None
    assert post is not None
    assert repost is not None
    assert post.text == "long\n\nAbout #Tea"
    assert (post.state, post.kind, post.parent_id) == ("edited", "comment", first.id)
    assert (post.engagement.likes, post.engagement.reposts, post.engagement.replies) == (3, 4, None)
    assert (post.hashtags, post.media) == (["tea"], ["https://m.example/1.png"])
    assert (post.author.handle, post.author.followers) == ("b@other.example", 9)
    assert (repost.repost_of, repost.text) == (first.id, "note 1")


async def test_hashtags_and_the_token() -> None:
    async with FIXTURE.serve(World()) as server:
        options = {**FIXTURE.options(server.url), "timeline": "hashtag", "hashtags": "#tea, чай"}
        notes: list[str] = []
        await collect(Mastodon(context({**options, "token": "t0ken"}, on_note=notes.append)))
        paths = [request.path for request in server.requests]
        assert server.requests[0].headers["authorization"] == "Bearer t0ken"
    assert paths == ["/api/v1/timelines/tag/tea", "/api/v1/timelines/tag/%D1%87%D0%B0%D0%B9"]
    assert "switched off" in notes[0]


async def test_pages_that_repeat_end() -> None:
    page = [FIXTURE.item(1)]

    def answer(_: Request) -> Answer:
        import json

        return Answer(body=json.dumps(page).encode())

    async with running(answer) as server:
        source = Mastodon(context(FIXTURE.options(server.url)))
        first = await collect(source)
        second = await collect(source, first.cursor)
        assert len(server.requests) == 2
    assert second.steps == []
