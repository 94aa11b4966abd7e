"""Who plans for whom: several schedulers on one PostgreSQL share the subscribers by ranges of their ids."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import ARRAY, Integer, cast, func, select

from newsletter.store.dialect import RANGES_LOCK, WAITS_LONG
from newsletter.store.part import Part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

RANGE: Final = 1000  # how many ids
MOST_RANGES: Final = 64  # that one transaction locks: PostgreSQL's table of locks is shared by all


class RangeTables(Part):
    """The ranges of :class:`newsletter.ports.DeliveryStore`."""

    @asynccontextmanager
    async def planning(self, subscriber_ids: Collection[int]) -> AsyncIterator[set[int]]:
        """Yield those of these people for whom nobody else is planning, and keep others off while the context lasts.

        It only saves work, and is no promise: that nobody gets an issue twice is what :meth:`plan` sees to.
        """
        if self.database.is_sqlite:  # where one process plans
            yield set(subscriber_ids)
            return
        asked = sorted({each // RANGE for each in subscriber_ids})[:MOST_RANGES]
        number = func.unnest(cast(asked, ARRAY(Integer))).column_valued("number")
        taken = select(number, func.pg_try_advisory_xact_lock(RANGES_LOCK, number))
        async with self.database.write() as connection:
            await connection.execute(WAITS_LONG)
            ours = {row[0] for row in await connection.execute(taken) if row[1]}
            yield {each for each in subscriber_ids if each // RANGE in ours}
