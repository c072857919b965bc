"""Parquet: parts of one row group each while it lasts, one file at the end.

A Parquet file can't be read before its last bytes are written, and nothing can be added then; so
what is sealed is a file of its own, and the whole is put together from them at the end.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.errors import ConfigError
from streams.exporting.marks import Mark, sync_folder
from streams.exporting.rows import COLUMNS, values
from streams.exporting.sinks import part_of
from streams.records import Mention

_NUMBERS: Final = {"score": "float64", "confidence": "float64"} | dict.fromkeys(
    ("followers", "likes", "reposts", "replies", "views"), "int64"
)
_MORE: Final[dict[str, Callable[[Mention], Any]]] = {
    "story": lambda one: one.story,
    "hashtags": lambda one: one.post.hashtags,
    "tags": lambda one: one.label.tags if one.label else [],
    "rating": lambda one: one.post.rating.value if one.post.rating else None,
    "rating_best": lambda one: one.post.rating.best if one.post.rating else None,
    "place": lambda one: one.post.place.name if one.post.place else None,
    "lat": lambda one: one.post.place.lat if one.post.place else None,
    "lon": lambda one: one.post.place.lon if one.post.place else None,
    "version": lambda one: one.version,
}
"""What no cell of a spreadsheet holds, beside the columns of CSV."""
_FLOATS: Final = ("rating", "rating_best", "lat", "lon")


def arrow() -> Any:
    """PyArrow, imported when it is needed. Raises `ConfigError` where it is not installed."""
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise ConfigError(
            "Parquet needs PyArrow. Remedy: pip install 'veille[parquet]', or --format csv"
        ) from None
    return pa


def schema(pa: Any) -> Any:
    """The columns and their types. Times are in UTC, to the microsecond."""
    types = {
        **{name: getattr(pa, _NUMBERS.get(name, "string"))() for name in COLUMNS},
        "created_at": pa.timestamp("us", tz="UTC"),
        "story": pa.string(),
        "hashtags": pa.list_(pa.string()),
        "tags": pa.list_(pa.string()),
        "place": pa.string(),
        **dict.fromkeys(_FLOATS, pa.float64()),
        "version": pa.int64(),
    }
    return pa.schema([(name, types[name]) for name in (*COLUMNS, *_MORE)])


class ParquetSink:
    """See the module's docstring. Raises `ConfigError` where PyArrow is not installed."""

    def __init__(self, path: Path) -> None:
        self._pa = arrow()
        self._schema = schema(self._pa)
        self._path = path
        self._folder = path.with_name(f"{path.name}.parts")
        self._batches: list[Any] = []

    def open(self, mark: Mark) -> None:
        self._folder.mkdir(exist_ok=True)
        wanted = [self._part(number) for number in range(1, mark.parts + 1)]
        for part in wanted:
            if not part.exists():
                raise ConfigError(
                    f"{part} is not there any more. Remedy: put it back, or start again with "
                    "--overwrite"
                )
        for file in set(self._folder.iterdir()) - set(wanted):
            file.unlink()

    def add(self, mentions: Sequence[Mention]) -> None:
        rows = [[*values(one), *(take(one) for take in _MORE.values())] for one in mentions]
        columns = [
            self._pa.array(column, field.type)
            for column, field in zip(zip(*rows, strict=True), self._schema, strict=True)
        ]
        self._batches.append(self._pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def seal(self, mark: Mark) -> Mark:
        if not self._batches and mark.parts:
            return mark
        table = self._pa.Table.from_batches(self._batches, self._schema)
        self._batches = []
        part = self._part(mark.parts + 1)
        new = part.with_suffix(".new")
        self._pa.parquet.write_table(table, new, compression="zstd", row_group_size=len(table) or 1)
        _sync(new)
        new.replace(part)
        sync_folder(self._folder)
        return msgspec.structs.replace(mark, parts=mark.parts + 1)

    def finish(self) -> None:
        """One row group of the parts in memory at a time."""
        parts = sorted(self._folder.glob("*.parquet"))
        whole = part_of(self._path)
        with self._pa.parquet.ParquetWriter(whole, self._schema, compression="zstd") as writer:
            for part in parts:
                table = self._pa.parquet.read_table(part, memory_map=False)
                writer.write_table(table, row_group_size=len(table) or 1)
        _sync(whole)
        whole.replace(self._path)
        sync_folder(self._path.parent)

    def close(self) -> None:
        self._batches = []

    def forget(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        part_of(self._path).unlink(missing_ok=True)

    def _part(self, number: int) -> Path:
        return self._folder / f"{number:06}.parquet"


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
