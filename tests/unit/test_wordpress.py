from datetime import UTC, datetime
from typing import Any

from connectors.errors import Fatal
from connectors.post import Post
from connectors.wordpress import WordPress
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.fixtures.wordpress import WordPressFixture
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import Pass, World, collect, context

FIXTURE = WordPressFixture()
ITEM = FIXTURE.item


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


def comment(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "post": 101,
        "parent": 0,
        "author": 0,
        "author_name": "Ann &amp; Bob",
        "author_url": "",
        "date_gmt": f"2026-06-01T10:00:{number:02}",
        "content": {"rendered": "<p>Nice &#8211; tea</p>\n"},
        "link": "https://blog.example/1/#comment-5",
        **more,
    }


async def read(world: World, cursor: Any = None, **options: Any) -> Pass:
    async with FIXTURE.serve(world) as server:
        return await collect(WordPress(context({**FIXTURE.options(server.url), **options})), cursor)


async def test_a_post_with_what_is_embedded() -> None:
    embedded = {
        "author": [{"name": "Ann", "slug": "ann", "link": "https://blog.example/author/ann/"}],
        "wp:term": [[{"name": "Tea &amp; more"}, {"name": "Uncategorized"}], [], None],
    }
    [post] = posts(await read(World([ITEM(1) | {"_embedded": embedded}])))
    assert post.id == "wordpress:blog.example:101"
    assert (post.title, post.text) == ("Title \u2019 1", "note 1")
    assert (post.author.id, post.author.handle) == ("blog.example:1", "ann")
    assert post.hashtags == ["Tea & more"]
    assert post.created_at == datetime(2026, 6, 1, 11, 1, tzinfo=UTC)  # not the local date


async def test_comments_and_their_threads() -> None:
    world = World([ITEM(1)], changes=[comment(5), comment(6, parent=5, author=3)])
    _, first, second = posts(await read(world))
    assert (first.kind, first.text, first.author.name) == ("comment", "Nice – tea", "Ann & Bob")
    assert first.parent_id == first.thread_id == "wordpress:blog.example:101"
    assert second.parent_id == first.id == "wordpress:blog.example:c5"


async def test_comments_closed_to_strangers_hold_no_post_back() -> None:
    def answer(request: Request) -> Answer:
        if request.path.endswith("/comments"):
            return Answer(401, b'{"code": "rest_cannot_read", "message": "not allowed"}')
        return encoded([ITEM(1)])

    notes: list[str] = []
    async with running(answer) as server:
        source = WordPress(context(FIXTURE.options(server.url), on_note=notes.append))
        result = await collect(source)
    assert (result.error, len(result.ids)) == (None, 1)
    assert "not allowed" in notes[0]


async def test_reads_back_to_where_it_was_over_many_pages() -> None:
    world = World([ITEM(number) for number in range(3)])
    first = await read(world)
    world.items += [ITEM(3) | {"id": 1000 + number} for number in range(250)]
    second = await read(world, first.cursor)
    assert len(second.ids) == 250
    assert not set(first.ids) & set(second.ids)
    assert (await read(world, second.cursor)).error is None


async def test_a_page_beyond_the_end_is_the_end() -> None:
    def answer(request: Request) -> Answer:
        if request.path.endswith("/comments"):
            return encoded([])
        if request.query["page"] != "1":
            return Answer(400, b'{"code": "rest_post_invalid_page_number", "message": "x"}')
        return encoded([ITEM(number % 60) | {"id": number} for number in range(100)])

    async with running(answer) as server:
        cursor = {"blog.example": {"posts": {"at": "2020-01-01T00:00:00+00:00", "ids": []}}}
        result = await collect(WordPress(context(FIXTURE.options(server.url))), cursor)
    assert (result.error, len(result.ids)) == (None, 100)


async def test_another_400_is_an_error() -> None:
    body = b'{"code": "rest_invalid_param", "message": "Invalid parameter"}'
    async with running(lambda _: Answer(400, body)) as server:
        result = await collect(WordPress(context(FIXTURE.options(server.url))))
    assert isinstance(result.error, Fatal)
    assert "Invalid parameter" in str(result.error)


async def test_one_site_that_fails_stops_no_other() -> None:
    def answer(request: Request) -> Answer:
        if request.path.startswith("/one"):
            return Answer(404, b'{"code": "rest_no_route"}')
        return encoded([ITEM(1)] if request.path.endswith("/posts") else [])

    async with running(answer) as server:
        options = {"sites": [f"{server.url}/one", f"{server.url}/two"]}
        result = await collect(WordPress(context(options)))
    assert (result.error, len(result.ids)) == (None, 1)


async def test_wordpress_com_has_its_api_elsewhere() -> None:
    async with running(lambda _: encoded([])) as server:
        options = {"base_url": server.url, "sites": "https://example.wordpress.com", "query": "tea"}
        assert (await collect(WordPress(context(options)))).error is None
    assert server.requests[0].path == "/wp/v2/sites/example.wordpress.com/posts"
    assert server.requests[0].query["search"] == "tea"
    assert "search" not in server.requests[1].query


async def test_what_has_no_time_is_a_dead_letter_once() -> None:
    world = World([ITEM(1), ITEM(2) | {"date_gmt": None, "date": "once", "modified_gmt": None}])
    async with FIXTURE.serve(world) as server:
        source = WordPress(context(FIXTURE.options(server.url)))
        first = await collect(source)
        second = await collect(source, first.cursor)
    assert [bool(step.dead) for step in first.steps].count(True) == 1
    assert [step.dead for step in second.steps if step.dead] == []
