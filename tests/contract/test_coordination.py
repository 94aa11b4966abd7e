"""What several processes on one store do together: one collects, and who plans wakes those who send."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from newsletter.store.sql import SqlStore, open_store
from newsletter.store.waking import notifications
from tests.support.deliveries import plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

END_LISTENERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
)


@pytest.fixture
async def other(store_url: str) -> AsyncIterator[SqlStore]:
    """Another process's store over the same database, which does not wait long for locks."""
    opened = open_store(store_url, busy_timeout_s=0.2)
    yield opened
    await opened.aclose()


async def test_one_collects_at_a_time(store: SqlStore, other: SqlStore) -> None:
    async with store.collecting() as first:
        assert first
        if not store.database.is_sqlite:  # where one process holds the store
            async with other.collecting() as second:
                assert not second
    async with other.collecting() as second:
        assert second


async def test_one_reads_a_mailbox_at_a_time(store: SqlStore, other: SqlStore) -> None:
    async with store.reading("imap") as first:
        assert first
        if not store.database.is_sqlite:  # where one process holds the store
            async with other.reading("imap") as second, other.reading("maildir") as third:
                assert (second, third) == (False, True)
    async with other.reading("imap") as second:
        assert second


async def test_who_may_not_collect_goes_on_when_the_other_is_done(store: SqlStore, store_url: str) -> None:
    if store.database.is_sqlite:
        return
    patient = open_store(store_url, busy_timeout_s=30)
    began, done = asyncio.Event(), []

    async def collect_first() -> None:
        async with store.collecting():
            began.set()
            await asyncio.sleep(1)  # by then the second has connected and asked, on a loaded machine too
            done.append("first")

    async def collect_second() -> None:
        await began.wait()
        async with patient.collecting() as may:
            done.append(f"second {may}")

    await asyncio.gather(collect_first(), collect_second())
    assert done == ["first", "second False"]
    await patient.aclose()


async def test_planning_wakes_who_listens(store: SqlStore, other: SqlStore) -> None:
    woken = 0

    async def listen() -> None:
        nonlocal woken
        async for _ in other.wakes():
            woken += 1

    listening = asyncio.create_task(listen())
    if store.database.is_sqlite:  # nobody else plans, so there is nothing to wait for
        await listening
        assert woken == 0
        return
    async with asyncio.timeout(30):
        while not woken:  # noqa: ASYNC110 (what is waited for is the other connection)
            await asyncio.sleep(0.01)
        assert woken == 1  # for what was planned before it listened
        await plan(store, 3)
        while woken < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_a_listener_whose_connection_ends_connects_again(store: SqlStore, other: SqlStore) -> None:
    if store.database.is_sqlite:
        return
    wakes = notifications(other.database)
    async with aclosing(wakes), asyncio.timeout(30):
        await anext(wakes)
        async with store.database.write() as connection:
            ended = await connection.execute(END_LISTENERS)
            assert ended.scalars().all() == [True]
        await anext(wakes)  # the new connection
        waiting = asyncio.ensure_future(anext(wakes))
        await asyncio.sleep(0)
        await plan(store, 1)
        await waiting
