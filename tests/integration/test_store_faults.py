"""What an operator reads when the database cannot, and that nothing is lost for it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from newsletter.errors import StoreBusyError, StoreError, StoreFullError, StoreVersionError
from newsletter.model import DeliveryState
from newsletter.store.migrate import check_version, migrate
from newsletter.store.sql import SqlStore, open_store
from tests.support.databases import PostgresServer, migrated_file, postgres, postgres_url, sqlite_url
from tests.support.stored import (
    LEASE,
    NOW,
    add_papers,
    add_people,
    arxiv_entry,
    at,
    attempt,
    digest_of,
    planned,
    succeeded,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["PostgresServer", "migrated_file", "postgres", "postgres_url", "sqlite_url"]


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[SqlStore]:
    opened = open_store(sqlite_url, busy_timeout_s=0.1)
    yield opened
    await opened.aclose()


async def test_a_locked_file_is_waited_for_and_then_said_so(store: SqlStore, sqlite_url: str) -> None:
    ids = await add_papers(store, 2)
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, digest_of(*ids))], {}, NOW)
    (claimed,) = await store.claim("w", 1, LEASE, NOW)
    done = (attempt(claimed.delivery.id, DeliveryState.ACCEPTED), DeliveryState.ACCEPTED, None)
    other = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusyError, match=r"newsletter\.db: somebody else kept it locked") as raised:
        await store.record([done], at(1))
    assert "\n" not in str(raised.value)
    with pytest.raises(StoreBusyError):
        await store.save_collection(succeeded(), [arxiv_entry(9)], NOW)
    with pytest.raises(StoreBusyError):
        await store.claim("w", 1, LEASE, NOW)
    assert len(await store.papers(ids)) == 2  # readers are not held up
    other.execute("COMMIT")
    other.close()
    await store.record([done], at(1))
    assert (await store.delivery(claimed.delivery.id)).state is DeliveryState.ACCEPTED


async def test_writers_of_one_process_wait_for_each_other(store: SqlStore) -> None:
    await asyncio.gather(*(store.save_collection(succeeded(f"s{n}"), [arxiv_entry(n)], NOW) for n in range(1, 30)))
    assert await store.last_arrival() == 29


async def test_a_full_disk_is_said_so_and_nothing_is_half_stored(store: SqlStore) -> None:
    await add_papers(store, 1)
    async with store.database.write() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    big = [arxiv_entry(number, abstract="x" * 5000) for number in range(2, 200)]
    with pytest.raises(StoreFullError, match="the disk is full, nothing was changed; free some space") as raised:
        await store.save_collection(succeeded(minutes=60), big, at(60))
    assert "\n" not in str(raised.value)
    assert (await store.source_states())["arxiv"].last_success_at == NOW
    assert len([paper async for paper in store.all_papers()]) == 1
    async with store.database.write() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert (await store.save_collection(succeeded(minutes=60), big, at(60))).new == len(big)


async def test_a_database_that_may_only_be_read_is_said_so(store: SqlStore) -> None:
    async with store.database.engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StoreFullError, match="cannot be written to, nothing was changed"):
        await add_people(store, "ada")


async def test_what_is_no_database_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.db"
    path.write_bytes(b"this is a letter, not a database\n" * 100)
    url = f"sqlite:///{path}"
    for attempted in (migrate, check_version):
        with pytest.raises(StoreError, match="it is no database, or it is damaged"):
            attempted(url)
    store = open_store(url)
    with pytest.raises(StoreError, match="it is no database"):
        await store.last_arrival()
    await store.aclose()
    assert path.read_bytes().startswith(b"this is a letter")


async def test_a_directory_that_is_none_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="the directory cannot be made"):
        migrate(f"sqlite:///{tmp_path}/file/newsletter.db")
    store = open_store(f"sqlite:///{tmp_path}/nowhere/newsletter.db")
    before = set(threading.enumerate())
    with pytest.raises(StoreError, match="it cannot be opened; check that the directory exists"):
        await store.last_arrival()
    await store.aclose()
    # aiosqlite ends a thread that could not connect behind our back; it must not find the loop gone.
    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join, 10)


async def test_missing_tables_say_what_to_run(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/newsletter.db")
    with pytest.raises(StoreVersionError, match="run `newsletter migrate`"):
        await store.last_arrival()
    await store.aclose()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE papers RENAME COLUMN journal_reference TO journal", "journal_reference"),
        ("ALTER TABLE papers ADD COLUMN mood TEXT NOT NULL DEFAULT NULL", "mood"),
    ],
)
async def test_tables_of_another_state_of_the_program_are_told(
    store: SqlStore, sqlite_url: str, change: str, said: str
) -> None:
    database = sqlite3.connect(path_of(sqlite_url))
    database.execute(change)
    database.close()
    assert check_version(sqlite_url)
    with pytest.raises(StoreVersionError, match="do not fit this program, though its version does") as raised:
        await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)
    assert said in str(raised.value)
    assert "name another database and run `newsletter migrate`" in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_tables_of_another_state_of_the_program_are_told_on_a_server(postgres_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        await connection.execute("ALTER TABLE papers RENAME COLUMN journal_reference TO journal")
    store = open_store(postgres_url)
    with pytest.raises(StoreVersionError, match="do not fit this program") as raised:
        await store.papers([1])
    await store.aclose()
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        await connection.execute("ALTER TABLE papers RENAME COLUMN journal TO journal_reference")
        await connection.execute("ALTER TABLE papers ADD COLUMN mood TEXT NOT NULL")
    store = open_store(postgres_url)
    with pytest.raises(StoreVersionError, match="do not fit this program"):
        await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)
    await store.aclose()
    assert "\n" not in str(raised.value)


async def test_a_copy_taken_while_it_is_written_to_opens(store: SqlStore, sqlite_url: str, tmp_path: Path) -> None:
    await add_papers(store, 3)
    for suffix in ("", "-wal"):  # what a kill or a power cut leaves on the disk
        shutil.copyfile(f"{path_of(sqlite_url)}{suffix}", tmp_path / f"copy.db{suffix}")
    copy = open_store(f"sqlite:///{tmp_path}/copy.db")
    assert len([paper async for paper in copy.all_papers()]) == 3
    await copy.aclose()


async def test_a_server_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    url = f"postgresql://me:s3cret@/none?host={tmp_path}"
    with pytest.raises(StoreError, match="it cannot be reached; check that the server runs") as raised:
        migrate(url)
    assert "s3cret" not in str(raised.value)
    store = open_store(url)
    with pytest.raises(StoreError, match="it cannot be reached"):
        await store.last_arrival()
    await store.aclose()


async def test_a_server_without_our_tables_or_database_is_said_so(postgres: PostgresServer) -> None:
    name = postgres.create(empty=True)
    store = open_store(postgres.address(name))
    with pytest.raises(StoreVersionError, match="run `newsletter migrate`"):
        await store.last_arrival()
    await store.aclose()
    postgres.drop(name)
    with pytest.raises(StoreError, match="cannot be reached"):
        check_version(postgres.address(name))


async def test_a_locked_server_is_waited_for_and_then_said_so(postgres_url: str) -> None:
    store = open_store(postgres_url, busy_timeout_s=0.1)
    async with await psycopg.AsyncConnection.connect(postgres_url) as other:
        await other.execute("LOCK TABLE papers IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreBusyError, match="somebody else kept it locked"):
            await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)
    assert await store.source_states() == {}
    assert (await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)).new == 1
    await store.aclose()
