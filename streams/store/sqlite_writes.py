"""Writing a batch into the SQLite store, in one transaction.

Everything that can be worked out without the database is worked out before the lock is taken.
"""

import sqlite3
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec

from streams.records import Label, Mention, Record, Retraction
from streams.store import rules
from streams.store.erasures import KIND as ERASURE
from streams.store.erasures import Erased
from streams.store.hiding import KIND as HIDDEN
from streams.store.hiding import Ledger
from streams.store.port import Rejected, RejectedLabel, WriteReport
from streams.store.sqlite_queries import last_seq, use_seq
from streams.store.sqlite_rows import COLUMNS, Ready, names, ready, short_hash, words

_INSERT: Final = f"INSERT INTO mentions (seq, {', '.join(COLUMNS)}) VALUES (?{',?' * len(COLUMNS)})"  # noqa: S608 # our own names
_INDEX: Final = "INSERT INTO words (rowid, title, text) VALUES (?, ?, ?)"
_NAME: Final = "INSERT INTO names (rowid, name) VALUES (?, ?)"
_UNNAME: Final = "INSERT INTO names (names, rowid, name) VALUES ('delete', ?, ?)"
_UNINDEX: Final = "INSERT INTO words (words, rowid, title, text) VALUES ('delete', ?, ?, ?)"

_decoder = msgspec.json.Decoder(Mention)
_marks_decoder = msgspec.json.Decoder(list[rules.Watermark])
_label_decoder = msgspec.json.Decoder(Label)


class Batch:
    """Records made ready for `apply`, which may be tried again."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.rejected: list[Rejected] = []
        self.mentions: list[Ready] = []
        self.retractions: list[Retraction] = []
        for record in records:
            if reason := rules.objection(record):
                self.rejected.append(Rejected(record, reason))
            elif isinstance(record, Retraction):
                self.retractions.append(record)
            else:
                self._add(record)

    def _add(self, mention: Mention) -> None:
        kept = rules.tombstone(mention, mention.version) if mention.deleted else mention
        body, reason = rules.body(kept)
        if reason:
            self.rejected.append(Rejected(mention, reason))
        else:
            self.mentions.append(ready(kept, body))

    def apply(self, db: sqlite3.Connection) -> WriteReport:
        """Write all of it or, at an error, nothing."""
        db.execute("BEGIN IMMEDIATE")
        try:
            report = _Write(db, self).run()
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return report


class _Ledgers(msgspec.Struct):
    """What staff said of mentions, authors and sources."""

    labels: dict[str, Label]
    erased: Erased
    hidden: Ledger

    def __bool__(self) -> bool:
        return bool(self.labels or self.erased or self.hidden)

    def composed(self, made: Ready) -> Ready:
        """The mention with its label; one of an erased author as a tombstone."""
        mention = rules.labelled(made.mention, self.labels.get(made.mention.id))
        if mention.deleted or self.erased.covers(mention.post):
            mention = rules.tombstone(mention, mention.version)
        hidden = self.hidden.covers(mention.post)
        if mention == made.mention and hidden == made.hidden:
            return made
        return ready(mention, rules.body(mention)[0], hidden=hidden)


class _Write:
    """One transaction's work and what it knows of the rows it touches."""

    def __init__(self, db: sqlite3.Connection, batch: Batch) -> None:
        self._db = db
        self._batch = batch
        self._mentions = batch.mentions
        """As composed with what labels and erasures are known now."""
        self._marks: dict[str, list[rules.Watermark]] = {}
        self._versions: dict[str, int] = {}
        self._live: dict[str, int] = {}
        """The number of each mention's present row."""
        self._pending: dict[str, Ready] = {}
        self._retracted = 0

    def run(self) -> WriteReport:
        self._load_marks()
        self._retract()
        self._load_versions()
        self._compose()
        stale = sum(not self._accept(one) for one in self._mentions)
        self._flush()
        deleted = sum(one.mention.deleted for one in self._pending.values())
        return WriteReport(
            stored=len(self._mentions) - stale,
            stale=stale,
            retracted=self._retracted + deleted,
            rejected=self._batch.rejected,
        )

    def _load_marks(self) -> None:
        posts = {one.mention.post.id for one in self._batch.mentions}
        posts |= {retraction.post_id for retraction in self._batch.retractions}
        sql = """SELECT post_id, marks FROM retractions
            WHERE post_id IN (SELECT value FROM json_each(?))"""
        for post_id, marks in self._db.execute(sql, [_listed(posts)]):
            self._marks[post_id] = _marks_decoder.decode(marks)

    def _retract(self) -> None:
        now = int(time.time())
        touched = dict.fromkeys(r.post_id for r in self._batch.retractions)
        for retraction in self._batch.retractions:
            known = self._marks.get(retraction.post_id, [])
            self._marks[retraction.post_id] = rules.remember(known, retraction)
        rows = [(post, msgspec.json.encode(self._marks[post]), now) for post in touched]
        self._db.executemany("INSERT OR REPLACE INTO retractions VALUES (?, ?, ?)", rows)
        for post_id in touched:
            self._bury(post_id)

    def _bury(self, post_id: str) -> None:
        """Turn this post's mentions that a retraction kills into tombstones."""
        marks = self._marks[post_id]
        sql = """SELECT seq, topic, content, version, body FROM mentions
            WHERE seq IN (SELECT rowid FROM names WHERE names MATCH ?) AND post_id = ?"""
        name = f"p{short_hash(post_id):x}"
        rows = self._db.execute(sql, [name, post_id]).fetchall()
        for seq, topic, content, version, body in rows:
            if not rules.killed(marks, topic, content):
                continue
            mention = _decoder.decode(body)
            remove_rows(self._db, [(seq, mention)])
            last = rules.killing_version(marks, topic, content, version)
            self._keep_tombstones([rules.tombstone(mention, last)])
            self._retracted += 1

    def _load_versions(self) -> None:
        wanted = {one.mention.id: one.row[0] for one in self._batch.mentions}
        sql = "SELECT id, version FROM tombstones WHERE id IN (SELECT value FROM json_each(?))"
        self._versions.update(self._db.execute(sql, [_listed(wanted)]))
        sql = "SELECT id, version, seq FROM mentions WHERE key IN (SELECT value FROM json_each(?))"
        for id_, version, seq in self._db.execute(sql, [_listed(wanted.values())]):
            if id_ in wanted:
                self._versions[id_], self._live[id_] = version, seq

    def _compose(self) -> None:
        """Give each mention its label, blank those of erased authors, hide those of hidden ones."""
        ids = {one.mention.id for one in self._mentions}
        ledgers = _Ledgers(read_labels(self._db, ids), read_erased(self._db), read_hidden(self._db))
        if ledgers:
            self._mentions = [ledgers.composed(one) for one in self._mentions]

    def _accept(self, made: Ready) -> bool:
        """Whether it wins over what is known; the row is written by `_flush`."""
        mention = made.mention
        marks = self._marks.get(mention.post.id)
        if marks and rules.killed(marks, mention.topic, made.content):
            return False
        if mention.version < self._versions.get(mention.id, 0):
            return False
        self._versions[mention.id] = mention.version
        self._pending[mention.id] = made
        return True

    def _flush(self) -> None:
        self._remove_replaced()
        living = [one for one in self._pending.values() if not one.mention.deleted]
        first = last_seq(self._db) + 1
        self._db.executemany(_INSERT, [(n, *r.row) for n, r in enumerate(living, first)])
        self._db.executemany(_INDEX, [(n, *r.words) for n, r in enumerate(living, first)])
        self._db.executemany(_NAME, [(n, r.names) for n, r in enumerate(living, first)])
        dead = [one.mention for one in self._pending.values() if one.mention.deleted]
        self._keep_tombstones(dead)

    def _remove_replaced(self) -> None:
        known = [(id_,) for id_ in self._pending if id_ in self._versions]
        self._db.executemany("DELETE FROM tombstones WHERE id = ?", known)
        replaced = [self._live[id_] for id_ in self._pending if id_ in self._live]
        sql = "SELECT seq, body FROM mentions WHERE seq IN (SELECT value FROM json_each(?))"
        rows = self._db.execute(sql, [_listed(replaced)]).fetchall() if replaced else []
        remove_rows(self._db, [(seq, _decoder.decode(body)) for seq, body in rows])

    def _keep_tombstones(self, dead: Sequence[Mention]) -> None:
        if not dead:
            return
        first = last_seq(self._db) + 1
        rows = [(m.id, m.version, rules.body(m)[0], n) for n, m in enumerate(dead, first)]
        self._db.executemany("INSERT OR REPLACE INTO tombstones VALUES (?, ?, ?, ?)", rows)
        use_seq(self._db, first + len(dead) - 1)


class LabelBatch:
    """Staff labels for the ledger, and the mentions they are about composed anew."""

    def __init__(self, labels: Iterable[Label]) -> None:
        self.rejected: list[RejectedLabel] = []
        self._labels: dict[str, Label] = {}
        for label in labels:
            if reason := rules.label_objection(label):
                self.rejected.append(RejectedLabel(label, reason))
            elif rules.outranks(label, self._labels.get(label.mention_id)):
                self._labels[label.mention_id] = label

    def apply(self, db: sqlite3.Connection) -> list[RejectedLabel]:
        """Write all of it or, at an error, nothing."""
        db.execute("BEGIN IMMEDIATE")
        try:
            self._write(db)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return self.rejected

    def _write(self, db: sqlite3.Connection) -> None:
        known = read_labels(db, self._labels)
        new = {id_: one for id_, one in self._labels.items() if rules.outranks(one, known.get(id_))}
        rows = [(id_, msgspec.json.encode(label)) for id_, label in new.items()]
        db.executemany("INSERT OR REPLACE INTO labels VALUES (?, ?)", rows)
        _Write(db, Batch(_stored(db, new))).run()


def _stored(db: sqlite3.Connection, ids: Collection[str]) -> list[Mention]:
    """The mentions of these ids as they are kept, tombstones too."""
    sql = "SELECT body FROM tombstones WHERE id IN (SELECT value FROM json_each(?))"
    rows = db.execute(sql, [_listed(ids)]).fetchall()
    sql = "SELECT body FROM mentions WHERE key IN (SELECT value FROM json_each(?))"
    rows += db.execute(sql, [_listed(map(short_hash, ids))]).fetchall()
    found = [_decoder.decode(body) for (body,) in rows]
    return [mention for mention in found if mention.id in ids]


def remove_rows(db: sqlite3.Connection, rows: Sequence[tuple[int, Mention]]) -> None:
    """Rows and their words: what a deleted post said can't be found any more."""
    db.executemany("DELETE FROM mentions WHERE seq = ?", [(seq,) for seq, _ in rows])
    db.executemany(_UNINDEX, [(seq, *words(mention)) for seq, mention in rows])
    db.executemany(_UNNAME, [(seq, names(mention)) for seq, mention in rows])


def read_labels(db: sqlite3.Connection, ids: Collection[str]) -> dict[str, Label]:
    """The ledger's labels of these mentions."""
    sql = "SELECT body FROM labels WHERE mention_id IN (SELECT value FROM json_each(?))"
    found = [_label_decoder.decode(body) for (body,) in db.execute(sql, [_listed(ids)])]
    return {label.mention_id: label for label in found}


def read_erased(db: sqlite3.Connection) -> Erased:
    """Who was erased."""
    rows = db.execute("SELECT key, value FROM states WHERE kind = ?", [ERASURE])
    return Erased.of({key: msgspec.json.decode(value) for key, value in rows})


def read_hidden(db: sqlite3.Connection) -> Ledger:
    """Which authors and sources are hidden."""
    rows = db.execute("SELECT key, value FROM states WHERE kind = ?", [HIDDEN])
    return Ledger.of({key: msgspec.json.decode(value) for key, value in rows})


def _listed(values: Iterable[Any]) -> str:
    return msgspec.json.encode(list(values)).decode()


def prune(db: sqlite3.Connection) -> None:
    """Forget retractions that no late version can meet any more."""
    oldest = int(time.time()) - rules.WATERMARK_DAYS * 86_400
    db.execute("DELETE FROM retractions WHERE written < ?", [oldest])
