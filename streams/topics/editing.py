"""Changes of a file of topics: read, changed, checked to be what was meant, written whole.

Every change says what it was made from. If that is another by now, nothing is written, and who
asked is told both.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from streams.alerts.watching import check as check_rules
from streams.criteria.loading import BOM, is_json, read_topics_file, topics_in
from streams.criteria.matcher import anchored
from streams.criteria.topic_files import fail
from streams.criteria.topics import Topic
from streams.errors import ConfigError, QueryError
from streams.topics.json_layout import JsonLayout
from streams.topics.keeping import locked, write
from streams.topics.layout import FIELDS, Block, Changes, Layout, Value, digest, fields_of
from streams.topics.yaml_layout import YamlLayout

_REMEMBERED: Final = 2_000
"""Blocks by their digest, for who made a change of one that is another by now."""


class Conflict(ConfigError):
    """The topic is another than the one that the change was made from.

    `base` is what it was made from, if it is still known, and `made_from` its digest; `theirs` is
    what stands there now, empty if it was removed.
    """

    def __init__(self, topic: str, base: str | None, theirs: str, made_from: str = "") -> None:
        what = "was changed" if theirs else "was removed"
        super().__init__(
            f"the topic {topic} {what} meanwhile. Remedy: look at both, and save again"
        )
        self.topic = topic
        self.base = base
        self.theirs = theirs
        self.made_from = made_from


class Unknown(ConfigError):
    """There is no such topic in the file."""


class Edit(msgspec.Struct, frozen=True):
    """What was done to one topic: its text before and after, empty where there was none.

    `stamp` is that of the file after it (ns since 1970).
    """

    topic: str
    before: str
    after: str
    stamp: int = 0


class Snapshot:
    """What a file of topics held when it was read."""

    def __init__(self, path: Path, raw: bytes, stamp: int = 0) -> None:
        self.path = path
        self.raw = raw
        self.stamp = stamp
        self.topics: Sequence[Topic] = topics_in(path, raw)

    @property
    def text(self) -> str:
        return self.raw.removeprefix(BOM).decode()

    @cached_property
    def layout(self) -> Layout:
        try:
            return JsonLayout(self.text) if is_json(self.path) else YamlLayout(self.text)
        except (ValueError, KeyError, IndexError, StopIteration, RecursionError):
            remedy = "edit the file itself"
            fail(self.path, 0, "it is written in a way that can't be edited from here", remedy)

    @cached_property
    def blocks(self) -> Mapping[str, Block]:
        """Where each topic stands, by its id."""
        found = zip(self.topics, self.layout.blocks, strict=True)
        return {topic.id: block for topic, block in found}

    @cached_property
    def by_id(self) -> Mapping[str, Topic]:
        return {topic.id: topic for topic in self.topics}

    def bytes_of(self, text: str) -> bytes:
        """A whole text as this file holds it."""
        return (BOM if self.raw.startswith(BOM) else b"") + text.encode()


class TopicsEditor:
    """One file of topics. For several threads and processes at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reading = threading.Lock()
        self._last: tuple[tuple[int, int, int], Snapshot] | None = None
        self._seen: tuple[int, int, int] | None = None
        self._known: OrderedDict[str, str] = OrderedDict()

    def read(self) -> Snapshot:
        """What the file holds now. Raises `ConfigError`."""
        with self._reading:
            looks = self._seen = self._looks()
            if self._last is None or looks is None or self._last[0] != looks:
                snapshot = Snapshot(
                    self.path, read_topics_file(self.path), looks[0] if looks else 0
                )
                self._last = (looks or (0, 0, 0), snapshot)
            return self._last[1]

    def changed(self) -> bool:
        """Whether the file looks other than when it was read last, or could not be read."""
        looks = self._looks()
        return looks is not None and looks != self._seen

    def _looks(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def block(self, topic: str) -> Block:
        """One topic as it is written now, remembered as what a change may be made from. Raises
        `Unknown`."""
        block = self.read().blocks.get(topic)
        if block is None:
            raise Unknown(f"{self.path}: no topic {topic!r}. Remedy: look at the list of topics")
        self.remember(block.text)
        return block

    def remember(self, text: str) -> None:
        self._known[digest(text)] = text
        self._known.move_to_end(digest(text))
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def known(self, base: str) -> str | None:
        """The text of a digest, if it was read or written a while ago."""
        return self._known.get(base)

    def save(self, topic: str, fields: Mapping[str, Value], *, base: str) -> Edit:
        """Give a topic these fields, all that differ from what is usual; `base` is the digest of
        what they were made from. Raises `Conflict`, `Unknown`, `ConfigError`."""
        _refuse_unwritable(fields)
        with locked(self.path) as file:
            now = self._now(file)
            block = self._same(now, topic, base)
            old = now.by_id[topic]
            meant = plain_topic({**fields, "id": topic})
            changes = _changes(old, meant)
            if not changes:
                return Edit(topic, block.text, block.text, now.stamp)
            if "query" in changes:
                _refuse_query(now, meant)
            return self._written(file, now, now.layout.changed(block, changes), topic, meant)

    def add(self, fields: Mapping[str, Value]) -> Edit:
        """One more topic. Raises `ConfigError`, also for an id that is taken."""
        _refuse_unwritable(fields)
        meant = plain_topic(fields)
        with locked(self.path) as file:
            now = self._now(file)
            if meant.id in now.by_id:
                raise ConfigError(f"there is a topic {meant.id} already. Remedy: choose another id")
            _refuse_query(now, meant)
            return self._written(file, now, now.layout.added(fields_of(meant)), meant.id, meant)

    def remove(self, topic: str, *, base: str) -> Edit:
        """Raises `Conflict`, `Unknown`, and `ConfigError` for the last one."""
        with locked(self.path) as file:
            now = self._now(file)
            block = self._same(now, topic, base)
            if len(now.topics) == 1:
                raise ConfigError(
                    f"{topic} is the only topic, and a file without topics is none. Remedy: add "
                    "another first, or stop Veille"
                )
            return self._written(file, now, now.layout.removed(block), topic, None)

    def restore(self, topic: str, text: str, *, base: str) -> Edit:
        """Write a topic as it was written once; `base` is empty where it is not there now."""
        _refuse_unwritable({"query": text})
        with locked(self.path) as file:
            now = self._now(file)
            meant = _read_block(self.path, text)
            if topic not in now.blocks and not base:
                new = now.layout.added_text(text) if _fits(now, text) else None
                new = new or now.layout.added(fields_of(meant))
            else:
                block = self._same(now, topic, base)
                if _fits(now, text):
                    new = now.layout.replaced(block, text)
                else:
                    new = now.layout.changed(block, _changes(now.by_id[topic], meant))
            return self._written(file, now, new, topic, meant)

    def replace(self, raw: bytes, *, base: str) -> list[Edit]:
        """The whole file; `base` is the digest of what it held. Raises `Conflict`,
        `ConfigError`."""
        with locked(self.path) as file:
            now = self._now(file)
            if digest_of(now.raw) != base:
                raise Conflict("topics file", None, "it")
            after = Snapshot(self.path, raw)
            check_rules(after.topics, self.path)
            looks = write(file, raw, was=now.raw)
            return compared(now, Snapshot(self.path, raw, looks.st_mtime_ns))

    def _now(self, file: Path) -> Snapshot:
        return Snapshot(self.path, file.read_bytes(), file.stat().st_mtime_ns)

    def _same(self, now: Snapshot, topic: str, base: str) -> Block:
        block = now.blocks.get(topic)
        if block is None or block.digest != base:
            raise Conflict(topic, self.known(base), block.text if block else "", base)
        return block

    def _written(
        self, file: Path, now: Snapshot, text: str, topic: str, meant: Topic | None
    ) -> Edit:
        """Check that the text holds the intended change alone, and write it."""
        raw = now.bytes_of(text)
        try:
            after = Snapshot(self.path, raw)
        except ConfigError as error:
            raise ConfigError(f"nothing was changed: the file would not load.\n{error}") from None
        _refuse_other_changes(now, after, topic, meant)
        check_rules([one for one in after.topics if one.id == topic], self.path)
        looks = write(file, raw, was=now.raw)
        before = now.blocks[topic].text if topic in now.blocks else ""
        written = after.blocks[topic].text if topic in after.blocks else ""
        for one in (before, written):
            self.remember(one)
        return Edit(topic, before, written, looks.st_mtime_ns)


def compared(before: Snapshot, after: Snapshot) -> list[Edit]:
    """What became of each topic between two versions of a file, by their texts."""
    names = dict.fromkeys([*before.blocks, *after.blocks])
    texts = ((n, _text(before, n), _text(after, n)) for n in names)
    return [Edit(name, a, b, after.stamp) for name, a, b in texts if a != b]


def _text(snapshot: Snapshot, topic: str) -> str:
    block = snapshot.blocks.get(topic)
    return block.text if block else ""


def compared_with(editor: TopicsEditor, raw: bytes) -> list[Edit]:
    """What another file would change. Raises `ConfigError` if it can't be read."""
    after = Snapshot(editor.path, raw)
    check_rules(after.topics, editor.path)
    return compared(editor.read(), after)


def topic_in(path: Path, text: str) -> Topic | None:
    """The topic that the text of a block says, `None` where it needs more of its file."""
    try:
        return _read_block(path, text)
    except ConfigError:
        return None


def digest_of(raw: bytes) -> str:
    """Of a whole file."""
    return digest(raw.decode("utf-8", "surrogateescape"))


def checked(fields: Mapping[str, Any], now: Snapshot) -> Topic:
    """The topic that these fields make, with the sub-queries of the file. Raises `ConfigError`."""
    return _with_queries(now, plain_topic(fields))


def plain_topic(fields: Mapping[str, Any]) -> Topic:
    """A topic of these fields alone. Raises `ConfigError` naming the field that is wrong."""
    rows = {name: value for name, value in fields.items() if value not in ("", None, [])}
    rows.setdefault("query", "")
    raw = msgspec.json.encode({"topics": [rows]})
    return msgspec.structs.replace(_alone("topic.json", raw), line=0)


def _alone(name: str, raw: bytes) -> Topic:
    """The one topic of a file that is none; errors do not speak of its name."""
    try:
        return topics_in(Path(name), raw)[0]
    except ConfigError as error:
        raise ConfigError(re.sub(rf"^{re.escape(name)}(:\d+)?: ", "", str(error))) from None


def _read_block(path: Path, text: str) -> Topic:
    """A topic by the text of its block alone. Raises `ConfigError`."""
    json_like = text.startswith("{") and is_json(path)
    name = "topic.json" if json_like else "topic.yaml"
    whole = f'{{"topics": [{text}]}}' if json_like else f"topics:\n{text}\n"
    if not json_like and not text.startswith("- "):
        whole = f"topics: [{text}]\n"
    return _alone(name, whole.encode())


def _fits(now: Snapshot, text: str) -> bool:
    """Whether a block's text can stand among those that the file has."""
    return text[:1] == now.layout.blocks[0].text[:1]


def _changes(old: Topic, new: Topic) -> Changes:
    usual = Topic(id="", query="")
    return {
        name: None if value == getattr(usual, name) and name != "query" else value
        for name in FIELDS
        if not _equal(value := getattr(new, name), getattr(old, name))
    }


def _equal(a: object, b: object) -> bool:
    order: Literal["deterministic"] = "deterministic"
    return msgspec.json.encode(a, order=order) == msgspec.json.encode(b, order=order)


def _refuse_unwritable(fields: Mapping[str, Any]) -> None:
    try:
        msgspec.json.encode(fields).decode()
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError):
        raise ConfigError(
            "half a character can't be written to a file. Remedy: delete it and type it again"
        ) from None


def _with_queries(now: Snapshot, topic: Topic) -> Topic:
    """The topic with the sub-queries that it would find in the file."""
    queries = {name: one for other in now.topics for name, one in other.queries.items()}
    return msgspec.structs.replace(topic, queries=queries)


def _refuse_query(now: Snapshot, topic: Topic) -> None:
    try:
        anchored(_with_queries(now, topic))
    except QueryError as error:
        raise QueryError(
            f"nothing was saved: a topic with this query would find nothing.\n{error}",
            query=error.query,
            column=error.column,
            at=error.at,
        ) from None


def _refuse_other_changes(
    before: Snapshot, after: Snapshot, topic: str, meant: Topic | None
) -> None:
    """Raises `ConfigError` unless the one topic is as meant and every other is as it was."""
    others = [_plain(one) for one in before.topics if one.id != topic]
    now = [_plain(one) for one in after.topics if one.id != topic]
    found = after.by_id.get(topic)
    right = found is None if meant is None else found is not None and not _changes(found, meant)
    if others == now and right:
        return
    pairs = zip(others, now, strict=False)
    touched = next((a.id for a, b in pairs if a != b), "")
    why = (
        f"the topic {touched} would change, too" if touched else "the file would hold another topic"
    )
    raise ConfigError(
        f"nothing was changed: {why}, for they share what is written once (an anchor). Remedy: "
        "edit the file itself"
    )


def _plain(topic: Topic) -> Topic:
    """Without its place in the file."""
    queries = {n: msgspec.structs.replace(q, line=0) for n, q in topic.queries.items()}
    return msgspec.structs.replace(topic, line=0, queries=queries)
