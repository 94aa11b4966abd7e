"""Bringing a database to this program's schema, and refusing to run on any other."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Text, column, create_engine, event, func, inspect, select, table
from sqlalchemy.pool import NullPool

from newsletter.errors import StoreError, StoreVersionError
from newsletter.store.dialect import BUSY_TIMEOUT_S, MIGRATION_LOCK, WRITING, connect_arguments, parse_address, prepare
from newsletter.store.faults import clear_errors
from newsletter.store.indexing import index_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from newsletter.store.dialect import Address

SCRIPTS: Final = "newsletter.store:migrations"
STEPS: Final = Path(__file__).parent / "migrations" / "versions"
VERSION_TABLE: Final = table("alembic_version", column("version_num", Text))  # Alembic's own


def migrate(url: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> tuple[str | None, str]:
    """Bring the database at ``url`` to this program's schema, in one transaction; return the versions before and after.

    The version before is None when there was no schema; SQLite's file and its directory are made. StoreVersionError
    when it was made by a newer program, StoreError when it holds somebody else's tables.
    """
    address = parse_address(url)
    if address.path is not None:
        make_directory(address.path)
    with connect(address, busy_timeout_s, writing=True, rebuilding=True) as connection:
        if not address.is_sqlite:  # whose write lock keeps two of us apart
            connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        before = version_of(connection)
        refuse_newer(address, before)
        if before is None and inspect(connection).has_table("papers"):
            raise StoreError(f"{address.place}: it has tables of this name that newsletter did not make; name another")
        if before != newest_version():
            upgrade(connection)
        index_missing(connection)
        refuse_torn(connection, address)
        return before, newest_version()


def upgrade(connection: Connection) -> None:
    """Take the steps that are missing."""
    from alembic import command  # noqa: PLC0415 (a tenth of a second that only a new version needs)
    from alembic.config import Config  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", SCRIPTS)
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def check_version(url: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> str:
    """Return the version of the schema at ``url``; StoreVersionError when it is not this program's."""
    address = parse_address(url)
    if address.path is not None and not address.path.exists():
        raise StoreVersionError(f"{address.place}: there is no database yet; run `newsletter migrate`")
    with connect(address, busy_timeout_s) as connection:
        version = version_of(connection)
    refuse_newer(address, version)
    if version is None:
        raise StoreVersionError(f"{address.place}: the database is empty; run `newsletter migrate`")
    if version != newest_version():
        raise StoreVersionError(
            f"{address.place}: the database is at version {version}, this program needs {newest_version()}; "
            "run `newsletter migrate`"
        )
    return version


def is_empty(url: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> bool:
    """Return whether there is no schema at ``url`` yet; StoreError when the database cannot be reached."""
    address = parse_address(url)
    if address.path is not None and not address.path.exists():
        return True
    with connect(address, busy_timeout_s) as connection:
        return version_of(connection) is None


def refuse_newer(address: Address, version: str | None) -> None:
    """Raise StoreVersionError when ``version`` is none that this program knows."""
    if version is not None and version not in known_versions():
        raise StoreVersionError(
            f"{address.place}: this database was made by a newer newsletter (version {version}, this program knows up "
            f"to {newest_version()}); install that newsletter again, or restore the backup made before it"
        )


def refuse_torn(connection: Connection, address: Address) -> None:
    """Raise StoreError, and so undo everything, when a row refers to one that is not there."""
    if address.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise StoreError(f"{address.place}: rows refer to others that are not there; restore a backup, then migrate it")


def newest_version() -> str:
    """Return the version of the schema that this program needs."""
    return max(known_versions())


@cache
def known_versions() -> tuple[str, ...]:
    """Return every version of the schema that this program knows, the oldest first.

    They stand in the names of the steps' files: Alembic would run all of them to say so, at every start.
    """
    return tuple(sorted(step.name.partition("_")[0] for step in STEPS.glob("[0-9]*_*.py")))


def version_of(connection: Connection) -> str | None:
    """Return the version that a database says it has, None when it says nothing."""
    if not inspect(connection).has_table(VERSION_TABLE.name):
        return None
    version: str | None = connection.execute(select(VERSION_TABLE.c.version_num)).scalar_one_or_none()
    return version


@contextmanager
def connect(
    address: Address, busy_timeout_s: float, *, writing: bool = False, snapshot: bool = False, rebuilding: bool = False
) -> Iterator[Connection]:
    """Yield a connection within one transaction, and end both.

    With ``snapshot`` it sees one state of the database throughout, whoever writes meanwhile, and can change nothing.
    With ``rebuilding`` SQLite lets tables be made anew under those that refer to them; the caller looks at the end
    whether everything is there.
    """
    driver = "sqlite" if address.is_sqlite else "postgresql+psycopg"
    engine = create_engine(
        address.url.set(drivername=driver), connect_args=connect_arguments(address, busy_timeout_s), poolclass=NullPool
    )
    prepare(engine, address, busy_timeout_s)
    if rebuilding and address.is_sqlite:  # possible outside of a transaction only
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=OFF"))
    with clear_errors(address.place), engine.connect() as connection:
        connection.execution_options(**{WRITING: writing})
        if snapshot and not address.is_sqlite:  # whose transactions see one state anyway
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


def make_directory(path: Path) -> None:
    """Make the directory of SQLite's file; StoreError when that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent}: the directory cannot be made: {error.strerror}; name another") from error
