"""What was begun and may have arrived, where it is never sent twice (``deliver.when_unknown: never``).

``deliveries.begun_at`` is committed before the first octet of a message's text. When the process that did so dies, the
delivery ends as ``unknown``; those that it had merely claimed come back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from sqlalchemy import insert, literal, select, update

from newsletter.model import DeliveryState, OutcomeKind, Step
from newsletter.store.part import Part, chunks
from newsletter.store.schema import attempts, deliveries

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

logger = structlog.get_logger(__name__)

ENDED = "the process that sent it ended before the answer came, so that it may have arrived"


class BeginningTables(Part):
    """The beginnings of :class:`newsletter.ports.DeliveryStore`."""

    async def begin(self, delivery_ids: Collection[int], owner: str, now: datetime) -> frozenset[int]:
        """Note that these messages are begun, and return those that ``owner`` still has under its lease."""
        ours = deliveries.c.state == DeliveryState.SENDING.value, deliveries.c.lease_owner == owner
        found: set[int] = set()
        async with self.database.write() as connection:
            for chunk in chunks(sorted(delivery_ids)):
                begun = update(deliveries).where(deliveries.c.id.in_(chunk), *ours).values(begun_at=now)
                found.update((await connection.execute(begun.returning(deliveries.c.id))).scalars())
        return frozenset(found)


async def end_begun(connection: AsyncConnection, which: ColumnElement[bool]) -> int:
    """End as ``unknown`` those under a lease that were begun, each with an attempt; return how many those are.

    Whoever held the lease will not say what became of them. Nothing is noted, and so nothing is ended, where messages
    that may have arrived are sent again.
    """
    begun = deliveries.c.state == DeliveryState.SENDING.value, deliveries.c.begun_at.is_not(None), which
    attempt = {
        "delivery_id": deliveries.c.id,
        "number": deliveries.c.attempts + 1,
        "started_at": deliveries.c.begun_at,
        "finished_at": deliveries.c.begun_at,
        "outcome": literal(OutcomeKind.DEFERRED.value),
        "text": literal(ENDED),
        "is_unknown": literal(value=True),
        "step": literal(Step.DOT.value),
        "relay": literal(""),
        "connection": literal(""),
    }
    await connection.execute(insert(attempts).from_select(list(attempt), select(*attempt.values()).where(*begun)))
    ended = {
        "state": DeliveryState.UNKNOWN.value,
        "attempts": deliveries.c.attempts + 1,
        "is_unknown": True,
        "reply_code": None,
        "reply_text": ENDED,
        "finished_at": deliveries.c.begun_at,
        "next_attempt_at": None,
        "ready_at": None,
        "lease_owner": None,
        "begun_at": None,
    }
    count = (await connection.execute(update(deliveries).where(*begun).values(ended))).rowcount
    if count:
        logger.warning("delivery.unknown", deliveries=count)
    return count
