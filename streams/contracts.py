"""The published contracts, generated from the code: `python -m streams.contracts --write`.

JSON Schemas (draft 2020-12) of every record that other programs may read or write, an AsyncAPI
3.0 document of the topics, and the page of settings. `--check` fails when a file is out of date.
"""

import argparse
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.letters import DeadLetter
from connectors.post import Post
from streams.alerts.records import Incident
from streams.broker import Topics
from streams.records import Label, Mention, Retraction
from streams.settings import Kafka
from streams.settings_docs import settings_page
from streams.sources_docs import in_readme, sources_page

RECORDS: Final[tuple[type[msgspec.Struct], ...]] = (
    Post, Mention, Retraction, DeadLetter, Label, Incident,
)  # fmt: skip
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DOCS: Final = Path(__file__).parent.parent / "docs"


def schema(record: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of one record, self-contained. Unknown fields are allowed: readers must
    pass over them, since fields are only ever added."""
    whole = msgspec.json.schema(record)
    for part in whole["$defs"].values():
        part["description"] = inspect.cleandoc(part.get("description", ""))
    head = {"$schema": DIALECT, "$id": f"urn:veille:{record.__name__.lower()}"}
    return head | whole


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
    found: dict[str, Any] = {
        record.__name__: {
            "contentType": "application/json",
            "summary": inspect.cleandoc(record.__doc__ or "").splitlines()[0],
            "payload": {
                "schemaFormat": "application/schema+json;version=draft-2020-12",
                "schema": {"$ref": f"./{file_name(record)}"},
            },
            "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
        }
        for record in RECORDS
    }
    found["Cursor"] = {
        "contentType": "application/json",
        "summary": "A source's cursor: a JSON value whose meaning is the connector's own.",
        "payload": {},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }
    return found


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


def file_name(record: type[msgspec.Struct]) -> str:
    return f"{record.__name__}.schema.json"


def generated() -> dict[Path, str]:
    """Every generated file, by its path under `docs/`."""
    files = {Path("contracts") / file_name(record): as_json(schema(record)) for record in RECORDS}
    files[Path("contracts/asyncapi.json")] = as_json(asyncapi())
    files[Path("settings.md")] = settings_page()
    files[Path("sources.md")] = sources_page()
    return files


def as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def stale(docs: Path = DOCS) -> list[Path]:
    """Files that are missing or differ from what the code says, and schemas of no record."""
    wanted = {docs / name: text for name, text in generated().items()}
    wrong = [path for path, text in wanted.items() if _text_of(path) != text]
    wrong += [path for path in (docs / "contracts").glob("*.json") if path not in wanted]
    readme = docs.parent / "README.md"
    if (said := _text_of(readme)) is not None and in_readme(said) != said:
        wrong.append(readme)
    return sorted(wrong)


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(docs: Path = DOCS) -> None:
    for name, text in generated().items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text, encoding="utf-8", newline="\n")
    readme = docs.parent / "README.md"
    if (said := _text_of(readme)) is not None:
        readme.write_text(in_readme(said), encoding="utf-8", newline="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """`--write` or `--check`; 0 when all is current, 1 when not."""
    parser = argparse.ArgumentParser(prog="python -m streams.contracts", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="generate the files again")
    action.add_argument("--check", action="store_true", help="fail when one is out of date")
    parser.add_argument("--docs", type=Path, default=DOCS, help="the documentation's directory")
    given = parser.parse_args(arguments)
    if given.write:
        write(given.docs)
    wrong = stale(given.docs)
    for path in wrong:
        sys.stderr.write(f"{path}: out of date. Remedy: python -m streams.contracts --write\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
