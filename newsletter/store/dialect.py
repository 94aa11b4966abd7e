"""Everything that differs between SQLite and PostgreSQL: addresses, connections, transactions, locks, upserts."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine

from newsletter.errors import StoreError
from newsletter.store.faults import clear_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Connection, Engine, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

BUSY_TIMEOUT_S: Final = 30.0
CONNECT_TIMEOUT_S: Final = 10
WRITING: Final = "newsletter_writing"
APPLICATION_NAME: Final = "newsletter"  # by which PostgreSQL knows our connections (newsletter.store.lock)
# Any two numbers that nothing else in the database uses.
ARRIVALS_LOCK: Final = 7_461_001
PLANNING_LOCK: Final = 7_461_002
SUBSCRIBERS_LOCK: Final = 7_461_003
MIGRATION_LOCK: Final = 7_461_004
SENDING_LOCK: Final = 7_461_005
CIRCUITS_LOCK: Final = 7_461_010
COLLECTING_LOCK: Final = 7_461_006
READING_LOCK: Final = 7_462  # the first of two numbers; the second is that of a mailbox
RANGES_LOCK: Final = 7_461  # the first of two numbers; the second is that of a range of subscribers
STAGE_LOCKS: Final = (  # of who collects, plans, sends
    ARRIVALS_LOCK,
    PLANNING_LOCK,
    SUBSCRIBERS_LOCK,
    SENDING_LOCK,
    COLLECTING_LOCK,
)
# However long a task takes, and whatever the server thinks of transactions that only wait.
WAITS_LONG: Final = text("SET LOCAL idle_in_transaction_session_timeout = 0")
ADVICE: Final = "write sqlite:///data/newsletter.db or postgresql://user:password@host/name"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, as its operator wrote it; ``place`` names it in messages, without the password."""

    url: URL
    place: str
    path: Path | None = None  # of SQLite's file

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of ours rather than a server."""
        return self.path is not None


def parse_address(text: str) -> Address:
    """Return where ``text`` (``sqlite:///path``, ``postgresql://…``) points; StoreError when it is no such address."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError(f"not the address of a database: {text.rsplit('@', maxsplit=1)[-1]!r}; {ADVICE}") from None
    backend = url.drivername.partition("+")[0]
    if backend == "sqlite":
        return sqlite_address(url)
    if backend in ("postgresql", "postgres"):
        shown = URL.create("postgresql", url.username, host=url.host, port=url.port, database=url.database)
        return Address(url.set(drivername="postgresql+psycopg"), shown.render_as_string())
    raise StoreError(f"unknown kind of database: {backend!r}; {ADVICE}")


def sqlite_address(url: URL) -> Address:
    """Return the address of SQLite's file; one in memory would forget who got what."""
    if not url.database or url.database == ":memory:":
        raise StoreError(f"a database in memory would forget who got which paper; {ADVICE}")
    path = Path(url.database).expanduser()
    return Address(url.set(drivername="sqlite", database=str(path)), str(path), path)


def prepare(engine: Engine, address: Address, busy_timeout_s: float) -> None:
    """Make every connection of ``engine`` behave as this program relies on."""
    if address.is_sqlite:
        event.listen(engine, "connect", lambda connection, _: prepare_sqlite(connection, busy_timeout_s))
        event.listen(engine, "begin", begin_sqlite)


def prepare_sqlite(connection: Any, busy_timeout_s: float) -> None:
    """Set what SQLite leaves off.

    WAL lets readers read while one writes. ``synchronous=FULL`` makes a commit survive a power cut: with NORMAL, WAL
    may lose the last commits, among them who has been sent what.
    """
    # The driver's own transactions begin too late (with the first INSERT, and never for SELECT): we begin them.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={round(busy_timeout_s * 1000)}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-8192",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_sqlite(connection: Connection) -> None:
    """Begin a transaction; one that will write takes the write lock now, for later it could not wait for it.

    A transaction that read first and then wants to write fails at once when another has written meanwhile
    (https://sqlite.org/isolation.html), whatever the busy timeout.
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITING) else "BEGIN")


def connect_arguments(address: Address, busy_timeout_s: float) -> dict[str, Any]:
    """Return what the driver is told when it connects."""
    if address.is_sqlite:
        return {"timeout": busy_timeout_s}
    milliseconds = round(busy_timeout_s * 1000)
    return {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "options": f"-c lock_timeout={milliseconds} -c timezone=UTC",
        "application_name": APPLICATION_NAME,
    }


class Database:
    """Connections to one database. One writer at a time in this process: SQLite has one anyway, and waits fairly so."""

    def __init__(self, address: Address, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.address = address
        self.busy_timeout_s = busy_timeout_s
        driver = "sqlite+aiosqlite" if address.is_sqlite else "postgresql+psycopg"
        self.engine = create_async_engine(
            address.url.set(drivername=driver),
            connect_args=connect_arguments(address, busy_timeout_s),
            pool_pre_ping=not address.is_sqlite,
        )
        prepare(self.engine.sync_engine, address, busy_timeout_s)
        self.writing = asyncio.Lock()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite; else it is PostgreSQL."""
        return self.address.is_sqlite

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection that sees one state of the database and changes nothing."""
        with clear_errors(self.address.place):
            async with self.engine.connect() as connection:
                if not self.is_sqlite:  # where each statement would otherwise see what was committed since the last
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection whose changes are committed together at the end, or not at all."""
        if not self.is_sqlite:
            with clear_errors(self.address.place):
                async with self.engine.begin() as connection:
                    yield connection
            return
        with clear_errors(self.address.place):
            async with self.writing, self.engine.connect() as connection:
                await connection.execution_options(**{WRITING: True})
                async with connection.begin():
                    yield connection

    async def lock(self, connection: AsyncConnection, number: int, *, shared: bool = False) -> None:
        """Wait until no other transaction holds lock ``number`` (or holds it alone), and hold it until this one ends.

        SQLite's writing transactions exclude each other already.
        """
        if not self.is_sqlite:
            take = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
            await connection.execute(select(take(number)))

    def insert(self, table: Table) -> Any:
        """Return an INSERT that knows ON CONFLICT; both dialects spell it alike."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    async def aclose(self) -> None:
        """End all connections."""
        await self.engine.dispose()
