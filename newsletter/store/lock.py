"""One daemon per SQLite file: a lock that the system frees by itself when its holder dies.

PostgreSQL needs none: what two daemons do there is kept apart row by row.
"""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from newsletter.errors import StoreError, StoreFullError, StoreLockedError
from newsletter.store.dialect import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@contextmanager
def hold_store(url: str, now: datetime) -> Iterator[None]:
    """Hold the store at ``url`` as its only daemon, where that is needed; see :func:`hold`."""
    path = parse_address(url).path
    if path is None:
        yield
        return
    with hold(path, now):
        yield


@contextmanager
def hold(database: Path, now: datetime) -> Iterator[None]:
    """Hold ``<database>.lock`` for as long as the context lasts, with who holds it, and since when, written inside.

    StoreLockedError, naming the process, when another one holds it. The file stays when the lock is freed: removing it
    would let two processes hold two files of one name.
    """
    path = database.with_name(database.name + ".lock")
    with opened(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreLockedError(
                f"{database}: another newsletter is running on it ({holder(file)}); stop that one, or use another store"
            ) from None
        except OSError as error:  # some network file systems have no locks
            raise StoreError(
                f"{path}: cannot be locked: {error.strerror}; keep the database on a local disk"
            ) from error
        write(file, f"pid {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M:%S} UTC\n", path)
        try:
            yield
        finally:
            file.truncate(0)


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Yield the lock file, made if needed and never emptied: its text is the holder's."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+", encoding="utf-8")
    except OSError as error:
        raise StoreFullError(f"{path}: cannot be written: {error.strerror}; check who owns the directory") from error
    with file:
        yield file


def holder(file: TextIO) -> str:
    """Return who wrote the lock file: the process that holds it."""
    return file.read().strip() or "it has not said which"


def write(file: TextIO, text: str, path: Path) -> None:
    """Write who holds the lock."""
    try:
        file.truncate(0)
        file.write(text)
        file.flush()
    except OSError as error:
        raise StoreFullError(f"{path}: cannot be written: {error.strerror}; free some space") from error
