"""What a database says when it cannot, as one clear line with what to do about it."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from newsletter.errors import ConflictError, StoreBusyError, StoreError, StoreFullError, StoreVersionError

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL: Final = "the disk is full, nothing was changed; free some space and run it again"
READ_ONLY: Final = "it cannot be written to, nothing was changed; check who owns the file and its directory"
BUSY: Final = "somebody else kept it locked for too long, nothing was changed; end the other program or try again"
NO_TABLES: Final = "its tables are missing; run `newsletter migrate`"
MISFIT: Final = (
    "its tables do not fit this program, though its version does: another state of newsletter made them; restore a "
    "backup, or name another database and run `newsletter migrate`"
)
UNREADABLE: Final = "it cannot be opened; check that the directory exists and that this user may write there"
NO_DATABASE: Final = "it is no database, or it is damaged; restore a backup, or name another file"
UNREACHABLE: Final = "it cannot be reached; check that the server runs, and host, name and password in the address"

# https://sqlite.org/rescode.html: primary result codes, the low byte of the extended ones.
SQLITE_FAULTS: Final[dict[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: (StoreBusyError, BUSY),
    sqlite3.SQLITE_LOCKED: (StoreBusyError, BUSY),
    sqlite3.SQLITE_FULL: (StoreFullError, FULL),
    sqlite3.SQLITE_READONLY: (StoreFullError, READ_ONLY),
    sqlite3.SQLITE_IOERR: (StoreFullError, "the disk failed, nothing was changed; check it (space, quota, hardware)"),
    sqlite3.SQLITE_CANTOPEN: (StoreError, UNREADABLE),
    sqlite3.SQLITE_PERM: (StoreError, UNREADABLE),
    sqlite3.SQLITE_NOTADB: (StoreError, NO_DATABASE),
    sqlite3.SQLITE_CORRUPT: (StoreError, NO_DATABASE),
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html, longest prefix first.
POSTGRESQL_FAULTS: Final[tuple[tuple[str, type[StoreError], str], ...]] = (
    ("42P01", StoreVersionError, NO_TABLES),
    ("42703", StoreVersionError, MISFIT),
    ("53100", StoreFullError, FULL),
    ("25006", StoreFullError, READ_ONLY),
    ("55P03", StoreBusyError, BUSY),
    ("57014", StoreBusyError, BUSY),
    ("40", StoreBusyError, BUSY),
    ("53", StoreBusyError, "the server has no connection or memory left; try again, or raise its limits"),
    ("08", StoreError, UNREACHABLE),
    ("28", StoreError, UNREACHABLE),
    ("3D", StoreError, UNREACHABLE),
    ("57P", StoreError, UNREACHABLE),
)


@contextmanager
def clear_errors(place: str) -> Iterator[None]:
    """Turn what SQLAlchemy raises into :class:`StoreError` and its kin, naming the database at ``place``."""
    try:
        yield
    except IntegrityError as error:
        if is_unfilled(error.orig):
            raise StoreVersionError(f"{place}: {MISFIT} ({first_line(error.orig)})") from error
        raise ConflictError(f"{place}: this would contradict what is stored: {first_line(error.orig)}") from error
    except DBAPIError as error:
        kind, advice = fault_of(error.orig)
        raise kind(f"{place}: {advice} ({first_line(error.orig)})") from error
    except PoolTimeout as error:
        raise StoreBusyError(f"{place}: all connections stayed in use; try again") from error


def fault_of(error: BaseException | None) -> tuple[type[StoreError], str]:
    """Return which error a driver's exception is, and what to do about it."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        if "no such table" in str(error):
            return StoreVersionError, NO_TABLES
        if "no such column" in str(error) or "no column named" in str(error):
            return StoreVersionError, MISFIT
        return SQLITE_FAULTS.get(code & 0xFF, (StoreError, "it refused"))
    state = getattr(error, "sqlstate", None)
    if isinstance(error, sqlite3.Error):
        return StoreError, "it refused"
    if state is None:  # psycopg could not connect, or lost the connection
        return StoreError, UNREACHABLE
    found = ((kind, advice) for prefix, kind, advice in POSTGRESQL_FAULTS if str(state).startswith(prefix))
    return next(found, (StoreError, "it refused"))


def is_unfilled(error: BaseException | None) -> bool:
    """Whether a column that must be filled was not: we fill all that we know, so it is none of this program's."""
    is_sqlite = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_NOTNULL
    return is_sqlite or getattr(error, "sqlstate", None) == "23502"


def first_line(error: BaseException | None) -> str:
    """Return the first line of an error's text, for a message of one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
