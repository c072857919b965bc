"""An HTTP server for tests that speaks as much of Kibana's API as the import needs, errors too."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit


@dataclass
class FakeKibana:
    """What it holds, by space, type and id; and how it answers.

    `refuse` is a status and a message for every request but the status, `refuse_rules` one for
    rules and connectors; `unsupported` are types that it does not have, `closed` those that nobody
    may read, `unlicensed` the types of connectors that its licence leaves out, `shared` the ids of
    what other spaces have, too; `key` is the API key that it wants, if any.
    """

    version: str = "8.19.21"
    key: str = ""
    refuse: tuple[int, str] | None = None
    refuse_rules: tuple[int, str] | None = None
    unsupported: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    spaces: frozenset[str] = frozenset({"default"})
    unlicensed: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    held: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        """Status and JSON."""
        self.requests.append(f"{method} {target}")
        parts = urlsplit(target)
        space, path = re.match(r"(?:/s/([^/]+))?(/.*)", parts.path).groups()  # type: ignore[union-attr]
        space = space or "default"
        if self.key and headers.get("Authorization") != f"ApiKey {self.key}":
            return _wrong(401, "security_exception: unable to authenticate")
        if path == "/api/status":
            return 200, {"version": {"number": self.version}} if self.version else {"status": {}}
        if method != "GET" and "kbn-xsrf" not in headers:
            return _wrong(400, "Request must contain a kbn-xsrf header.")
        if path.startswith(("/api/alerting/", "/api/actions/")) and space in self.spaces:
            return self._alerting(method, space, path, body)
        overwrite = parse_qs(parts.query).get("overwrite") == ["true"]
        return self._act(space, path, headers, body, overwrite)

    def _act(
        self, space: str, path: str, headers: Any, body: bytes, overwrite: bool
    ) -> tuple[int, Any]:
        if self.refuse:
            return _wrong(*self.refuse)
        if space in self.spaces and path == "/api/saved_objects/_import":
            return self._import(space, _file_of(headers, body), overwrite)
        if space in self.spaces and path == "/api/saved_objects/_export":
            return self._export(space, json.loads(body))
        if space in self.spaces and path == "/api/saved_objects/_bulk_delete":
            return self._delete(space, json.loads(body))
        return _wrong(404, "Not Found")

    def _alerting(self, method: str, space: str, path: str, body: bytes) -> tuple[int, Any]:
        if refuse := self.refuse or self.refuse_rules:
            return _wrong(*refuse)
        kind = "rule" if path.startswith("/api/alerting/") else "connector"
        if method == "GET":
            listed = [
                one for (where, what, _), one in self.held.items() if (where, what) == (space, kind)
            ]
            return 200, listed if kind == "connector" else {"total": len(listed), "data": listed}
        return self._change(method, space, kind, path.rpartition("/")[2], body)

    def _change(
        self, method: str, space: str, kind: str, name: str, body: bytes
    ) -> tuple[int, Any]:
        if method == "DELETE":
            found = self.held.pop((space, kind, name), None)
            return (204, None) if found else _wrong(404, f"Saved object [{kind}/{name}]")
        sent = json.loads(body)
        there = self.held.get((space, kind, name))
        if (method == "POST") == (there is not None):
            return _wrong(409 if there else 404, f"Saved object [{kind}/{name}]")
        if wrong := _refused(kind, name, sent, there):
            return _wrong(400, wrong)
        if (of := sent.get("connector_type_id")) in self.unlicensed:
            return _wrong(403, f"Action type {of} is disabled because your basic license does not")
        self.held[space, kind, name] = (there or {}) | sent | {"id": name}
        return 200, self.held[space, kind, name]

    def _import(self, space: str, text: bytes, overwrite: bool) -> tuple[int, Any]:
        objects = [json.loads(line) for line in text.splitlines()]
        come = {(one["type"], one["id"]) for one in objects}
        errors = []
        for one in objects:
            wrong = self._wrong(space, one, come, overwrite)
            if wrong:
                meta = {"title": one["attributes"].get("title", one["attributes"].get("name"))}
                errors.append({"type": one["type"], "id": one["id"], "meta": meta, "error": wrong})
            else:
                self.held[space, one["type"], one["id"]] = one
        answer = {"success": not errors, "successCount": len(objects) - len(errors)}
        return 200, answer | ({"errors": errors} if errors else {})

    def _wrong(
        self, space: str, one: dict[str, Any], come: set[tuple[str, str]], overwrite: bool
    ) -> dict[str, Any] | None:
        if one["type"] in self.unsupported:
            return {"type": "unsupported_type"}
        if (space, one["type"], one["id"]) in self.held and not overwrite:
            return {"type": "conflict"}
        views = [ref for ref in one["references"] if ref["type"] in ("index-pattern", "search")]
        lacking = [
            {"type": ref["type"], "id": ref["id"]}
            for ref in views
            if (ref["type"], ref["id"]) not in come
            and (space, ref["type"], ref["id"]) not in self.held
        ]
        return {"type": "missing_references", "references": lacking} if lacking else None

    def _export(self, space: str, asked: dict[str, Any]) -> tuple[int, Any]:
        assert asked["excludeExportDetails"]
        if "hasReference" in asked:
            targets = {(one["type"], one["id"]) for one in asked["hasReference"]}
            return 200, [
                one
                for (where, kind, _), one in self.held.items()
                if where == space
                and kind in asked["type"]
                and targets & {(ref["type"], ref["id"]) for ref in one["references"]}
            ]
        wanted = asked["objects"]
        missing = [
            one | {"error": {"statusCode": 403, "message": f"Unable to bulk_get {one['type']}"}}
            for one in wanted
            if one["type"] in self.closed
        ] or [
            one | {"error": {"statusCode": 404}}
            for one in wanted
            if (space, one["type"], one["id"]) not in self.held
        ]
        if missing:
            return 400, {
                "statusCode": 400,
                "error": "Bad Request",
                "message": "Error fetching objects to export",
                "attributes": {"objects": missing},
            }
        return 200, [self.held[space, one["type"], one["id"]] for one in wanted]

    def _delete(self, space: str, asked: list[dict[str, str]]) -> tuple[int, Any]:
        statuses: list[dict[str, Any]] = []
        for one in asked:
            if one["id"] in self.shared:
                error = {"statusCode": 400, "message": "Unable to delete: in multiple namespaces"}
                statuses.append(one | {"success": False, "error": error})
            else:
                gone = self.held.pop((space, one["type"], one["id"]), None)
                lacking = {} if gone else {"error": {"statusCode": 404, "message": "Not found"}}
                statuses.append(one | {"success": gone is not None} | lacking)
        return 200, {"statuses": statuses}


_NEW: Final = {
    "rule": {"rule_type_id", "consumer", "name", "schedule", "params"},
    "connector": {"connector_type_id", "name"},
}
_CHANGED: Final = {
    "rule": {"name", "schedule", "params", "tags", "actions"},
    "connector": {"name", "config", "secrets"},
}


def _refused(kind: str, name: str, sent: dict[str, Any], there: dict[str, Any] | None) -> str:
    """What Kibana says of a body that its schemas don't take."""
    given = uuid.UUID(name)
    if str(given) != name or given.version not in (1, 4):
        return "Predefined IDs are not allowed for saved objects with encrypted attributes"
    if there is None and (lacking := _NEW[kind] - set(sent)):
        return f"[request body.{min(lacking)}]: expected value, got [undefined]"
    if there is not None and (surplus := set(sent) - _CHANGED[kind]):
        return f"[request body.{min(surplus)}]: definition for this key is missing"
    return ""


def _wrong(status: int, message: str) -> tuple[int, Any]:
    return status, {"statusCode": status, "error": "wrong", "message": message}


def _file_of(headers: Any, body: bytes) -> bytes:
    boundary = headers["Content-Type"].partition("boundary=")[2].encode()
    part = body.split(b"--" + boundary)[1]
    head, _, content = part.partition(b"\r\n\r\n")
    assert b'name="file"' in head
    assert b".ndjson" in head
    return content.removesuffix(b"\r\n")


@contextmanager
def fake_kibana(**settings: Any) -> Iterator[FakeKibana]:
    """A running one."""
    fake = FakeKibana(**settings)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, value = fake.answer(self.command, self.path, self.headers, body)
            lines = value if self.path.endswith("/_export") and status == 200 else [value]
            sent = b"\n".join(json.dumps(line).encode() for line in lines)
            sent = b"" if status == 204 else sent
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  # names that http.server asks

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
