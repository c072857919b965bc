import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors import http
from connectors.errors import ConnectorError, Fatal, Refused, Retriable, WaitUntil
from connectors.graph import Graph, without
from connectors.graph_errors import Closed, Gone
from connectors.marks import Mark, read_since
from tests.contract.connectors.fixtures.shared import encoded
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, context

TOKEN = "EAA-t0ken-of-a-page"
APP_SECRET = "the-app-s3cret"


def refusal(
    code: int, status: int = 400, subcode: int = 0, said: str = "no", **more: Any
) -> Answer:
    error = {"message": said, "type": "OAuthException", "code": code, "fbtrace_id": "A1", **more}
    if subcode:
        error["error_subcode"] = subcode
    return Answer(status, json.dumps({"error": error}).encode())


async def asked(answer: Callable[[Request], Answer], times: int = 1) -> list[dict[str, Any]]:
    async with running(answer) as server:
        world = context({})
        graph = Graph(world, server.url, TOKEN, APP_SECRET)
        async with http.Client(world, secrets=graph.secrets) as client:
            return [await graph.get(client, "me") for _ in range(times)]


async def listed(answer: Callable[[Request], Answer], **options: Any) -> list[list[Any]]:
    async with running(answer) as server:
        world = context({})
        graph = Graph(world, server.url, TOKEN)
        params = {"limit": "100", "fields": "id"}
        async with http.Client(world, secrets=graph.secrets) as client:
            return [page async for page in graph.pages(client, "me/feed", params, **options)]


async def test_calls_are_signed() -> None:
    sent: list[Request] = []

    def answer(request: Request) -> Answer:
        sent.append(request)
        return encoded({"id": "1"})

    await asked(answer)
    expected = hmac.new(APP_SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
    assert sent[0].query == {"access_token": TOKEN, "appsecret_proof": expected}


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (refusal(190, 401, 463), Fatal, "has run out. Remedy: sign in again"),
        (refusal(190, 400, 460), Fatal, "password was changed"),
        (refusal(10, 403), Closed, "permission"),
        (refusal(200, 403), Closed, "permission"),
        (refusal(299, 400), Closed, "permission"),
        (refusal(100, 400, 33), Gone, "code 100, 33"),
        (refusal(803, 404), Gone, "803"),
        (refusal(100, 400), Refused, "code 100"),
        (refusal(368, 403), Fatal, "notices"),
        (refusal(2, 500), Retriable, "code 2"),
        (refusal(2, 400), Retriable, "code 2"),
        (refusal(77, 400, is_transient=True), Retriable, "code 77"),
        (refusal(190, 200), Fatal, "sign in again"),
        (Answer(404, b"{}"), Refused, "404"),
        (Answer(502, b"<html>"), Retriable, "502"),
        (Answer(200, b'[{"id": "1"}]'), Retriable, "no object"),
    ],
)
async def test_errors_are_named_by_recovery(
    answer: Answer, kind: type[ConnectorError], said: str
) -> None:
    with pytest.raises(ConnectorError) as caught:
        await asked(lambda _: answer)
    assert type(caught.value) is kind
    assert said in str(caught.value)


@pytest.mark.parametrize("code", [4, 17, 32, 613, 80001, 80002])
async def test_a_limit_that_was_passed_waits_the_minutes_that_are_told(code: int) -> None:
    usage = {"1": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 19}]}
    answer = refusal(code)
    headers = {"x-business-use-case-usage": json.dumps(usage)}
    with pytest.raises(WaitUntil) as caught:
        await asked(lambda _: Answer(answer.status, answer.body, headers))
    assert caught.value.moment == NOW + timedelta(minutes=19)
    with pytest.raises(WaitUntil) as caught:
        await asked(lambda _: answer)
    assert caught.value.moment == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-app-usage", {"call_count": 95, "total_time": 3, "total_cputime": 1}),
        ("x-page-usage", {"call_count": 3, "total_time": 99.5, "total_cputime": 1}),
        ("x-business-use-case-usage", {"1": [{"type": "pages", "total_cputime": 96}]}),
        ("x-business-use-case-usage", {"1": [{"estimated_time_to_regain_access": 15}]}),
    ],
)
async def test_a_limit_is_obeyed_before_it_is_reached(name: str, value: Any) -> None:
    sent: list[Request] = []

    def answer(request: Request) -> Answer:
        sent.append(request)
        return Answer(body=b"{}", headers={name: json.dumps(value)})

    with pytest.raises(WaitUntil) as caught:
        await asked(answer, times=2)
    assert len(sent) == 1
    assert caught.value.moment == NOW + timedelta(minutes=15)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-app-usage": '{"call_count": 94, "total_time": 25}'},
        {"x-app-usage": "garbage", "x-page-usage": "[]"},
        {"x-business-use-case-usage": '{"1": [{"type": "ads_insights", "call_count": 100}]}'},
        {"x-business-use-case-usage": '{"1": [{"call_count": null}], "2": [5], "3": 7}'},
    ],
)
async def test_what_is_far_from_a_limit_goes_on(headers: dict[str, str]) -> None:
    assert len(await asked(lambda _: Answer(body=b"{}", headers=headers), times=2)) == 2


async def test_no_message_shows_what_the_server_repeats() -> None:
    said = f"Malformed access token {TOKEN} of {APP_SECRET}"
    answers = [refusal(190, said=said), Answer(403, json.dumps({"error": said}).encode())]
    while answers:
        with pytest.raises(ConnectorError) as caught:
            await asked(lambda _: answers.pop())
        assert TOKEN not in str(caught.value)
        assert APP_SECRET not in str(caught.value)
        assert "***" in str(caught.value)


async def test_an_empty_page_with_a_next_one_is_not_the_end() -> None:
    sent: list[Request] = []

    def answer(request: Request) -> Answer:
        sent.append(request)
        after = int(request.query.get("after", "0"))
        following = f"https://elsewhere.example/v9/x?after={after + 1}&access_token=other&since"
        paging = {"next": following} if after < 3 else {"cursors": {"after": "9"}}
        return encoded({"data": [] if after == 1 else [{"id": str(after)}], "paging": paging})

    pages = await listed(answer)
    assert pages == [[{"id": "0"}], [], [{"id": "2"}], [{"id": "3"}]]
    assert {request.path for request in sent} == {"/me/feed"}
    assert {request.query["access_token"] for request in sent} == {TOKEN}
    assert {request.query["fields"] for request in sent} == {"id"}


async def test_a_cursor_that_stays_the_same_is_not_the_end_but_a_page_twice_is() -> None:
    served: list[int] = []

    def answer(_: Request) -> Answer:
        served.append(min(len(served), 3))
        return encoded({"data": [{"id": served[-1]}], "paging": {"next": "https://a.b/?after=x"}})

    assert [page[0]["id"] for page in await listed(answer)] == [0, 1, 2, 3, 3]


async def test_cursors_without_an_address() -> None:
    def answer(request: Request) -> Answer:
        after = int(request.query.get("after", "0"))
        data = [{"id": after}] if after < 2 else []
        return encoded({"data": data, "paging": {"cursors": {"after": str(after + 1)}}})

    assert await listed(answer) == [[{"id": 0}]]
    assert await listed(answer, by_cursor=True) == [[{"id": 0}], [{"id": 1}], []]


async def test_too_much_data_is_asked_for_in_smaller_pages() -> None:
    limits: list[str] = []

    def answer(request: Request) -> Answer:
        limits.append(request.query["limit"])
        if int(request.query["limit"]) > 10:
            return refusal(1, 500, said="Please reduce the amount of data you're asking for")
        return encoded({"data": []})

    assert await listed(answer) == [[]]
    assert limits == ["100", "25", "6"]


async def test_newest_first_becomes_oldest_first() -> None:
    async def pages() -> Any:
        for page in listed:
            read.append(page)
            yield [{"id": name, "at": at} for at, name in page]

    def when(one: Any) -> float:
        return float(one["at"]) * 3_600

    read: list[Any] = []
    listed: list[list[tuple[float, str]]]
    listed = [[(9, "i"), (8, "h")], [(7, "g"), (7, "f")], [(5, "e"), (5, "d")], [(1, "a")]]
    fresh = await read_since(pages(), Mark(), when, 100)
    assert [one["id"] for one, _ in fresh.entries] == ["a", "d", "e", "f", "g", "h", "i"]
    assert fresh.whole
    mark = Mark.of(str({one["id"]: after for one, after in fresh.entries}["f"]))
    read.clear()
    listed[1].append((6.5, "late"))
    later = await read_since(pages(), mark, when, 100)
    assert [one["id"] for one, _ in later.entries] == ["late", "g", "h", "i"]
    assert len(read) == 3
    assert not (await read_since(pages(), Mark(), when, 3)).whole
    assert Mark.of("garbage") == Mark.of(None) == Mark()


def test_a_mark_stays_small() -> None:
    mark = Mark()
    for number in range(500):
        mark = mark.past(1_000.0 + number, f"id_{number}")
    assert Mark.of(str(mark)) == mark
    assert len(mark.rows) == 100
    assert mark.knows(1_000.0, "id_0")
    assert mark.knows(1_499.0, "id_499")
    assert not mark.knows(1_499.0, "id_500")


async def test_a_field_that_this_version_lacks_is_left_out() -> None:
    sent: list[str] = []

    def answer(request: Request) -> Answer:
        fields = request.query["fields"]
        sent.append(fields)
        for name in ("place", "unshimmed_url"):
            if name in fields:
                said = f"(#100) Tried accessing nonexisting field ({name}) on node type (Post)"
                return refusal(100, said=said)
        return encoded({"data": []})

    async with running(answer) as server:
        notes: list[str] = []
        world = context({}, on_note=notes.append)
        graph = Graph(world, server.url, TOKEN)
        params = {"fields": "id,attachments{url,unshimmed_url},place"}
        async with http.Client(world) as client:
            for _ in range(2):
                assert [page async for page in graph.pages(client, "x", params)] == [[]]
    assert sent[-2:] == ["id,attachments{url}", "id,attachments{url}"]
    assert len(sent) == 4
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("fields", "name", "left"),
    [
        ("a,b{c,d}", "b", "a"),
        ("a,b{c,d}", "c", "a,b{d}"),
        ("a,b{c,d}", "d", "a,b{c}"),
        ("comments.summary(true).limit(0),place", "comments", "place"),
        ("id,replies.limit(50){id,text}", "replies", "id"),
        ("a,ab", "b", "a,ab"),
    ],
)
def test_fields_less_one(fields: str, name: str, left: str) -> None:
    assert without(fields, name) == left


async def test_an_error_without_a_code_in_a_200() -> None:
    with pytest.raises(Refused, match="no longer"):
        await asked(lambda _: encoded({"error": {"message": "no longer", "type": "X"}}))
