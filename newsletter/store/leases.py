"""Leases: who holds which deliveries, and how they come back from one that has died.

No clock decides. A holder counts its signs of life in ``leases``; whoever watches ends the lease when the number has
stayed the same for the whole length of the lease, by the watcher's own clock that nobody sets
(:mod:`newsletter.service.leases`). A wall clock that is wrong or steps, here or at the database, ends no lease and
prolongs none.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from newsletter.model import DeliveryState, Lease
from newsletter.store.beginnings import end_begun
from newsletter.store.dialect import SENDING_LOCK, WAITS_LONG
from newsletter.store.part import Part
from newsletter.store.schema import deliveries, leases
from newsletter.store.waking import notify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection


class LeaseTables(Part):
    """The leases of :class:`newsletter.ports.DeliveryStore`."""

    async def hold(self, connection: AsyncConnection, owner: str, length: timedelta, now: datetime) -> None:
        """Count a sign of life of ``owner``, who is about to hold deliveries."""
        first = {"owner": owner, "beats": 0, "length_s": length.total_seconds(), "since": now}
        again = {"beats": leases.c.beats + 1, "length_s": length.total_seconds()}
        held = self.database.insert(leases).values(first)
        await connection.execute(held.on_conflict_do_update(index_elements=["owner"], set_=again))

    async def renew(self, owner: str) -> bool:
        """Count a sign of life of ``owner``; False when its lease has ended, and others have what it held."""
        async with self.database.write() as connection:
            lives = update(leases).where(leases.c.owner == owner).values(beats=leases.c.beats + 1)
            return bool((await connection.execute(lives)).rowcount)

    async def leases(self) -> list[Lease]:
        """Return every lease there is, and the signs of life of its holder."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(leases).order_by(leases.c.owner))
            return [Lease(row.owner, row.beats, timedelta(seconds=row.length_s)) for row in rows]

    async def end_lease(self, lease: Lease) -> int | None:
        """End a lease whose holder is taken for dead and return how many deliveries come back; None when it lives.

        They may have arrived, and are marked so.
        """
        async with self.database.write() as connection:
            silent = delete(leases).where(leases.c.owner == lease.owner, leases.c.beats == lease.beats)
            if not (await connection.execute(silent)).rowcount:
                return None
            return await self.give_back_leased(connection, deliveries.c.lease_owner == lease.owner, in_doubt=True)

    async def release(self, owner: str | None) -> int:
        """End ``owner``'s leases (everybody's with None) without an attempt; return how many."""
        async with self.database.write() as connection:
            if owner is None:  # a process was killed, perhaps in the middle of a message
                await connection.execute(delete(leases))
                return await self.give_back_leased(connection, deliveries.c.lease_owner.is_not(None), in_doubt=True)
            await connection.execute(delete(leases).where(leases.c.owner == owner))
            return await self.give_back_leased(connection, deliveries.c.lease_owner == owner, in_doubt=False)

    async def give_back_leased(self, connection: AsyncConnection, which: ColumnElement[bool], *, in_doubt: bool) -> int:
        """Put deliveries under a lease back in ``planned`` and return how many; in doubt, they may have arrived.

        Those that were noted as begun do not come back: they end as ``unknown``.
        """
        await end_begun(connection, which)
        changed: dict[str, Any] = {
            "state": DeliveryState.PLANNED.value,
            "lease_owner": None,
            "ready_at": func.coalesce(deliveries.c.next_attempt_at, deliveries.c.due_at),
        }
        changed |= {"is_unknown": True} if in_doubt else {}
        leased = deliveries.c.state == DeliveryState.SENDING.value
        returned = (await connection.execute(update(deliveries).where(leased, which).values(changed))).rowcount
        if returned:
            await notify(self.database, connection)
        return returned

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
            await connection.execute(WAITS_LONG)
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
