"""The forms that are lines: JSON, CSV, and what Elasticsearch's bulk API takes."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from streams.errors import StoreError
from streams.exporting.rows import COLUMNS, csv_rows, flat
from streams.records import Mention, encode
from streams.store import rules

LINES: Final = ("jsonl", "csv", "bulk")
"""Those forms, as they are asked for."""


class Form(NamedTuple):
    """What stands first, and the lines of some mentions, each with its line's end."""

    head: bytes
    lines: Callable[[Sequence[Mention]], bytes]


def form_of(name: str, *, prefix: str = "veille") -> Form:
    """`prefix` is that of the indices which the bulk form names."""
    if name == "csv":
        return Form(csv_rows([COLUMNS]), lambda some: csv_rows([flat(one) for one in some]))
    if name == "bulk":
        return Form(b"", _bulk(prefix))
    return Form(b"", lambda some: b"".join(encode(one) + b"\n" for one in some))


def _bulk(prefix: str) -> Callable[[Sequence[Mention]], bytes]:
    """Two lines a mention: where it goes, and the document as Veille's own writer composes it. A
    version that is stored already is no conflict, so a file may be sent twice."""
    from streams.store.es_setup import month_of  # noqa: PLC0415  # heavy import
    from streams.store.es_writes import Made, document  # noqa: PLC0415  # heavy import

    def action(mention: Mention) -> bytes:
        body, objection = rules.body(mention)
        if objection:
            raise StoreError(f"mention {mention.id}: {objection}. Remedy: export it as jsonl")
        where = {
            "_index": month_of(prefix, mention.post.created_at),
            "_id": mention.id,
            "version": mention.version,
            "version_type": "external_gte",
        }
        made = document(Made(mention, body), datetime.now(UTC))
        return msgspec.json.encode({"index": where}) + b"\n" + made + b"\n"

    return lambda some: b"".join(action(one) for one in some)
