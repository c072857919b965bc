"""The APIs of a full Elasticsearch that the distribution for tests has not, over HTTP: lifecycle
and snapshot policies, analyzers of languages, rights. It keeps what is put and tells it again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

_NONE = (404, {"error": {"type": "resource_not_found_exception"}, "status": 404})
_DONE = (200, {"acknowledged": True})


@dataclass
class ElasticApis:
    """`put` holds the bodies by path; `lacking` are rights that the user has not."""

    version: str = "8.19.21"
    lacking: set[str] = field(default_factory=set)
    repositories: set[str] = field(default_factory=set)
    put: dict[str, Any] = field(default_factory=dict)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and body."""
        if method == "PUT":
            return self._keep(path, body)
        told: dict[str, Any] = {
            "/_security/user/_has_privileges": lambda: self._rights(body),
            "/_nodes/_local": lambda: {"nodes": {"one": {"version": self.version}}},
        }
        if path in told:
            return 200, told[path]()
        if path in ("/_analyze", "/_cluster/health", "/_ilm/status", "/_slm/status"):
            return 200, {}
        return self._kept(path)

    def _kept(self, path: str) -> tuple[int, Any]:
        name, kept = path.rpartition("/")[2], self.put.get(path)
        if path.endswith("-*"):
            return 200, self._indices()
        if path.startswith("/_snapshot/"):
            return (200, {name: {"type": "fs"}}) if name in self.repositories else _NONE
        if not kept:
            return _NONE
        if path.startswith("/_index_template/"):
            return 200, {"index_templates": [{"name": name, "index_template": kept}]}
        policy = kept["policy"] if path.startswith("/_ilm/") else kept
        return 200, {name: {"version": 1, "policy": policy}}

    def _keep(self, path: str, body: Any) -> tuple[int, Any]:
        if path in self.put and not path.startswith("/_"):
            return 400, {"error": {"type": "resource_already_exists_exception"}, "status": 400}
        self.put[path] = body
        return _DONE

    def _rights(self, asked: Any) -> Any:
        cluster = {right: right not in self.lacking for right in asked["cluster"]}
        index = {
            name: {right: right not in self.lacking for right in one["privileges"]}
            for one in asked["index"]
            for name in one["names"]
        }
        return {"has_all_requested": not self.lacking, "cluster": cluster, "index": index}

    def _indices(self) -> dict[str, Any]:
        templates = [body for path, body in self.put.items() if path.startswith("/_index_template")]
        usual = templates[0]["template"] if templates else {}
        names = [path[1:] for path in self.put if not path.startswith("/_")]
        return {
            name: {"aliases": {}, **(self.put[f"/{name}"] or usual)}
            for name in names
            if not name.endswith(("_mapping", "_settings"))
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = (line.partition(":")[::2] for line in head[1:] if line)
                headers = {name.lower(): value.strip() for name, value in pairs}
                raw = await reader.readexactly(int(headers.get("content-length", "0")))
                method, target, _ = head[0].split()
                path = unquote(target.partition("?")[0])
                status, told = self.answer(method, path, json.loads(raw) if raw else None)
                body = b"" if method == "HEAD" else json.dumps(told).encode()
                lines = (
                    f"HTTP/1.1 {status} Told\r\nX-Elastic-Product: Elasticsearch\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                )
                writer.write(lines.encode() + body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def elastic_apis() -> AsyncIterator[ElasticApis]:
    """On a free port of this machine."""
    made = ElasticApis()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
