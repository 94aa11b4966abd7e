"""One daemon per SQLite file: a lock that the system frees by itself when its holder dies.

PostgreSQL needs none for daemons: what two of them do there is kept apart row by row. Whoever exchanges the whole store
(restoring, moving) must be alone on either.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from sqlalchemy import func, select, text

from newsletter.errors import StoreError, StoreFullError, StoreLockedError
from newsletter.store.dialect import APPLICATION_NAME, BUSY_TIMEOUT_S, STAGE_LOCKS, parse_address
from newsletter.store.migrate import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from newsletter.store.dialect import Address

OTHERS: Final = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = :name AND pid <> pg_backend_pid()"
)
LEAVING_S: Final = (0.1, 0.2, 0.4, 0.8)  # the server lists a connection for a while after its client has closed it


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
def hold_alone(url: str, now: datetime, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Iterator[None]:
    """Keep every daemon, worker and command that changes something off the store at ``url`` while the context lasts.

    StoreLockedError when one runs on it.
    """
    address = parse_address(url)
    if address.path is not None:
        with hold(address.path, now):
            yield
        return
    with connect(address, busy_timeout_s) as connection:
        take_all_locks(connection, address)
        yield


def take_all_locks(connection: Connection, address: Address) -> None:
    """Hold the locks of all stages on PostgreSQL until the transaction ends; StoreLockedError if somebody is there."""
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    others = _count_others(connection)
    taken = [connection.execute(select(func.pg_try_advisory_xact_lock(number))).scalar_one() for number in STAGE_LOCKS]
    if others or not all(taken):
        raise StoreLockedError(
            f"{address.place}: another newsletter is connected to it ({others} connections); "
            "stop every daemon and worker that uses it"
        )


def _count_others(connection: Connection) -> int:
    """Return how many others are connected; one that has just left is given a moment to be gone."""
    for wait_s in (0, *LEAVING_S):
        time.sleep(wait_s)
        connection.execute(select(func.pg_stat_clear_snapshot()))  # which a transaction keeps
        if not connection.execute(OTHERS, {"name": APPLICATION_NAME}).scalar_one():
            return 0
    return int(connection.execute(OTHERS, {"name": APPLICATION_NAME}).scalar_one())


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
