"""Leaving, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select, update

from newsletter.model import Departure, IssueKind, SubscriberStatus, TransactionalMail
from newsletter.store.dialect import SUBSCRIBERS_LOCK
from newsletter.store.schema import consents, departures, subscribers
from newsletter.store.subscribers import the_one
from newsletter.store.transactional import TransactionalTables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import Subscriber

STAYS_AWAY: Final = frozenset({SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED})

GREETED: Final = frozenset({SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED})  # whose address takes mail


class DepartureTables(TransactionalTables):
    """:class:`newsletter.ports.DepartureStore` over the tables."""

    async def depart(self, subscriber_id: int, reason: str, now: datetime, goodbye: str = "") -> bool:
        """Unsubscribe somebody and note what they were; return whether they had not left before.

        Where ``goodbye`` is a Message-ID, a mail is planned that tells them. NotFoundError when unknown.
        """
        async with self.database.write() as connection:
            await self.database.lock(connection, SUBSCRIBERS_LOCK)
            before = await the_one(connection, subscriber_id)
            if before.status in STAYS_AWAY:
                return False
            await connection.execute(delete(departures).where(departures.c.subscriber_id == subscriber_id))
            await connection.execute(insert(departures).values(_row(before, reason, now)))
            left = {"status": SubscriberStatus.UNSUBSCRIBED.value, "status_reason": reason, "paused_until": None}
            await _set(connection, subscriber_id, left | {"updated_at": now})
            if goodbye and before.status in GREETED:
                mail = TransactionalMail(subscriber_id, IssueKind.GOODBYE, goodbye, before.language)
                await self.put_transactional(connection, [mail], now)
            return True

    async def departure(self, subscriber_id: int) -> Departure | None:
        """Return how somebody left by themselves, None when they have not, or have come back since."""
        async with self.database.read() as connection:
            return await _departure(connection, subscriber_id)

    async def take_back(self, subscriber_id: int, left_at: datetime, now: datetime) -> bool:
        """Restore what somebody was before they left at ``left_at``, with that as proof; return whether it changed
        anything: not when they have come back, or left anew, since.
        """
        async with self.database.write() as connection:
            await self.database.lock(connection, SUBSCRIBERS_LOCK)
            found = await _departure(connection, subscriber_id)
            if found is None or found.left_at != left_at:
                return False
            before = {
                "status": found.status.value,
                "status_reason": found.status_reason,
                "paused_until": found.paused_until,
                "updated_at": now,
            }
            await _set(connection, subscriber_id, before)
            await connection.execute(delete(departures).where(departures.c.subscriber_id == subscriber_id))
            proof = f"took back leaving at {left_at:%Y-%m-%d %H:%M} UTC"
            given = {"subscriber_id": subscriber_id, "method": "undo", "given_at": now, "proof": proof}
            await connection.execute(insert(consents).values(given))
            return True


async def _set(connection: AsyncConnection, subscriber_id: int, values: Mapping[str, Any]) -> None:
    await connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(values))


async def _departure(connection: AsyncConnection, subscriber_id: int) -> Departure | None:
    """Return the departure that is still what somebody's status comes from."""
    is_theirs = (departures.c.subscriber_id == subscriber_id) & (departures.c.reason == subscribers.c.status_reason)
    has_left = subscribers.c.status == SubscriberStatus.UNSUBSCRIBED.value
    query = select(departures).join(subscribers, subscribers.c.id == departures.c.subscriber_id)
    row = (await connection.execute(query.where(is_theirs, has_left))).one_or_none()
    return None if row is None else _departure_of(row)


def _row(before: Subscriber, reason: str, now: datetime) -> dict[str, Any]:
    return {
        "subscriber_id": before.id,
        "left_at": now,
        "reason": reason,
        "status": before.status.value,
        "status_reason": before.status_reason,
        "paused_until": before.paused_until,
    }


def _departure_of(row: Row[Any]) -> Departure:
    return Departure(
        subscriber_id=row.subscriber_id,
        left_at=row.left_at,
        reason=row.reason,
        status=SubscriberStatus(row.status),
        status_reason=row.status_reason,
        paused_until=row.paused_until,
    )
