"""A filter as SQL, and which index answers it.

SQLite knows nothing of how many rows a condition leaves, so it is told. Where few are left, they
are taken one by one; where many are, an index is walked that holds what is counted by.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from streams.store import text
from streams.store.port import NOBODY, Filter
from streams.store.rules import handle_key, millis, tag_key, url_hash
from streams.store.sqlite_rows import name_of, short_hash

FEW: Final = 3_000
"""So many rows are read and sorted as quickly as a page is found among many."""
SOME: Final = 50_000
"""So many rows are read one by one as quickly as an index of a million is walked."""
_SIZE: Final = "SELECT count(*) FROM ({})"
_WORDS: Final = "SELECT rowid FROM words WHERE words MATCH ?"
_NAMES: Final = "SELECT rowid FROM names WHERE names MATCH ?"
_AMONG: Final = "EXISTS (SELECT 1 FROM json_each({}) WHERE value = ?)"


class Where:
    """A filter as SQL: conditions with their parameters."""

    def __init__(self, where: Filter) -> None:
        self._conditions: list[str] = []
        self.values: list[Any] = []
        self._sets: list[tuple[str, list[Any]]] = []
        """Queries for the numbers of rows that alone can match."""
        self._index = "mentions_topic" if where.topics else "mentions_created"
        self._rare = ""
        """The index of what only a few rows have."""
        self._lists(where)
        self._texts(where)
        if where.since:
            self.add("created >= ?", millis(where.since))
        if where.until:
            self.add("created < ?", millis(where.until))
        self._flags(where)

    def add(self, condition: str, *values: Any) -> None:
        """One more condition that must hold."""
        self._conditions.append(condition)
        self.values.extend(clean(v) if isinstance(v, str) else v for v in values)

    @property
    def sql(self) -> str:
        """`WHERE …`, or nothing."""
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""

    def table(self, db: sqlite3.Connection) -> str:
        """What to count from."""
        return self.narrow(db, SOME) or f"mentions INDEXED BY {self._index}"

    def narrow(self, db: sqlite3.Connection, most: int = FEW) -> str:
        """What to select from where words, names or an index of few rows leave `most` at most;
        empty where nothing does."""
        if any(_few(db, query, values, most) for query, values in self._sets):
            return "mentions NOT INDEXED"
        return f"mentions INDEXED BY {self._rare}" if self._rare else ""

    def rows(self, db: sqlite3.Connection, where: Filter) -> str:
        """What to read whole rows from: those that words or names leave, or those between the
        filter's times, whichever are fewer. Empty where an index of all is better walked."""
        if found := self.narrow(db, SOME):
            return found
        sizes = [db.execute(_SIZE.format(q), values).fetchone()[0] for q, values in self._sets]
        if _fits(db, where, min(sizes, default=SOME)):
            return f"mentions INDEXED BY {self._index}"
        return "mentions NOT INDEXED" if sizes else ""

    @property
    def by_words(self) -> bool:
        """Whether words or names tell which rows can match."""
        return bool(self._sets)

    def _lists(self, where: Filter) -> None:
        columns: list[tuple[str, Sequence[str]]] = [
            ("topic", where.topics),
            ("tone", where.sentiments),
            ("lang", where.langs),
            ("source", where.sources),
            ("country", where.countries),
            ("kind", where.kinds),
        ]
        for column, wanted in columns:
            if len(wanted) == 1:
                self.add(f"{column} = ?", wanted[0])
            elif wanted:
                listed = msgspec.json.encode([clean(value) for value in wanted]).decode()
                self.add(f"{column} IN (SELECT value FROM json_each(?))", listed)  # noqa: S608 # our own names

    def _flags(self, where: Filter) -> None:
        if where.hidden != "any":
            self.add(f"hidden = {int(where.hidden == 'only')}")
        if where.hidden == "only":
            self._rare = "mentions_hidden"
        if where.work:
            self.add(f"done = {int(where.work == 'done')}")
        if where.judged is not None:
            self.add(f"judged = {int(where.judged)}")
            self._rare = "mentions_judged" if where.judged else self._rare
        if where.assigned == NOBODY:
            self.add("assigned = ''")
        elif where.assigned:
            self.add("assigned <> '' AND assigned = ?", where.assigned)
            self._rare = "mentions_assigned"
        if where.tag:
            self.add(f"tags <> '[]' AND {_AMONG.format('tags')}", tag_key(where.tag))
            self._rare = "mentions_tagged"
        if where.least_followers > 0:
            self.add("followers >= ?", min(where.least_followers, 2**62))

    def _texts(self, where: Filter) -> None:
        if where.post_id:
            self.add("post_id = ?", where.post_id)
            self._named(f"p{short_hash(where.post_id):x}")
        if where.author:
            values = (handle_key(where.author), where.author, where.author)
            self.add("(handle = ? OR author_id = ? OR author = ?)", *values)
            bare = where.author.partition(":")[2]
            ways = {handle_key(where.author), where.author, handle_key(bare), bare} - {""}
            self._named(*(name_of("a", clean(way)) for way in sorted(ways)))
        if where.hashtag:
            self.add(_AMONG.format("hashtags"), tag_key(where.hashtag))
        if where.story:
            self.add("story = ?", where.story)
            self._named(name_of("s", clean(where.story)))
        if where.url:
            url = url_hash(where.url)
            self.add("url_key = ?", int(url, 16))
            self._named(f"u{url}")
        if where.thread:
            key = short_hash(where.thread)
            self.add("? IN (post_key, thread_key, parent_key, repost_key)", key)
            self._named(f"p{key:x}", f"t{key:x}")
        if terms := text.parse(where.text):
            self._among(_WORDS, " ".join(map(_match, terms)))

    def _named(self, *names: str) -> None:
        self._among(_NAMES, " OR ".join(names))

    def _among(self, query: str, *values: Any) -> None:
        self._sets.append((query, list(values)))
        self.add(f"seq IN ({query})", *values)


def _match(term: text.Term) -> str:
    return f'"{" ".join(term.words)}"{" *" if term.prefix else ""}'


def clean(value: str) -> str:
    """Without lone surrogates, which SQLite refuses; no stored text has any."""
    return value.encode("utf-8", "replace").decode()


def _fits(db: sqlite3.Connection, where: Filter, most: int) -> bool:
    """Whether so few rows at most are of the filter's topics and times."""
    rough = Where(Filter(topics=where.topics, since=where.since, until=where.until, hidden="any"))
    query = f"SELECT 1 FROM mentions INDEXED BY {rough._index} {rough.sql}"  # noqa: S608 # bound
    return _few(db, query, rough.values, most)


def _few(db: sqlite3.Connection, query: str, values: Sequence[Any], most: int) -> bool:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM ({query}) LIMIT {most + 1})"  # noqa: S608 # our own SQL
    return bool(db.execute(sql, list(values)).fetchone()[0] <= most)
