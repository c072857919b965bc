"""The new mentions beside the old ones: a file that holds what a run found until it is applied."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from streams.errors import ConfigError
from streams.records import Mention
from streams.reprocessing.difference import Difference, Kind

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS changes (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""
_decoder = msgspec.json.Decoder(Mention)


class Stage:
    """One topic's. `key` tells which query, model and time the run was of: what another run left
    behind is thrown away."""

    def __init__(self, directory: Path, topic: str, key: str) -> None:
        name = hashlib.blake2b(topic.encode("utf-8", "replace"), digest_size=8).hexdigest()
        self.path = directory / f"reprocess-{name}.sqlite3"
        self._key = key
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._db.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"{self.path}: {error}. Remedy: name a data_dir you may write to (VEILLE_DATA_DIR)"
            ) from error

    def close(self) -> None:
        self._db.close()

    def begun(self) -> Difference | None:
        """How far the same run has come."""
        row = self._db.execute("SELECT body FROM run WHERE key = ?", [self._key]).fetchone()
        return msgspec.json.decode(row[0], type=Difference) if row else None

    def clear(self) -> None:
        """Forget whatever is there."""
        self._db.executescript("DELETE FROM changes; DELETE FROM run;")

    def save(self, difference: Difference, changed: Iterable[tuple[Kind, Mention]]) -> None:
        """Both or, at an error, neither. What is lost is told by a deleted mention."""
        rows = [(one.id, kind, msgspec.json.encode(one)) for kind, one in changed]
        self._db.execute("BEGIN")
        try:
            self._db.executemany("INSERT OR REPLACE INTO changes VALUES (?, ?, ?)", rows)
            run = (self._key, msgspec.json.encode(difference))
            self._db.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", run)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def changed(self) -> Iterator[tuple[Kind, Mention]]:
        """All of them, by id."""
        for kind, body in self._db.execute("SELECT kind, body FROM changes ORDER BY id"):
            yield kind, _decoder.decode(body)
