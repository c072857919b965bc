"""A file that several may change: read and written whole, by one at a time."""

import contextlib
import errno
import os
import secrets
import stat
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from streams.errors import ConfigError
from streams.exporting.marks import sync_folder

PATIENCE_SECONDS: Final = 10.0
_here: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
_AGAIN_SECONDS: Final = 0.02


class ReadOnly(ConfigError):
    """The file can't be written here; the message says why and what to do."""


def real(path: Path) -> Path:
    """The file that symbolic links lead to."""
    return Path(os.path.realpath(path))


def not_writable(path: Path) -> str:
    """Why the file can't be written, with the remedy; empty where it can."""
    file = real(path)
    if not file.is_file():
        return f"{path}: there is no such file. Remedy: put it back"
    if not os.access(file, os.W_OK):
        return (
            f"{path} may not be written by this user. Remedy: chmod or chown it, or edit it there"
        )
    if not os.access(file.parent, os.W_OK | os.X_OK):
        return (
            f"{path}: files in its folder can't be replaced by this user. Remedy: give the "
            "user of Veille the right to write to the folder, or edit the file there"
        )
    if os.path.ismount(file):
        return (
            f"{path} is mounted by itself and can't be replaced. Remedy: mount its folder instead, "
            "or edit the file there"
        )
    return ""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[Path]:
    """Nobody else who asks so changes the file meanwhile; gives the file itself.

    Raises `ReadOnly`, and `ConfigError` where another keeps the lock for ten seconds.
    """
    file = real(path)
    if why := not_writable(path):
        raise ReadOnly(why)
    mine = _here[file]
    if not mine.acquire(timeout=PATIENCE_SECONDS):
        raise _busy(path)
    try:
        with _lock_file(path, file.with_name(f".{file.name}.lock")):
            yield file
    finally:
        mine.release()


@contextlib.contextmanager
def _lock_file(path: Path, lock: Path) -> Iterator[None]:
    try:
        import fcntl  # noqa: PLC0415  # not on Windows, where one process writes
    except ImportError:
        yield
        return
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    except OSError as error:
        raise ReadOnly(f"{lock}: {error.strerror}. Remedy: delete it, or chown it") from None
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    raise
                if time.monotonic() > until:
                    raise _busy(path) from None
            time.sleep(_AGAIN_SECONDS)
        yield
    finally:
        os.close(handle)


def _busy(path: Path) -> ConfigError:
    return ConfigError(f"{path}: another process is changing it. Remedy: try again in a moment")


def write(file: Path, raw: bytes, *, was: bytes) -> os.stat_result:
    """Replace the file, which held `was`, at once: who reads sees all or nothing. Mode and owner
    stay. Gives what the new file looks like.

    Raises `ConfigError` if it holds something else by now, or can't be written; it is then as it
    was.
    """
    before = file.stat()
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}.new")
    try:
        with open(new, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as opened:
            opened.write(raw)
            opened.flush()
            _as_before(opened.fileno(), before)
            os.fsync(opened.fileno())
        if file.read_bytes() != was:
            raise ConfigError(f"{file}: someone edits it just now. Remedy: try again in a moment")
        looks = new.stat()
        new.replace(file)
    except OSError as error:
        raise ReadOnly(
            f"{file} can't be written: {error.strerror}. Remedy: make room, or give the user of "
            "Veille the right to write to its folder"
        ) from None
    finally:
        new.unlink(missing_ok=True)
    sync_folder(file.parent)
    return looks


def _as_before(handle: int, before: os.stat_result) -> None:
    """Owner and group as far as this user may give them away."""
    if hasattr(os, "fchown"):
        for owner, group in ((before.st_uid, before.st_gid), (-1, before.st_gid)):
            with contextlib.suppress(PermissionError):
                os.fchown(handle, owner, group)
                break
        os.fchmod(handle, stat.S_IMODE(before.st_mode))
