"""A store as one SQLite file, whichever database it lives in, taken while others go on writing; and its examination."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from newsletter.errors import StoreError, StoreVersionError
from newsletter.store.copying import copy_tables
from newsletter.store.dialect import BUSY_TIMEOUT_S, parse_address
from newsletter.store.faults import fault_of, first_line
from newsletter.store.migrate import check_version, connect, migrate, refuse_newer
from newsletter.store.schema.search import WORDS_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from newsletter.store.dialect import Address

PIECE: Final = 2**20
DERIVED: Final = ("sqlite_", WORDS_TABLE)  # tables that SQLite keeps by itself
MOST_FAULTS: Final = 5  # that are told of a damaged file


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a SQLite file of ours holds: the version of its schema, and the rows of every table."""

    version: str
    tables: dict[str, int]


def take_snapshot(
    url: str, path: Path, advance: Callable[[int], None], busy_timeout_s: float = BUSY_TIMEOUT_S
) -> Snapshot:
    """Write what the store at ``url`` holds at one moment into a new SQLite file, and examine that file.

    Nobody has to stop for it. ``advance`` is told of rows as they are copied, where that can be followed. StoreError
    when the store cannot be read or what came out is damaged.
    """
    address = parse_address(url)
    if address.path is not None:
        copy_file(address, path, busy_timeout_s)
    else:
        check_version(url, busy_timeout_s)
        here = f"sqlite:///{path}"
        migrate(here)
        with (
            connect(address, busy_timeout_s, snapshot=True) as source,
            connect(parse_address(here), busy_timeout_s, writing=True) as target,
        ):
            copy_tables(source, target, advance)
    settle(path)
    return examine(path)


def copy_file(address: Address, path: Path, busy_timeout_s: float) -> None:
    """Copy a SQLite file as it is at one moment, within one reading transaction: writers write on meanwhile."""
    if address.path is None or not address.path.exists():
        raise StoreVersionError(f"{address.place}: there is no database yet; run `newsletter migrate`")
    with connected(address.path, busy_timeout_s) as connection:
        connection.execute("VACUUM INTO ?", (str(path),))


def settle(path: Path) -> None:
    """Leave a SQLite file whole by itself, without the files that SQLite keeps beside one in use."""
    with connected(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def examine(path: Path) -> Snapshot:
    """Return what a SQLite file holds; StoreError when it is damaged, contradicts itself, or is none of ours."""
    with connected(path) as connection:
        faults = integrity_faults(connection)
        if faults:
            raise StoreError(f"{path}: the database is damaged: {'; '.join(faults)}; restore an earlier backup")
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if "alembic_version" not in names:
            raise StoreError(f"{path}: this is no database of newsletter")
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        ours = sorted(name for name in names if name != "alembic_version" and not name.startswith(DERIVED))
        counts = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in ours}
    refuse_newer(parse_address(f"sqlite:///{path}"), version[0] if version else None)
    if version is None:
        raise StoreError(f"{path}: this is no database of newsletter")
    return Snapshot(version[0], counts)


def integrity_faults(connection: sqlite3.Connection) -> list[str]:
    """Return what SQLite finds wrong in a file, rows that refer to nothing among it; nothing when it is sound."""
    faults = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MOST_FAULTS})")]
    faults = [] if faults == ["ok"] else [" ".join(fault.split()) for fault in faults]
    orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(MOST_FAULTS)
    return faults + [f"a row of {table} refers to none of {parent}" for table, _, parent, _ in orphans]


@contextmanager
def connected(path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Iterator[sqlite3.Connection]:
    """Yield a connection to a SQLite file that is there, without transactions of its own."""
    try:
        with closing(
            sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=busy_timeout_s, isolation_level=None
            )
        ) as connection:
            yield connection
    except sqlite3.Error as error:
        kind, advice = fault_of(error)
        raise kind(f"{path}: {advice} ({first_line(error)})") from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
