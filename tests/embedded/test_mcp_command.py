"""`veille mcp` as an assistant's program starts it: over standard input and output, and HTTP."""

import asyncio
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult

from connectors.post import utc_now
from streams.store.sqlite import SqliteStore
from streams.users.passwords import Passwords
from streams.users.people import People
from streams.users.tokens import Tokens
from tests.support.mentions import mention, opened
from tests.support.users import WEAK
from tests.support.veille import Process, environment


@pytest.fixture
async def env(tmp_path: Path) -> Mapping[str, str]:
    store = SqliteStore(tmp_path / "veille.sqlite3")
    await store.open()
    await store.write([mention(1, topic="sample"), mention(2, topic="sample", tone="neg")])
    await store.close()
    return {"VEILLE_DATA_DIR": str(tmp_path)}


async def counted(client: Client) -> Any:
    result = await client.call_tool("count_mentions", {"filters": {"topic": "sample"}})
    assert isinstance(result, CallToolResult)
    return result.structured_content


async def test_over_standard_input_and_output(env: Mapping[str, str]) -> None:
    started = StdioServerParameters(
        command=sys.executable, args=["-m", "streams.cli", "mcp"], env=environment(**env)
    )
    async with asyncio.timeout(60), Client(started) as client:
        assert "label_mention" not in [tool.name for tool in (await client.list_tools()).tools]
        assert (await counted(client))["neg"] == 1


async def test_over_a_running_veille_with_a_token(env: Mapping[str, str], tmp_path: Path) -> None:
    async with opened(tmp_path / "veille.sqlite3") as store:
        user = await People(store, Passwords(WEAK)).add("ada", by="test")
        tokens = Tokens(store)
        token, _ = await tokens.add(user, "mcp", scopes=["read"], now=utc_now(), by="test")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path / "log"
    login = {**env, "VEILLE_WEB__LOGIN": "on"}
    with Process("web", "--port", str(port), env=login, log=log) as process:
        async with asyncio.timeout(60):
            while not await answers(port):
                assert process.running, process.log.read_text()
                await asyncio.sleep(0.1)
        started = StdioServerParameters(
            command=sys.executable,
            args=["-m", "streams.cli", "mcp", "--url", f"http://127.0.0.1:{port}"],
            env=environment(VEILLE_TOKEN=token, VEILLE_DATA_DIR=str(tmp_path / "none")),
        )
        async with asyncio.timeout(60), Client(started) as client:
            assert (await counted(client))["neg"] == 1
            assert not (tmp_path / "none").exists()


async def test_over_http_on_this_machine(env: Mapping[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ("mcp", "--http", "--port", str(port))
    with Process(*arguments, env=env, log=tmp_path / "log") as process:
        async with asyncio.timeout(60):
            while not await answers(port):
                assert process.running, process.log.read_text()
                await asyncio.sleep(0.1)
            async with Client(f"http://127.0.0.1:{port}/mcp", mode="legacy") as client:
                assert (await counted(client))["total"] == 2
            other = await rebound(port)
            assert other == 421, "a page of another site that names its own host here"


async def rebound(port: int) -> int:
    """What a browser is told that was led here by another name."""
    async with httpx.AsyncClient() as client:
        headers = {"host": "evil.example", "accept": "application/json, text/event-stream"}
        told = await client.post(f"http://127.0.0.1:{port}/mcp", json={}, headers=headers)
        return told.status_code


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
