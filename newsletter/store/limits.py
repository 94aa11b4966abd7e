"""Token buckets and circuits as rows, each changed under its lock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, insert, or_, select, update

from newsletter.core.limits import take_all
from newsletter.model import Bucket, Circuit, CircuitCause, CircuitScope, DeliveryState
from newsletter.store.codec import dumps
from newsletter.store.dialect import CIRCUITS_LOCK
from newsletter.store.part import Part, chunks
from newsletter.store.schema import buckets, circuits, deliveries

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import Limit, Shortage

POSTPONING: Final = (
    update(deliveries)
    .where(
        deliveries.c.id == bindparam("delivery"),
        deliveries.c.state == DeliveryState.SENDING.value,
        deliveries.c.lease_owner == bindparam("owner"),
    )
    .values(state=DeliveryState.PLANNED.value, lease_owner=None, ready_at=bindparam("until"))
)
FILLING: Final = (
    update(buckets)
    .where(buckets.c.name == bindparam("bucket"))
    .values(taken=bindparam("slots"), seen_at=bindparam("seen"))
)


class LimitTables(Part):
    """:class:`newsletter.ports.LimitStore` over the tables."""

    async def take(self, requests: Sequence[Sequence[Limit]], now: datetime) -> list[Shortage | None]:
        """Take a token of each limit of a request, or none of them; return for each None, or what is short."""
        names = sorted({limit.bucket for request in requests for limit in request})
        if not names:
            return [None] * len(requests)
        while (answers := await self._take(names, requests, now)) is None:
            await self._make(names)
        return answers

    async def _take(
        self, names: Sequence[str], requests: Sequence[Sequence[Limit]], now: datetime
    ) -> list[Shortage | None] | None:
        """Serve the requests with the buckets locked, in one order for everybody; None when a bucket is not there."""
        async with self.database.write() as connection:
            there = await _read(connection, names, is_for_update=True)
            if len(there) < len(names):
                return None
            changed, answers = take_all(there, requests, now)
            if changed:
                await connection.execute(FILLING, [_row(name, bucket) for name, bucket in changed.items()])
        return answers

    async def _make(self, names: Sequence[str]) -> None:
        """Make the buckets that are not there, in a transaction that holds no others: two could wait for each other."""
        rows = [{"name": name, "taken": "[]", "seen_at": None} for name in names]
        async with self.database.write() as connection:
            await connection.execute(self.database.insert(buckets).on_conflict_do_nothing(), rows)

    async def buckets(self, names: Collection[str]) -> dict[str, Bucket]:
        """Return those of these buckets that a token was ever taken from."""
        async with self.database.read() as connection:
            return await _read(connection, sorted(names))

    async def circuits(self) -> list[Circuit]:
        """Return every relay and domain that is left alone, by scope and name."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(circuits).order_by(circuits.c.scope, circuits.c.name))
            return [_circuit(row) for row in rows]

    async def turn_circuit(
        self, scope: CircuitScope, name: str, turn: Callable[[Circuit | None], Circuit | None]
    ) -> Circuit | None:
        """Put what ``turn`` makes of a circuit (None: it is closed) in its place, and return that; one at a time."""
        here = (circuits.c.scope == scope.value) & (circuits.c.name == name)
        async with self.database.write() as connection:
            await self.database.lock(connection, CIRCUITS_LOCK)
            row = (await connection.execute(select(circuits).where(here))).one_or_none()
            before = None if row is None else _circuit(row)
            after = turn(before)
            if after != before:
                await connection.execute(delete(circuits).where(here))
                if after is not None:
                    await connection.execute(insert(circuits), _circuit_row(after))
        return after

    async def begin_probe(self, scope: CircuitScope, name: str, until: datetime, now: datetime) -> bool:
        """Return whether we may try one mail: the time has come, and nobody else is trying. Until then, nobody will."""
        table = circuits.c
        free = or_(table.probe_until.is_(None), table.probe_until <= now)
        mine = update(circuits).where(table.scope == scope.value, table.name == name, table.retry_at <= now, free)
        async with self.database.write() as connection:
            return (await connection.execute(mine.values(probe_until=until))).rowcount == 1

    async def postpone(self, owner: str, postponed: Sequence[tuple[int, datetime]]) -> int:
        """Give back deliveries under ``owner``'s lease without an attempt, each ready again at its time."""
        rows = [{"delivery": each, "owner": owner, "until": until} for each, until in sorted(postponed)]
        if not rows:
            return 0
        async with self.database.write() as connection:
            return (await connection.execute(POSTPONING, rows)).rowcount


async def _read(connection: AsyncConnection, names: Sequence[str], *, is_for_update: bool = False) -> dict[str, Bucket]:
    found = {}
    for chunk in chunks(names):
        query = select(buckets).where(buckets.c.name.in_(chunk)).order_by(buckets.c.name)
        for row in await connection.execute(query.with_for_update() if is_for_update else query):
            found[row.name] = Bucket(tuple((slot, number) for slot, number in json.loads(row.taken)), row.seen_at)
    return found


def _row(name: str, bucket: Bucket) -> dict[str, Any]:
    return {"bucket": name, "slots": dumps(bucket.taken), "seen": bucket.seen_at}


def _circuit(row: Row[Any]) -> Circuit:
    values: Mapping[str, Any] = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name)
    return Circuit(**{**values, "scope": CircuitScope(row.scope), "cause": CircuitCause(row.cause)})


def _circuit_row(circuit: Circuit) -> dict[str, Any]:
    return {name: getattr(circuit, name) for name in circuits.c.keys()}  # noqa: SIM118 (no dictionary)
