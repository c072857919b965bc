"""A schema registry on a local port, as far as Veille speaks with one."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TYPE = "application/vnd.schemaregistry.v1+json"


class RegistryServer:
    """`schemas` by id, `subjects` with their ids. `answers`, a status and a body each, are given
    first; `login` is the name and password it wants."""

    def __init__(self) -> None:
        self.schemas: dict[int, str] = {}
        self.subjects: dict[str, int] = {}
        self.answers: list[tuple[int, bytes]] = []
        self.login: tuple[str, str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def schema(self, value: bytes) -> Any:
        """The schema that a message's head names."""
        assert value[:1] == b"\0"
        return json.loads(self.schemas[int.from_bytes(value[1:5], "big")])

    def answer(self, path: str, kind: str, login: str, body: bytes) -> tuple[int, bytes]:
        if self.answers:
            return self.answers.pop(0)
        if self.login and login != _basic(*self.login):
            return 401, b'{"error_code":401,"message":"Unauthorized"}'
        _, subjects, subject, versions = path.split("/")
        assert (subjects, versions, kind) == ("subjects", "versions", TYPE)
        given = json.loads(body)
        assert given["schemaType"] == "AVRO"
        known = {text: number for number, text in self.schemas.items()}
        number = known.get(given["schema"], 100_001 + len(known))
        self.schemas[number] = given["schema"]
        self.subjects[subject] = number
        return 200, json.dumps({"id": number}).encode()


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@contextmanager
def registry_server() -> Iterator[RegistryServer]:
    """A running one, in a thread of its own."""
    registry = RegistryServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kind, login = self.headers["content-type"], self.headers.get("authorization", "")
            status, answer = registry.answer(self.path, kind, login, body)
            self.send_response(status)
            self.send_header("content-type", TYPE)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
