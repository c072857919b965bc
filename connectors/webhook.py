"""`webhook`: JSON that another service sends: an object, a list, or one object a line."""

import contextlib
import ipaddress
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import msgspec

from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, SkipItem
from connectors.mapping import Mapper, Row, Rules
from connectors.options import LISTEN, PATH, SECRET, Options
from connectors.post import Post, read
from connectors.receiving import (
    KEPT_BYTES,
    Answer,
    Received,
    Request,
    accepted,
    hmac_matches,
    json_body,
    listen,
    refused,
    same,
)

_ALGORITHMS: Final = ("sha256", "sha1", "sha512")

_any: Final = msgspec.json.Decoder()
_object: msgspec.json.Decoder[Row] = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Lock:
    """What shows that a delivery is genuine: its signature, a token, or both."""

    secret: str = ""
    signature_header: str = ""
    signature_prefix: str = ""
    algorithm: str = "sha256"
    token: str = ""
    token_header: str = ""
    unsigned: bool = False

    @property
    def never_opens(self) -> bool:
        return not (self.secret or self.token or self.unsigned)

    def refusal(self, request: Request) -> Received | None:
        """The answer to a delivery that is not known to be genuine."""
        if self.never_opens:
            return refused(present=False)
        if self.secret:
            signature = request.headers.get(self.signature_header)
            if not hmac_matches(
                self.secret, request.body, signature, self.algorithm, self.signature_prefix
            ):
                return refused(present=signature is not None)
        if self.token:
            name = self.token_header
            token = request.headers.get(name, request.query.get(name))
            if token is None or not same(self.token, token):
                return refused(present=token is not None)
        if self.unsigned and "origin" in request.headers:
            return Received(Answer(403, b"pages in a browser may not send here\n"))
        return None


class Webhook:
    """Takes what is sent to one path of this machine. It can't ask for what it missed."""

    spec: ClassVar[Spec] = Spec(
        name="webhook",
        door="JSON that another service sends here",
        sees="whatever is sent",
        needs="an address that the sender reaches, and a secret shared with it",
        limits="1 MiB a delivery; what is not delivered again is missed",
        group="doors",
        options=(
            LISTEN,
            PATH,
            SECRET,
            Option("signature_header", "Header with the signature.", "X-Signature-256"),
            Option("signature_prefix", "What stands before the signature there.", "sha256="),
            Option("algorithm", f"Of the signature: {', '.join(_ALGORITHMS)}.", "sha256"),
            Option("token", "A fixed text that deliveries bear, as such.", "", secret=True),
            Option("token_header", "Header or query parameter with the token.", "X-Token"),
            Option("unsigned", "Whether to believe anyone; on a loopback address alone.", False),
            Option("items", "Where the posts stand, as a dotted path; left out, on top.", ""),
            Option("columns", "Post field: dotted path in an item, where names differ.", {}),
            Option("defaults", "Post field: value, for what an item lacks.", {}),
            Option("source", "Name of the source the posts bear.", "webhook"),
            Option("html", "Whether texts are HTML.", False),
        ),
        keyless=False,
    )

    def __init__(self, context: Context) -> None:
        given = Options(self.spec, context.options)
        source = given.text("source")
        self._context, self._clock = context, context.clock or time.time
        self._columns = {name: str(at) for name, at in given.pairs("columns").items()}
        self._rules = Rules(
            source=source,
            columns=self._columns,
            defaults=given.pairs("defaults"),
            html=given.switch("html"),
        )
        self._mapper = Mapper(self._rules, context.on_note)
        self._items = [name for name in given.text("items").split(".") if name]
        self._host, self._port = given.address("listen")
        self._path = given.path("path", f"/hooks/{source}")
        self._lock = Lock(
            secret=given.text("secret"),
            signature_header=given.header("signature_header"),
            signature_prefix=given.header("signature_prefix"),
            algorithm=given.choice("algorithm", _ALGORITHMS),
            token=given.text("token"),
            token_header=given.header("token_header"),
            unsigned=given.switch("unsigned"),
        )
        if self._lock.unsigned and not ipaddress.ip_address(self._host).is_loopback:
            raise BadSettings(
                f"webhook: 'unsigned' is yes while 'listen' is {self._host}, which others reach. "
                "Remedy: set 'secret' or 'token', or listen: 127.0.0.1:8431"
            )

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """What is sent, until cut. There is no cursor: nothing can be asked for again."""
        if self._lock.never_opens:
            raise BadSettings(
                "webhook: set 'secret' or 'token': without one, anyone could send posts. "
                "Remedy: the secret that the sender signs with, or unsigned: yes for a local test"
            )
        deliveries = listen(self._context, self, host=self._host, port=self._port, path=self._path)
        async with contextlib.aclosing(deliveries) as steps:
            async for step in steps:
                yield step

    def receive(self, request: Request) -> Received:
        if request.method != "POST":
            return Received(Answer(405, headers={"allow": "POST"}))
        return self._lock.refusal(request) or accepted(self, request)

    def read(self, request: Request) -> Sequence[Step]:
        self._mapper.now = self._now()
        return [self._step(item, request) for item in self._found(request)]

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        self._mapper.now = self._now()
        return self._post(read(_object, raw))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _found(self, request: Request) -> Iterator[Any]:
        """Every item, or the `SkipItem` of what should have held some."""
        for document in documents(request):
            if isinstance(document, SkipItem):
                yield document
            else:
                yield from items_at(document, self._items)

    def _step(self, item: Any, request: Request) -> Step:
        if isinstance(item, SkipItem):
            return Step(dead=SkipItem(f"{item}", place=request.path, raw=item.raw))
        try:
            return Step(post=self._post(msgspec.convert(item, dict[str, Any])))
        except (ValueError, msgspec.MsgspecError) as error:
            return Step(dead=SkipItem(f"{error}"[:300], place=request.path, raw=_encoded(item)))

    def _post(self, item: Row) -> Post:
        """Never a `Post` record as it stands: a sender speaks for its own source alone."""
        return self._mapper.post(_flat(item, self._columns.values()))


def documents(request: Request) -> list[Any]:
    """The JSON of a body: one value, or one a line, where a bad line is a `SkipItem`.

    Raises `SkipItem` where nothing can be read.
    """
    try:
        return [json_body(request)]
    except SkipItem:
        lines = [line for line in request.body.splitlines() if line.strip()]
        found = [_line(line) for line in lines]
        if len(found) > 1 and isinstance(found[0], dict):
            return found
        raise


def _line(line: bytes) -> Any:
    try:
        return read(_any, line)
    except msgspec.DecodeError as error:
        return SkipItem(f"{error}"[:300], raw=line[:KEPT_BYTES])


def items_at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """What stands at a path; lists on the way and at its end are gone through.

    An object that lacks the next name is a `SkipItem`: what it holds is not known.
    """
    if isinstance(value, list):
        for inner in value:
            yield from items_at(inner, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from items_at(value[path[0]], path[1:])
    else:
        yield SkipItem(f"nothing at {'.'.join(path)!r:.100}", raw=_encoded(value))


def _flat(item: Row, paths: Iterable[str]) -> dict[str, Any]:
    """The item, with what its dotted paths lead to under the paths' own names."""
    row = dict(item)
    for path in paths:
        if path not in row:
            value = _inner(item, path.split("."))
            if value is not None:
                row[path] = value
    return row


def _inner(value: Any, names: Sequence[str]) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _encoded(item: Any) -> bytes:
    """The item's JSON, as far as a dead letter keeps it."""
    return msgspec.json.encode(item)[:KEPT_BYTES]
