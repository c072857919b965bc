"""How far an export has come, kept beside its file so that it can go on after a break."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.errors import ConfigError
from streams.store.port import Filter

FORM: Final = 1
"""Of the file of marks."""


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is safely on the disk: `rows` mentions, in `size` bytes or `parts` files; `cursor` is
    the store's for those that follow. `read`: none follow."""

    rows: int = 0
    size: int = 0
    parts: int = 0
    cursor: str = ""
    read: bool = False


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One export: of which store, what the options were, and the filter as they were read then
    (`--since 24h` means the 24 hours before it began, also when it goes on tomorrow)."""

    store: str
    format: str
    options: dict[str, Any]
    where: Filter
    mark: Mark = Mark()
    form: int = FORM


def marks_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.resume")


def load(path: Path) -> Job | None:
    """Of the export into `path` that was cut; `None` where none was. Raises `ConfigError`."""
    file = marks_of(path)
    try:
        job = msgspec.json.decode(file.read_bytes(), type=Job)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{file}: can't be read: {error}. Remedy: --overwrite") from None
    if job.form != FORM:
        raise ConfigError(f"{file}: of another version of Veille. Remedy: --overwrite")
    return job


def same(kept: Job, asked: Job, path: Path) -> None:
    """Raises `ConfigError` that names the first thing in which the two differ."""
    before = {"the store": kept.store, "--format": kept.format, **kept.options}
    now = {"the store": asked.store, "--format": asked.format, **asked.options}
    for name in dict.fromkeys([*before, *now]):
        if before.get(name) != now.get(name):
            raise ConfigError(
                f"the export into {path} that was cut is another: {name} was "
                f"{before.get(name)!r}, and is {now.get(name)!r}. "
                "Remedy: the same options as then, another --out, or --overwrite"
            )


def save(path: Path, job: Job) -> None:
    """At once and for good: who is cut off now finds this mark, or the one before."""
    file = marks_of(path)
    new = file.with_name(f"{file.name}.new")
    with new.open("wb") as opened:
        opened.write(msgspec.json.encode(job))
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
    sync_folder(file.parent)


def drop(path: Path) -> None:
    marks_of(path).unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in it as durable as the files are."""
    with contextlib.suppress(OSError):  # not on Windows
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Nobody else exports into `path` for as long as the block runs. Raises `ConfigError`."""
    try:
        import fcntl  # noqa: PLC0415  # not on Windows
    except ImportError:
        yield
        return
    lock = path.with_name(f".{path.name}.lock")
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(handle), lock.stat()):
                raise BlockingIOError  # who had it removed it just now, and another came
        except OSError:
            said = f"another export writes {path} just now. Remedy: wait for it, or another --out"
            raise ConfigError(said) from None
        yield
        lock.unlink(missing_ok=True)
    finally:
        os.close(handle)
