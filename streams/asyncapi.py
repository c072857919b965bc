"""The AsyncAPI 3.0 document of the topics: what another program may send and receive."""

import inspect
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from connectors.account import HEADER as MARK
from connectors.letters import HEADER as LETTER
from connectors.letters import DeadLetter
from connectors.post import Post
from connectors.tracing import PARENT, STATE
from streams.alerts.records import Incident
from streams.avro_copy import RECORDS as COPIED
from streams.broker import Topics
from streams.headers import AVRO, CONTENT_TYPE, ORIGIN, Origin, headers_of
from streams.records import Label, Mention, Retraction
from streams.settings import Kafka

RECORDS: Final[tuple[type[msgspec.Struct], ...]] = (
    Post, Mention, Retraction, DeadLetter, Label, Incident,
)  # fmt: skip
EXAMPLES: Final = Path(__file__).parent.parent / "docs" / "contracts" / "examples"


def channel(
    address: str, summary: str, key: str, messages: Sequence[str], kafka: dict[str, Any]
) -> dict[str, Any]:
    """One topic: `key` says what its records are keyed by."""
    return {
        "address": address,
        "description": f"{summary} Key: {key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": {"topic": address, "bindingVersion": "0.5.0"} | kafka},
    }


def channels() -> dict[str, Any]:
    """The topics with the default prefix and sizes, and what each promises."""
    defaults = Kafka()
    topics = Topics.of(defaults.prefix)
    hours = defaults.retention_hours
    shared: dict[str, Any] = {
        "partitions": defaults.partitions,
        "replicas": defaults.replication,
        "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": hours * 3_600_000},
    }
    single = shared | {"partitions": 1, "topicConfiguration": {"cleanup.policy": ["compact"]}}
    return {
        "posts": channel(
            topics.posts,
            "Every version of every post collected, before any criterion. All versions of a post "
            "are in one partition, in the order they were seen. At least once: readers must bear "
            "repeats and late older versions (compare `updated_at`, else `created_at`). The header "
            "`veille`, where there is one, is for the ledger alone.",
            "the post's id; partition: CRC-32 of the key modulo the number of partitions",
            ["Post"],
            shared,
        ),
        "mentions": channel(
            topics.mentions,
            "Scored mentions, and retractions of what an edit or a deletion took back. Ordered "
            "by post, at least once. A record's `version` decides: keep the highest for each "
            "`id`, and drop a post's mentions below a retraction's version. The header `veille` is "
            "for the ledger alone.",
            "the post's id; partition: CRC-32 of the key modulo the number of partitions",
            ["Mention", "Retraction"],
            shared,
        ),
        "deadLetters": channel(
            topics.dead,
            "What could not be processed, with its bytes (64 KiB at most), reason and place. At "
            "least once; the same failure seen twice has the same id. An empty value takes the "
            "letter of its key back: it was sent again, and went well. A letter is sent again as "
            "the record it was, with its id in the header `veille-letter`.",
            "the letter's id",
            ["DeadLetter"],
            shared,
        ),
        "labels": channel(
            topics.labels,
            "Corrections by staff, kept for ever. The latest by `labeled_at` counts, as a whole, "
            "and one with nothing in it takes the one before back; a time ahead of the record's "
            "own (the broker's clock) counts as that. At least once, in any order.",
            "the mention's id",
            ["Label"],
            shared | {"topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": -1}},
        ),
        "alerts": channel(
            topics.alerts,
            "Incidents, each whole, whenever something of one changes: keep the highest `version` "
            "of each `id`. At least once. Times are the posts' own, but for `found_at` and "
            "`snoozed_until`.",
            "the incident's id",
            ["Incident"],
            shared,
        ),
        "mentionsAvro": channel(
            topics.avro,
            "What `veille.mentions` holds and could be read, once more as Avro, in the same order "
            "for each key. There where `kafka.schema_registry_url` is set. At least once.",
            "the post's id; partition: CRC-32 of the key modulo the number of partitions",
            ["MentionAvro", "RetractionAvro"],
            shared,
        ),
        "cursors": channel(
            topics.cursors,
            "Where each source was left. Written after Kafka acknowledged the posts before it, so "
            "a restart repeats posts and never skips any. The last value of a key holds.",
            "the source's id in `veille.yaml`",
            ["Cursor"],
            single,
        ),
    }


def messages() -> dict[str, Any]:
    """One message a record, each pointing at its schema beside the document."""
    found = {
        record.__name__: message(
            _dashed(record.__name__),
            inspect.cleandoc(record.__doc__ or "").splitlines()[0],
            {"$ref": f"./{file_name(record)}"},
        )
        for record in RECORDS
    }
    said = "A source's cursor: a JSON value whose meaning is the connector's own."
    copies = {f"{record.__name__}Avro": avro_message(record) for record in COPIED}
    return found | {"Cursor": message("cursor", said, {})} | copies


def avro_message(record: type[msgspec.Struct]) -> dict[str, Any]:
    """A record as Avro, with the head that schema registries ask for."""
    return {
        "contentType": AVRO,
        "summary": f"{record.__name__} as Avro, after a zero and its schema's number in 4 bytes.",
        "headers": {
            "type": "object",
            "properties": {
                CONTENT_TYPE: {"const": AVRO},
                PARENT: OTHER_HEADERS[PARENT],
                STATE: OTHER_HEADERS[STATE],
            },
        },
        "payload": {
            "schemaFormat": "application/vnd.apache.avro;version=1.9.0",
            "schema": {"$ref": f"./{avro_name(record)}"},
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string"},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "bindingVersion": "0.5.0",
            }
        },
    }


def message(name: str, summary: str, payload: dict[str, Any]) -> dict[str, Any]:
    """A record of one type, with its headers and its examples; `name` is as its header says it."""
    return {
        "contentType": "application/json",
        "summary": summary,
        "headers": {
            "type": "object",
            "properties": {
                **{header: {"const": value.decode()} for header, value in headers_of(name)},
                **OTHER_HEADERS,
                **(OF_MENTIONS if name == "mention" else {}),
            },
        },
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": payload,
        },
        "examples": [
            {"name": path.stem, "payload": json.loads(path.read_text("utf-8"))}
            for path in examples(name)
        ],
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }


OTHER_HEADERS: Final = {
    PARENT: {
        "type": "string",
        "description": "W3C Trace Context of the record it was made of, where that had one.",
    },
    STATE: {"type": "string", "description": "What belongs to `traceparent`, passed on with it."},
    MARK: {"type": "string", "description": "For the ledger alone."},
    LETTER: {
        "type": "string",
        "description": "Id of the dead letter that this record is, sent again.",
    },
}


OF_MENTIONS: Final = {
    ORIGIN: {
        "type": "string",
        "enum": list(get_args(Origin)),
        "description": "What brought it in, where that is no post that just came in: kept posts "
        "through a new topic, kept posts judged anew, a file that belongs to a topic, a person.",
    },
}


def examples(name: str) -> list[Path]:
    """Files with a record each, `<name>.json` or `<name>.<what it shows>.json`."""
    return sorted(path for path in EXAMPLES.glob("*.json") if path.name.split(".")[0] == name)


def avro_name(record: type[msgspec.Struct]) -> str:
    return f"avro/{record.__name__}.avsc"


def file_name(record: type[msgspec.Struct]) -> str:
    return f"{record.__name__}.schema.json"


def _dashed(name: str) -> str:
    """`DeadLetter` as `dead-letter`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def asyncapi() -> dict[str, Any]:
    """The topics seen from another program: it may send posts and receive all the rest."""
    described = channels()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Veille",
            "version": "1.0.0",
            "description": (
                "The Kafka topics of a Veille installation, with the default prefix `veille` "
                "(setting `kafka.prefix`). Records are JSON in UTF-8, one a message. Fields are "
                "only ever added: pass over those you don't know."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": described,
        "operations": {
            "collect": operation("send", "posts", "Connectors, and any program with posts."),
            "receivePosts": operation("receive", "posts", "The filter agent, and any reader."),
            "receiveMentions": operation("receive", "mentions", "The index agent, any reader."),
            "receiveAvro": operation("receive", "mentionsAvro", "Readers by a schema registry."),
            "receiveDeadLetters": operation("receive", "deadLetters", "The store, any reader."),
            "label": operation("send", "labels", "`veille label`, and any program of the staff's."),
            "receiveLabels": operation("receive", "labels", "The store's ledger, any reader."),
            "receiveAlerts": operation("receive", "alerts", "Any reader."),
            "keepCursor": operation("send", "cursors", "Connectors alone."),
            "resume": operation("receive", "cursors", "Connectors alone, when they start."),
        },
        "components": {"messages": messages()},
    }


def operation(action: str, name: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{name}"}, "summary": summary}
