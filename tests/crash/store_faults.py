"""Faults of the database, and of the clock."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg

from tests.crash.faults import fault
from tests.crash.trial import Clock, until

if TYPE_CHECKING:
    from tests.crash.trial import Trial

IMPATIENT = {"busy_timeout_s": 0.2}
HOUR = timedelta(hours=1)
SHARES = (0.1, 0.3, 0.5, 0.7)  # of the mails after which it happens
TERMINATING = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def faulted(trial: Trial, before: int) -> None:
    """Wait until the store has failed once more than ``before``."""
    await until(lambda: len(trial.senders[0].faults) > before)


@fault("SQLite locked by somebody else, for longer than we wait", "database", store=IMPATIENT)
async def locked_sqlite(trial: Trial) -> None:
    path = trial.folder / "data" / "newsletter.db"
    async with trial.delivering():
        for share in SHARES:
            await trial.taken(share)
            with closing(sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)) as other:
                await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
                await faulted(trial, len(trial.senders[0].faults))
                other.execute("ROLLBACK")


@fault("the disk of SQLite full", "database", on_small_disk=True)
async def full_disk(trial: Trial) -> None:
    assert trial.disk is not None
    async with trial.delivering():
        for share in SHARES:
            await trial.taken(share)
            trial.disk.fill()
            await faulted(trial, len(trial.senders[0].faults))
            trial.disk.free()


@fault(
    "PostgreSQL's table locked by somebody else, for longer than we wait", "database", is_postgres=True, store=IMPATIENT
)
async def locked_postgres(trial: Trial) -> None:
    async with trial.delivering():
        for share in SHARES:
            await trial.taken(share)
            async with await psycopg.AsyncConnection.connect(trial.newsletter.store_url) as other:
                await other.execute("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE")
                await faulted(trial, len(trial.senders[0].faults))


@fault("PostgreSQL ends our connections", "database", is_postgres=True)
async def terminated(trial: Trial) -> None:
    async with trial.delivering():
        for share in SHARES:
            await trial.taken(share)
            async with await psycopg.AsyncConnection.connect(trial.newsletter.store_url) as other:
                await other.execute(TERMINATING)


@fault("PostgreSQL stopped at once (as after a power cut) and started again", "database", is_postgres=True)
async def restarted(trial: Trial) -> None:
    assert trial.postgres is not None
    async with trial.delivering():
        await trial.taken(0.4)
        await asyncio.to_thread(trial.postgres.crash)
        await faulted(trial, len(trial.senders[0].faults))
        await asyncio.to_thread(trial.postgres.start)


@fault("the clock goes an hour forward, and back, while mails are under way", "clock", is_silent=True)
async def steps(trial: Trial) -> None:
    async with trial.delivering():
        for share, step in zip(SHARES, (HOUR, -HOUR, -HOUR, HOUR), strict=True):
            await trial.taken(share)
            trial.clock.step(step)


@fault("of two machines on one PostgreSQL, one has its clock an hour ahead", "clock", is_postgres=True, is_silent=True)
async def apart(trial: Trial) -> None:
    await trial.add_sender(Clock(HOUR))
    await trial.deliver()
