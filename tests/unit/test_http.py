import gzip
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from connectors import http
from connectors.base import Context
from connectors.errors import ConnectorError, Fatal, NotAllowed, Retriable, WaitUntil
from connectors.limits import wait_asked
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import LOCAL, NOW, context

SITE = "https://site.example"


def mock(*answers: httpx.Response) -> tuple[Context, list[httpx.Request]]:
    """A context whose network gives these answers in turn."""
    seen: list[httpx.Request] = []
    waiting = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return waiting.pop(0)

    return Context(transport=httpx.MockTransport(handle), clock=NOW.timestamp), seen


async def test_credentials_stay_with_the_first_host() -> None:
    there, seen = mock(
        httpx.Response(301, headers={"location": "/b"}),
        httpx.Response(307, headers={"location": "https://other.example/c"}),
        httpx.Response(200, json={"a": 1}),
    )
    async with http.Client(there, private={"authorization": "Bearer t0ken"}) as client:
        assert await client.json(f"{SITE}/a") == {"a": 1}
    assert ["authorization" in request.headers for request in seen] == [True, True, False]


async def test_tokens_of_one_request_stay_with_the_first_host_too() -> None:
    async with running(lambda _: Answer(body=b"{}")) as other:
        moved = Answer(302, headers={"location": f"{other.url}/there"})
        async with running(lambda _: moved) as first, http.Client(context({})) as client:
            await client.get(first.url, headers={"authorization": "Bearer t", "x-kept": "1"})
        sent = other.requests[0].headers
        assert "authorization" not in sent
        assert sent["x-kept"] == "1"
        assert first.requests[0].headers["authorization"] == "Bearer t"


async def test_redirects_may_be_answers() -> None:
    moved = Answer(302, headers={"location": "/there"})
    async with running(lambda _: moved) as server, http.Client(context({})) as client:
        reply = await client.get(server.url, accept=(302,), follow=False)
        assert (reply.status, reply.headers["location"]) == (302, "/there")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [Answer(404), Answer(body=b"["), Answer(manner="cut", body=b"12345678"), Answer(manner="hang")],
)
async def test_a_secret_in_a_path_is_hidden(answer: Answer) -> None:
    async with running(lambda _: answer) as server:
        client = http.Client(context({}), secrets=["t0ken-in-path"], seconds=0.3)
        async with client:
            with pytest.raises(ConnectorError) as caught:
                await client.json(f"{server.url}/bott0ken-in-path/x")
    assert "t0ken-in-path" not in str(caught.value)
    assert "/bot***/x" in str(caught.value)


async def test_an_accepted_refusal_is_told_as_any_other() -> None:
    body = b'{"message": "no such t0ken-of-ours"}'
    client = http.Client(context({}), secrets=["t0ken-of-ours"])
    async with running(lambda _: Answer(403, body)) as server, client:
        error = client.refusal(await client.get(server.url, accept=(403,)))
    assert isinstance(error, Fatal)
    assert "no such ***" in str(error)


async def test_permanent_moves_are_told() -> None:
    there, _ = mock(httpx.Response(308, headers={"location": "/b"}), httpx.Response(200))
    async with http.Client(there) as client:
        assert (await client.get(f"{SITE}/a")).moved_to == f"{SITE}/b"
    there, _ = mock(httpx.Response(302, headers={"location": "/b"}), httpx.Response(200))
    async with http.Client(there) as client:
        reply = await client.get(f"{SITE}/a")
    assert (reply.moved_to, reply.url) == ("", f"{SITE}/b")


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1/", "http://[::ffff:10.0.0.1]/", "file:///etc/passwd", "ftp://a.b/"]
)
async def test_redirects_to_forbidden_places(target: str) -> None:
    there, seen = mock(httpx.Response(302, headers={"location": target}), httpx.Response(200))
    async with http.Client(there) as client:
        with pytest.raises(NotAllowed):
            await client.get(SITE)
    assert len(seen) == 1


async def test_endless_redirects_end() -> None:
    there, seen = mock(*(httpx.Response(302, headers={"location": "/"}) for _ in range(9)))
    async with http.Client(there) as client:
        with pytest.raises(Retriable, match="more than 5 redirects"):
            await client.get(SITE)
    assert len(seen) == 6


async def test_passwords_in_addresses_log_in_and_stay_hidden() -> None:
    there, seen = mock(httpx.Response(500, json={"error": "no hunter22 here"}))
    async with http.Client(there) as client:
        with pytest.raises(Retriable) as caught:
            await client.get("https://me:hunter22@site.example/x?key=abcdefgh")
    assert str(caught.value) == "https://site.example/x answered 500: no *** here"
    assert seen[0].headers["authorization"].startswith("Basic ")


async def test_a_used_up_limit_is_obeyed_before_it_is_hit() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-06-01T12:03:00Z"}
    there, seen = mock(httpx.Response(200, headers=headers, json=[]), httpx.Response(200))
    async with http.Client(there) as client:
        await client.json(SITE)
        with pytest.raises(WaitUntil) as caught:
            await client.json(SITE)
    assert caught.value.moment == NOW + timedelta(minutes=3)
    assert len(seen) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "", "br"])
async def test_compression(encoding: str) -> None:
    raw = b'{"a": 1}' * 1
    body = {"gzip": gzip.compress(raw), "deflate": zlib.compress(raw), "": gzip.compress(raw)}
    sent = Answer(body=body.get(encoding, raw), headers={"content-encoding": encoding})
    async with running(lambda _: sent) as server, http.Client(context({})) as client:
        if encoding == "br":
            with pytest.raises(Retriable, match="'br'"):
                await client.json(server.url)
        else:
            assert await client.json(server.url) == {"a": 1}


async def test_cut_and_damaged_compression() -> None:
    whole = gzip.compress(b"x" * 1000)
    for body in (whole[:-12], b"\x1f\x8b\x08" + b"no gzip at all"):
        sent = Answer(body=body, headers={"content-encoding": "gzip"})

        def answer(_: Request, sent: Answer = sent) -> Answer:
            return sent

        async with running(answer) as server, http.Client(context({})) as client:
            with pytest.raises(Retriable, match="compress"):
                await client.get(server.url)


async def test_a_closed_client_says_so() -> None:
    with pytest.raises(RuntimeError):
        await http.Client(Context(allow_hosts=LOCAL)).get("http://127.0.0.1:1/")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "-7"}, 0),
        ({"retry-after": "1e99"}, 86_400),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=40), usegmt=True)}, 40),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"x-ratelimit-reset": "2026-06-01T12:00:30.5Z"}, 30.5),
        ({"x-ratelimit-reset": "59.25"}, 59.25),
        ({"ratelimit-reset": "60"}, 60),
        ({"x-rate-limit-reset": str(int(NOW.timestamp()) + 61)}, 61),
        ({"x-ratelimit-reset": str(int(NOW.timestamp() * 1000) + 500)}, 0.5),
    ],
)
def test_dialects_of_waiting(headers: dict[str, str], seconds: float) -> None:
    assert wait_asked(headers, NOW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "\x00", "9999999-01-01"])
def test_nonsense_is_no_wait(text: str) -> None:
    assert wait_asked({"retry-after": text, "x-ratelimit-reset": text}, NOW) is None


def test_messages_show_no_secrets() -> None:
    assert http.shown("https://u:p@site.example:8/a?k=v#f") == "https://site.example:8/a"
    assert http.shown("http://a\x00b/") == "(an invalid address)"


def test_the_clock_is_the_contexts() -> None:
    assert http.current_time(Context(clock=lambda: 0.0)) == datetime(1970, 1, 1, tzinfo=UTC)
