"""The store as the rest of the program has it: one class, one database."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from newsletter.store.accounting import AccountingTables
from newsletter.store.collection import PaperTables
from newsletter.store.deliveries import DeliveryTables
from newsletter.store.dialect import BUSY_TIMEOUT_S, SENDING_LOCK, Database, parse_address
from newsletter.store.schedules import ScheduleTables
from newsletter.store.subscribers import SubscriberTables
from newsletter.store.watching import WatchTables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class SqlStore(PaperTables, SubscriberTables, DeliveryTables, AccountingTables, ScheduleTables, WatchTables):
    """:class:`newsletter.ports.Store` over SQLite or PostgreSQL."""

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Say that we are about to hold leases, for as long as the context lasts: :meth:`take_over` then keeps off.

        SQLite needs no word of it, since whoever sends has locked the store (:mod:`newsletter.store.lock`). PostgreSQL
        itself ends the transaction, and with it the lock, of a process that was killed.
        """
        if self.database.is_sqlite:
            yield
            return
        async with self.database.write() as connection:
            # However long the run takes, and whatever the server thinks of transactions that only wait.
            await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            await connection.execute(select(func.pg_advisory_xact_lock_shared(SENDING_LOCK)))
            yield

    async def take_over(self) -> int:
        """Release what killed processes held, unless another one may be sending; return how many deliveries that was.

        On SQLite the caller has locked the store. Where others are sending, a killed one's leases expire by themselves.
        """
        if self.database.is_sqlite:
            return await self.release(None)
        async with self.database.write() as connection:
            alone = await connection.execute(select(func.pg_try_advisory_xact_lock(SENDING_LOCK)))
            return await self.release(None) if alone.scalar_one() else 0

    async def aclose(self) -> None:
        """End all connections."""
        await self.database.aclose()


def open_store(url: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> SqlStore:
    """Return the store at ``url``: ``sqlite:///path`` (three slashes for a relative path) or ``postgresql://…``.

    Nothing is connected yet; StoreError when it is no such address. The schema must be there and current: see
    :func:`newsletter.store.migrate.check_version`. ``busy_timeout_s`` is how long to wait for somebody else's lock.
    """
    return SqlStore(Database(parse_address(url), busy_timeout_s))
