"""`veille mcp --url`: the same answers by the REST API as of the store itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from streams.alerts import book
from streams.alerts.incidents import Change
from streams.alerts.records import Incident
from streams.errors import ConfigError
from streams.mcp.questions import Questions, Unanswerable
from streams.mcp.remote import Remote, opened
from streams.settings import Settings, Web
from streams.store.port import Store
from streams.web.app import create_app
from tests.support.mentions import at, mention, sqlite_case
from tests.support.veille import veille_here
from tests.unit.test_mcp import BRAND

BASE = "http://127.0.0.1:8420/"


def client(store: Store, settings: Settings | None = None) -> httpx.AsyncClient:
    app = create_app(store, topics=[BRAND], settings=settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=BASE)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with sqlite_case(tmp_path) as case:
        tones = ("neg", "neg", "pos", "neu")
        texts = ("awful", "so awful", "lovely", "nothing")
        given = [
            mention(n, tone=tone, post={"text": text, "hashtags": ["a"], "title": "t"})  # type: ignore[arg-type]  # tones
            for n, (tone, text) in enumerate(zip(tones, texts, strict=True))
        ]
        await case.store.write([*given, mention(9, topic="late")])
        kinds = {"topic": "brand", "kind": "negative-spike", "severity": "high", "version": 1}
        incident = Incident(id="i1", opened_at=at(1), began_at=at(0), until=at(2), **kinds)  # type: ignore[arg-type]  # as said
        await book.keep(case.store, Change(incident, "opened"))
        yield case.store


@pytest.fixture
async def remote(store: Store) -> AsyncIterator[Remote]:
    async with client(store) as http:
        yield Remote(http)


async def test_the_answers_are_those_of_the_store(store: Store, remote: Remote) -> None:
    local = Questions(store, lambda: [BRAND])
    of_brand, both = {"topic": ["brand"]}, {"topic": ["brand", "late"]}
    for order in ("newest", "oldest", "worth"):
        one = await local.search(of_brand, limit=3, order=order)
        other = await remote.search(of_brand, limit=3, order=order)
        assert one.mentions == other.mentions
        further = await remote.search(of_brand, limit=3, order=order, cursor=other.cursor)
        assert len({found.id for found in other.mentions + further.mentions}) == 4
    assert await remote.count(both) == await local.count(both)
    assert (await remote.count({"sentiment": "neg", **of_brand})).total == 2
    assert await remote.over_time(both, step="1m") == await local.over_time(both, step="1m")
    assert await remote.top({}, "hashtag", limit=5) == await local.top({}, "hashtag", limit=5)
    assert await remote.topics() == await local.topics()
    assert await remote.incidents({}, limit=5) == await local.incidents({}, limit=5)
    assert (await remote.incidents({}, limit=5)).total == 1
    assert await remote.incident("i1") == await local.incident("i1")
    shown = await remote.explain(mention(1).id)
    whole = await local.explain(mention(1).id)
    assert whole.met
    kept = mention(1).sentiment.engine
    said = {"engine": kept, "engine_sentiment": "neg", "engine_score": shown.engine_score}
    assert shown == msgspec.structs.replace(whole, **said, spoke=[])


async def test_what_is_wrong_is_told_with_its_remedy(remote: Remote) -> None:
    for asked, said in (
        (remote.count({"topc": "a"}), "topc 'a': "),
        (remote.count({"topic": "acme"}), "topic 'acme': unknown. Remedy: one of brand, late"),
        (remote.search({}, limit=5, cursor="rubbish"), "Remedy: "),
        (remote.incident("no/../such"), "Remedy: an id"),
        (remote.explain("no"), "answers 404: There is no such mention"),
        (remote.over_time({"range": "30d"}, step="1h"), "Remedy: widen it"),
    ):
        with pytest.raises(Unanswerable) as raised:
            await asked
        assert said in str(raised.value)


async def test_who_may_not_read_is_told_how(store: Store) -> None:
    async with client(store, Settings(web=Web(login="on"))) as http:
        with pytest.raises(Unanswerable, match=r"answers 401: .* Remedy: veille tokens add"):
            await Remote(http).check()


async def test_a_token_stays_out_of_plain_networks() -> None:
    for url, said in (("veille.example.org", "not an address"), ("http://192.0.2.1", "for all")):
        with pytest.raises(ConfigError, match=said):
            async with opened(url, "secret"):
                pass
    with pytest.raises(Unanswerable, match=r"does not answer: .* Remedy: is Veille up"):
        async with opened("http://127.0.0.1:9", "secret"):
            pass


def test_the_command_reads_the_token_from_a_file_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret\n", "utf-8")
    there = ("mcp", "--url", "http://192.0.2.1:8420")
    done = veille_here(*there, env={"VEILLE_TOKEN_FILE": str(path)})
    assert done.returncode == 2
    assert b"the token would go over the network for all to read" in b" ".join(done.stderr.split())
    done = veille_here(*there, env={"VEILLE_TOKEN_FILE": str(tmp_path / "none")})
    assert b"VEILLE_TOKEN_FILE: " in done.stderr
    assert b"not with --url" in veille_here(*there, "--allow-labels").stderr
