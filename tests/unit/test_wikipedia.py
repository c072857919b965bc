import json
from collections.abc import Sequence
from typing import Any

from connectors.errors import Retriable
from connectors.post import Post
from connectors.searches import Search
from connectors.wikipedia import Wikipedia
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.fixtures.wikipedia import WikipediaFixture, place, stream
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import Pass, World, collect, context

ITEM = WikipediaFixture().item


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


async def read(
    *changes: Any, cursor: Any = None, words: Sequence[str] = (), **options: Any
) -> Pass:
    searches = [Search((word,), ("t",)) for word in words]
    async with WikipediaFixture().serve(World(list(changes))) as server:
        chosen = {"topics": "yes" if words else "no", **options}
        given = context({"base_url": server.url, **chosen}, searches=lambda: searches)
        return await collect(Wikipedia(given), cursor)


async def test_an_edit_as_a_post() -> None:
    comment = "/* Histoire */ voir [[Thé vert|le thé vert]]"
    [post] = posts(await read(ITEM(1) | {"comment": comment}))
    assert (post.id, post.kind, post.lang) == ("wikipedia:frwiki:902", "edit", "fr")
    assert post.text == "Histoire: voir le thé vert"
    assert post.title == "Article 1"
    assert post.author.handle == "Someone"
    assert post.author.url == "https://fr.wikipedia.org/wiki/User:Someone"
    assert post.url.endswith("diff=902&oldid=900")


async def test_canaries_are_dropped_and_still_move_the_place() -> None:
    canary = ITEM(1) | {"meta": {"domain": "canary", "dt": "2026-06-01T11:02:00Z"}}
    result = await read(ITEM(0), canary)
    assert len(posts(result)) == 1
    assert result.cursor["id"] == place(1)


async def test_resumes_with_the_array_of_the_last_event() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return stream([ITEM(0), ITEM(1)], request.headers.get("last-event-id", ""))

    async with running(answer) as server:
        first = await collect(Wikipedia(context({"base_url": server.url})))
        second = await collect(Wikipedia(context({"base_url": server.url})), first.cursor)
    assert json.loads(asked[1].headers["last-event-id"])[1]["offset"] == -1
    assert (second.ids, second.error) == ([], None)


async def test_a_forgotten_place_is_asked_for_by_time() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        if "last-event-id" in request.headers:
            return Answer(400, b'{"message": "offset out of range"}')
        return stream([ITEM(59)], "")

    async with running(answer) as server:
        cursor = {"id": place(5), "at": "2026-05-01T10:00:00+00:00"}
        result = await collect(Wikipedia(context({"base_url": server.url})), cursor)
    assert asked[1].query["since"] == "2026-05-01T10:00:00+00:00"
    assert len(posts(result)) == 1
    [gap] = [step.gap for step in result.steps if step.gap]
    assert gap.since.startswith("2026-05-01T10:00")


async def test_only_what_topics_or_the_watch_ask_for() -> None:
    changes = [
        ITEM(0) | {"title": "Café", "comment": "typo"},
        ITEM(1) | {"comment": "About the CAFÉ by the river"},
        ITEM(2) | {"title": "Discussion:Pont Neuf", "namespace": 1, "comment": "hello"},
        ITEM(3),
    ]
    result = await read(*changes, words=["cafe\u0301"], titles="Pont_Neuf")
    assert [post.title for post in posts(result)] == ["Café", "Article 1", "Discussion:Pont Neuf"]
    assert result.cursor["id"] == place(3)  # what was put aside is behind us
    assert len(posts(await read(*changes, titles="Pont Neuf", talk="no"))) == 0
    assert len(posts(await read(*changes, words=["river"], topics="no"))) == 4
    assert len(posts(await read(*changes, topics="yes"))) == 0


async def test_the_text_of_watched_articles_alone() -> None:
    first, second = posts(await read(ITEM(0), ITEM(1), titles="Article 1", words=["article"]))
    assert first.text == "note 0"
    assert second.text == "note 1\n\nrevision 902"


async def test_a_hidden_revision_is_told_without_its_text() -> None:
    notes: list[str] = []
    hidden = {"error": {"code": "nosuchrevid", "info": "There is no revision with ID 902."}}

    def answer(request: Request) -> Answer:
        return encoded(hidden) if "api.php" in request.path else stream([ITEM(1)], "")

    async with running(answer) as server:
        options = {"base_url": server.url, "titles": "Article 1"}
        result = await collect(Wikipedia(context(options, on_note=notes.append)))
    assert [post.text for post in posts(result)] == ["note 1"]
    assert "There is no revision" in notes[0]


async def test_wikis_bots_and_kinds_of_changes() -> None:
    other = {"wiki": "wikidatawiki", "server_name": "www.wikidata.org", "title": "Q42"}
    log = {"type": "log", "log_id": 7, "revision": None, "log_action_comment": "deleted it"}
    changes = [
        ITEM(0),
        ITEM(1) | other,
        ITEM(2) | {"bot": True},
        ITEM(3) | log | {"comment": None},
        ITEM(4) | {"type": "new", "revision": {"old": None, "new": 77}, "id": None},
    ]
    for name in ("frwiki", "fr", "fr.wikipedia.org", "wikipedia"):
        assert len(posts(await read(*changes, wikis=name))) == 3
    assert [post.lang for post in posts(await read(ITEM(1) | other))] == [""]
    assert len(posts(await read(*changes, bots="no"))) == 3
    [logged] = posts(await read(*changes, types="log"))
    assert (logged.id, logged.text) == ("wikipedia:frwiki:log:7", "deleted it")


async def test_a_stream_cut_after_events_is_opened_again() -> None:
    whole = stream([ITEM(0)], "")
    cut = Answer(body=whole.body * 2, headers=whole.headers, manner="cut")
    async with running(lambda _: cut) as server:
        result = await collect(Wikipedia(context({"base_url": server.url})))
    assert len(posts(result)) == 1
    assert result.error is None


async def test_an_error_as_an_event() -> None:
    body = b':ok\n\nevent: error\ndata: {"message": "broker away"}\n\n'
    async with running(lambda _: Answer(body=body)) as server:
        notes: list[str] = []
        source = Wikipedia(context({"base_url": server.url}, on_note=notes.append))
        result = await collect(source)
    assert result.error is None or isinstance(result.error, Retriable)
    assert "broker away" in "".join(notes)


async def test_a_difference_as_old_servers_write_it() -> None:
    table = (
        '<tr><td class="diff-deletedline"><div>gone</div></td>'
        '<td class="diff-addedline diff-side-added"><div>the <ins class="diffchange">new'
        " &amp;amp; [[Tea|leaf]]</ins></div></td></tr>"
    )

    def answer(request: Request) -> Answer:
        if "api.php" in request.path:
            return encoded({"compare": {"*": table}})
        return stream([ITEM(1)], "")

    async with running(answer) as server:
        options = {"base_url": server.url, "titles": "Article 1"}
        [post] = posts(await collect(Wikipedia(context(options))))
    assert post.text == "note 1\n\nthe new &amp; leaf"


async def test_server_sent_events_are_asked_for() -> None:
    """For JSON, the stream sends lines that name no place to resume from."""
    async with WikipediaFixture().serve(World([ITEM(0)])) as server:
        await collect(Wikipedia(context({"base_url": server.url})))
    assert server.requests[0].headers["accept"] == "text/event-stream"
