"""Deliveries as somebody asks for them: filtered, newest first, and never all of them in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.sql import operators
from sqlalchemy.sql.expression import UnaryExpression

from newsletter.core.reasons import likeness
from newsletter.core.replies import enhanced_code
from newsletter.model import DeliveryState, ListedDelivery, ReplyCount
from newsletter.store.accounting import within
from newsletter.store.deliveryrows import delivery_of
from newsletter.store.part import Part
from newsletter.store.schema import attempts, deliveries, digests, subscribers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import ColumnElement, Select

    from newsletter.model import DeliveryFilter

BATCH: Final = 1000
CODE_DIGITS: Final = 3
MOST_LIKENESSES: Final = 10_000  # beyond these, replies count as "others": no server has that many ways to say no


class ListingTables(Part):
    """:class:`newsletter.ports.ListingStore` over the tables."""

    async def find_deliveries(
        self, wanted: DeliveryFilter, *, before_id: int | None = None, limit: int = 50
    ) -> list[ListedDelivery]:
        """Return the newest deliveries that fit, at most ``limit``, with ids below ``before_id``."""
        async with self.database.read() as connection:
            rows = await connection.execute(self.listing(wanted, before_id).limit(limit))
            return [listed_of(row) for row in rows]

    async def every_delivery(self, wanted: DeliveryFilter) -> AsyncIterator[list[ListedDelivery]]:
        """Yield all deliveries that fit at one moment, newest first, a batch at a time."""
        async with self.database.read() as connection:
            query = self.listing(wanted, None).execution_options(yield_per=BATCH)
            async with connection.stream(query) as result:
                async for rows in result.partitions():
                    yield [listed_of(row) for row in rows]

    async def count_found(self, wanted: DeliveryFilter) -> int:
        """Return how many deliveries fit."""
        query = select(func.count()).select_from(deliveries)
        if wanted.domain:
            query = query.join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        async with self.database.read() as connection:
            return int((await connection.execute(query.where(*conditions(wanted)))).scalar_one())

    async def reply_counts(self, wanted: DeliveryFilter) -> list[ReplyCount]:
        """Return what was answered last to deliveries that fit, alike replies together, most frequent first."""
        columns = deliveries.c.id, deliveries.c.state, deliveries.c.reply_code, deliveries.c.reply_text
        query = select(*columns).select_from(deliveries)
        if wanted.domain:
            query = query.join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        found: dict[tuple[str, int | None, str | None, str], list[int]] = {}  # to count and example
        async with self.database.read() as connection:
            query = query.where(*conditions(wanted)).execution_options(yield_per=BATCH)
            async with connection.stream(query) as result:
                async for row in result:
                    key = (row.state, row.reply_code, enhanced_code(row.reply_text), likeness(row.reply_text))
                    if key not in found and len(found) >= MOST_LIKENESSES:
                        key = (row.state, row.reply_code, None, "others")
                    found.setdefault(key, [0, row.id])[0] += 1
        counts = [
            ReplyCount(DeliveryState(state), code, enhanced, text, count, example)
            for (state, code, enhanced, text), (count, example) in found.items()
        ]
        return sorted(counts, key=lambda each: (-each.count, each.example))

    def listing(self, wanted: DeliveryFilter, before_id: int | None) -> Select[Any]:
        """Return the query for deliveries that fit, newest first.

        The order is that of the primary key, and SQLite is kept from any other index but that of one subscriber: it
        would have to sort what it found there, a million rows for each page of "accepted".
        """
        query = select(deliveries, subscribers.c.address).join(
            subscribers, subscribers.c.id == deliveries.c.subscriber_id
        )
        if before_id is not None:
            query = query.where(deliveries.c.id < before_id)
        hidden = self.database.is_sqlite and wanted.subscriber_id is None
        return query.where(*conditions(wanted, is_hidden=hidden)).order_by(deliveries.c.id.desc())


def listed_of(row: Any) -> ListedDelivery:
    """Return the delivery in a row, with its address."""
    delivery = delivery_of(row)
    in_doubt = row.is_unknown and delivery.state is not DeliveryState.ACCEPTED
    return ListedDelivery(delivery, row.address, in_doubt or delivery.state is DeliveryState.UNKNOWN)


def conditions(wanted: DeliveryFilter, *, is_hidden: bool = False) -> list[ColumnElement[bool]]:
    """Return what a filter says; with ``is_hidden`` so that SQLite looks at no index for it."""

    def seen(column: Any) -> Any:
        return UnaryExpression(column, operator=operators.custom_op("+"), type_=column.type) if is_hidden else column

    said: list[ColumnElement[bool]] = []
    if wanted.states:
        said.append(seen(deliveries.c.state).in_(sorted(wanted.states)))
    if wanted.kinds:
        said.append(deliveries.c.kind.in_(sorted(wanted.kinds)))
    if wanted.since is not None or wanted.until is not None:
        said.append(within(seen(deliveries.c.issue_date), wanted.since, wanted.until))
    if wanted.subscriber_id is not None:
        said.append(deliveries.c.subscriber_id == wanted.subscriber_id)
    if wanted.domain:
        said.append(subscribers.c.domain == wanted.domain.lower())
    if wanted.relay:
        said.append(deliveries.c.relay == wanted.relay)
    if wanted.profile:
        holds = digests.c.content.contains(f'"profile":{json.dumps(wanted.profile)}', autoescape=True)
        said.append(seen(deliveries.c.digest_id).in_(select(digests.c.id).where(holds)))
    if wanted.in_doubt:
        unknown = deliveries.c.state == DeliveryState.UNKNOWN.value
        doubtful = and_(deliveries.c.is_unknown, deliveries.c.state != DeliveryState.ACCEPTED.value)
        said.append(or_(unknown, doubtful))
    return said + ([of_code(wanted.code)] if wanted.code else [])


def of_code(code: str) -> ColumnElement[bool]:
    """Return the condition that the last reply had a code, or one that begins so."""
    if "." not in code:
        unit = 10 ** (CODE_DIGITS - len(code))
        return deliveries.c.reply_code.between(int(code) * unit, (int(code) + 1) * unit - 1)
    last = and_(attempts.c.delivery_id == deliveries.c.id, attempts.c.number == deliveries.c.attempts)
    enhanced = attempts.c.enhanced_code
    beginning = code.rstrip(".") + "."
    return exists().where(last, or_(enhanced == code, enhanced.startswith(beginning, autoescape=True)))
