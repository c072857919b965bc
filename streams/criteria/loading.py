"""Reading topics from a file: YAML for people, JSON for programs."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
import yaml

from streams.criteria.subqueries import needed
from streams.criteria.topic_files import fail, refuse_comment, subquery
from streams.criteria.topics import Subquery, Topic

_FIELDS: Final = tuple(n for n in Topic.__struct_fields__ if n not in {"line", "queries"})
_SWITCHES: Final = frozenset({"stem", "elision", "urgent"})
_MAX_BYTES: Final = 512 * 1024 * 1024
BOM: Final = b"\xef\xbb\xbf"
_EXAMPLE: Final = "topics:\n  - id: acme\n    query: acme AND (refund OR delay*)"


class _Raw(msgspec.Struct):
    """A JSON file of topics, each still undecoded so that its place is known."""

    topics: list[msgspec.Raw]


def load_topics(path: str | Path) -> list[Topic]:
    """The topics of a YAML or JSON file (by its suffix), in their order.

    Raises `ConfigError` naming file, line and remedy. A query that does not parse is not looked
    at here: `Matcher.disabled` and `veille topics check` tell. 100,000 topics take about a second
    in JSON, half a minute in YAML.
    """
    path = Path(path)
    return topics_in(path, read_topics_file(path))


def topics_in(path: Path, raw: bytes) -> list[Topic]:
    """The topics that `raw`, the contents of a file of that name, holds. Raises `ConfigError`."""
    raw = _readable(path, raw)
    read = _json_items if is_json(path) else _yaml_items
    queries: dict[str, Subquery] = {}
    topics = [_topic(path, line, value, queries) for line, value in read(path, raw, queries)]
    _refuse_twins(path, topics)
    return topics


def is_json(path: Path) -> bool:
    """Whether a file of topics is JSON; all others are YAML."""
    return path.suffix.lower() == ".json"


def read_topics_file(path: Path) -> bytes:
    """All that it holds, whatever that is. Raises `ConfigError`."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            fail(path, 0, "the file is larger than 512 MB", "split it")
        return path.read_bytes()
    except FileNotFoundError:
        fail(path, 0, "there is no such file", "give the path of a file of topics")
    except OSError as error:
        fail(path, 0, f"can't be read ({error.strerror})", "give a file that you may read")


def _readable(path: Path, raw: bytes) -> bytes:
    raw = raw.removeprefix(BOM)
    if not raw.strip():
        fail(path, 1, "the file is empty", f"write at least one topic:\n{_EXAMPLE}")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        fail(path, line, f"byte {raw[error.start]:#04x} is not UTF-8", "save the file as UTF-8")
    return raw


def _json_items(path: Path, raw: bytes, queries: dict[str, Subquery]) -> Iterator[tuple[int, Any]]:
    try:
        outer = msgspec.json.decode(raw)
        places = msgspec.json.decode(raw, type=_Raw).topics
    except msgspec.ValidationError:
        _check_outer(path, 1, outer)
        raise
    except msgspec.DecodeError as error:
        fail(path, _json_line(raw, error), f"not JSON: {error}", "correct the file")
    except RecursionError:
        fail(path, 0, "nested too deeply", "write the topics as a flat list")
    _check_outer(path, 1, outer)
    for name, query in outer.get("queries", {}).items():
        queries[name] = subquery(path, 0, name, query)
    at, line = 0, 1
    for place, value in zip(places, outer["topics"], strict=True):
        found = raw.find(bytes(place), at)
        line += raw.count(b"\n", at, found)
        at = found
        yield line, value


def _json_line(raw: bytes, error: msgspec.DecodeError) -> int:
    """The line of the byte that msgspec names, or the last one where the input just ends."""
    digits = str(error).rpartition("byte ")[2].rstrip(")")
    return raw.count(b"\n", 0, int(digits) if digits.isdigit() else len(raw)) + 1


def _yaml_items(path: Path, raw: bytes, queries: dict[str, Subquery]) -> Iterator[tuple[int, Any]]:
    """Each topic with its line; fills `queries` before the first."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(raw)
    try:
        document = loader.get_single_node()
        outer = _shallow(document)
        _check_outer(path, 1, outer)
        lines = raw.decode().split("\n")
        for name, node in outer.get("queries", {}).items():
            refuse_comment(path, lines, node)
            value = loader.construct_document(node)
            queries[name] = subquery(path, node.start_mark.line + 1, name, value)
        for item in outer["topics"]:
            for node in _queries_in(item):
                refuse_comment(path, lines, node)
            yield item.start_mark.line + 1, loader.construct_document(item)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "can't be read"
        remedy = "put queries into single quotes ('…'), and indent with spaces"
        fail(path, mark.line + 1 if mark else 0, f"not YAML: {problem}", remedy)
    except (RecursionError, ValueError, TypeError) as error:
        fail(path, 0, f"not usable YAML ({type(error).__name__})", f"write:\n{_EXAMPLE}")
    finally:
        loader.dispose()


def _shallow(document: yaml.Node | None) -> Any:
    """The outer mapping, its topics and sub-queries still nodes that know their lines."""
    if not isinstance(document, yaml.MappingNode):
        return None
    outer: dict[str, Any] = {}
    for key, value in document.value:
        outer[key.value] = value.value if isinstance(value, yaml.SequenceNode) else None
        if isinstance(value, yaml.MappingNode):
            outer[key.value] = {name.value: node for name, node in value.value}
    return outer


def _queries_in(topic: yaml.Node) -> list[yaml.Node]:
    if not isinstance(topic, yaml.MappingNode):
        return []
    return [value for key, value in topic.value if key.value == "query"]


def _check_outer(path: Path, line: int, outer: Any) -> None:
    if not isinstance(outer, dict) or not isinstance(outer.get("topics"), list):
        fail(path, line, "there is no list named topics", f"begin the file so:\n{_EXAMPLE}")
    for name in outer:
        if name not in {"topics", "queries"}:
            fail(path, line, f"unknown field {name!r} beside topics and queries", "delete it")
    if not isinstance(outer.get("queries", {}), dict):
        fail(path, line, "queries is no mapping", "write queries: {brand: acme OR acmes}")
    if not outer["topics"]:
        fail(path, line, "the list of topics is empty", f"write at least one:\n{_EXAMPLE}")


def _topic(path: Path, line: int, value: Any, queries: dict[str, Subquery]) -> Topic:
    if not isinstance(value, dict):
        fail(path, line, f"a topic is {_kind(value)}", "write it as fields: id, query, …")
    for name in value:
        if name not in _FIELDS:
            near = get_close_matches(str(name), _FIELDS, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"known are {', '.join(_FIELDS)}"
            fail(path, line, f"unknown field {name!r}", remedy)
    if value.get("id") is None or value["id"] == "":
        fail(path, line, "a topic has no id", "add id: …")
    if "query" not in value:
        fail(path, line, "a topic has no query", "add query: …")
    if value["query"] is None:
        value = {**value, "query": ""}  # it looks for nothing: this topic alone is disabled
    try:
        topic = msgspec.convert({**value, "line": line}, Topic)
    except msgspec.ValidationError as error:
        _wrong_type(path, line, value, error)
    if not queries or not (used := needed(topic.query, queries)):
        return topic
    return msgspec.structs.replace(topic, queries=used)


def _wrong_type(path: Path, line: int, value: Any, error: msgspec.ValidationError) -> NoReturn:
    problem, _, place = str(error).partition(" - at ")
    field = place.strip("`").removeprefix("$.").partition("[")[0] or "topic"
    given = value.get(field)
    remedy = f"in the field {field}, write {_wanted(field)}"
    if isinstance(given, str) and _wanted(field).startswith("a list"):
        remedy = f"write {field}: [{given}]"
    elif not isinstance(given, list | dict | str) and field not in _SWITCHES:
        remedy = f'put it into quotes: {field}: "{given}"'
    fail(path, line, f"{field}: {problem[:1].lower()}{problem[1:]}", remedy)


def _wanted(field: str) -> str:
    if field in {"matches", "rejects"}:
        return "a list of texts, or of mappings of a post's fields"
    if field == "sensitivity":
        return "low, normal or high"
    if field in {"languages", "target", "rules"}:
        return "a list of texts, each in quotes"
    if field in _SWITCHES:
        return "true or false"
    return "AND or OR" if field == "operator" else "a text"


def _kind(value: Any) -> str:
    return {str: "a text", list: "a list", type(None): "empty"}.get(type(value), "a single value")


def _refuse_twins(path: Path, topics: Iterable[Topic]) -> None:
    seen: dict[str, int] = {}
    for topic in topics:
        if topic.id in seen:
            problem = f"the id {topic.id!r} is that of the topic on line {seen[topic.id]}, too"
            fail(path, topic.line, problem, "give one of them another id")
        seen[topic.id] = topic.line
