"""The sums of issues: counted as mails are planned, and compared with what the deliveries say.

``issues.planned`` is raised in the transaction that plans (:func:`count_planned`); ``issues.forgotten`` by a trigger of
the database when a subscriber is removed, whoever does it (migration 0003). What nobody counted is what is missing.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, exists, func, not_, or_, select, true

from newsletter.core.deliveries import GIVES_PAPERS_BACK
from newsletter.model import Aspect, DeliveryState, Flaw, Inconsistency, IssueSums, OutcomeKind, Share
from newsletter.store.part import Part, chunks
from newsletter.store.schema import attempts, deliveries, digests, issues, ledger, ledger_updates, subscribers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.store.dialect import Database

EXAMPLES: Final = 5
NAMED: Final = re.compile(r'"profile":("(?:[^"\\]|\\.)*")')  # within text this would be escaped
FINAL_STATES: Final = [state.value for state in DeliveryState if state.is_final]


async def count_planned(
    database: Database, connection: AsyncConnection, stored: Mapping[date, int], now: datetime
) -> None:
    """Count mails that this transaction planned, by issue date. Call it last: other planners wait for this row."""
    rows = [
        {"issue_date": day, "planned": count, "forgotten": 0, "first_planned_at": now, "last_planned_at": now}
        for day, count in sorted(stored.items())  # in one order for all, so that no two wait for each other
        if count
    ]
    if not rows:
        return
    new = database.insert(issues)
    counted = {"planned": issues.c.planned + new.excluded.planned, "last_planned_at": new.excluded.last_planned_at}
    await connection.execute(new.on_conflict_do_update(index_elements=[issues.c.issue_date], set_=counted), rows)


class AccountingTables(Part):
    """:class:`newsletter.ports.LedgerStore` over the tables."""

    async def issue_sums(self, since: date, until: date | None = None) -> list[IssueSums]:
        """Return the sums of every issue from ``since`` to ``until``, oldest first; two ranges of indexes."""
        by_date: dict[date, dict[DeliveryState, int]] = defaultdict(dict)
        counts = select(deliveries.c.issue_date, deliveries.c.state, func.count()).where(
            within(deliveries.c.issue_date, since, until)
        )
        counted = select(issues).where(within(issues.c.issue_date, since, until))
        async with self.database.read() as connection:
            for day, state, count in await connection.execute(
                counts.group_by(deliveries.c.issue_date, deliveries.c.state)
            ):
                by_date[day][DeliveryState(state)] = count
            planned = {row.issue_date: row for row in await connection.execute(counted)}
        return [
            IssueSums(
                day,
                planned[day].planned if day in planned else 0,
                planned[day].forgotten if day in planned else 0,
                by_date.get(day, {}),
            )
            for day in sorted(planned.keys() | by_date.keys())
        ]

    async def shares(self, aspect: Aspect, since: date, until: date | None = None) -> list[Share]:
        """Return the deliveries of these issues by an aspect and state, in the order of the values.

        By profile a mail counts once for each profile in it; ``-`` stands for mails that hold none, or went nowhere.
        """
        async with self.database.read() as connection:
            if aspect is Aspect.PROFILE:
                return await shares_by_profile(connection, since, until)
            column = {
                Aspect.KIND: deliveries.c.kind,
                Aspect.RELAY: deliveries.c.relay,
                Aspect.DOMAIN: subscribers.c.domain,
            }[aspect]
            query = grouped(column, since, until)
            if aspect is Aspect.DOMAIN:
                query = query.join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
            rows = await connection.execute(query.order_by(column))
            return [Share(row[0] or "-", DeliveryState(row.state), row.count, row.doubtful) for row in rows]

    async def inconsistencies(self, since: date, until: date | None = None) -> list[Inconsistency]:
        """Return in which ways the deliveries of these issues contradict what is kept beside them."""
        found = []
        async with self.database.read() as connection:
            for flaw, condition in flaws().items():
                query = select(deliveries.c.id).where(within(deliveries.c.issue_date, since, until), condition)
                total = select(func.count()).select_from(query.subquery())
                count = (await connection.execute(total)).scalar_one()
                if count:
                    first = await connection.execute(query.order_by(deliveries.c.id).limit(EXAMPLES))
                    found.append(Inconsistency(flaw, count, tuple(first.scalars())))
        return found


def within(column: Any, since: date | None, until: date | None) -> ColumnElement[bool]:
    """Return the condition that a date lies in a range, both ends of it included; None is no end."""
    return and_(true() if since is None else column >= since, true() if until is None else column <= until)


def grouped(column: Any, since: date, until: date | None) -> Select[Any]:
    """Return how many deliveries of these issues there are by a column and state, and how many may have arrived."""
    in_doubt = and_(deliveries.c.is_unknown, deliveries.c.state != DeliveryState.ACCEPTED.value)
    query = select(
        column,
        deliveries.c.state,
        func.count().label("count"),
        func.count().filter(in_doubt).label("doubtful"),
    ).select_from(deliveries)
    return query.where(within(deliveries.c.issue_date, since, until)).group_by(column, deliveries.c.state)


async def shares_by_profile(connection: AsyncConnection, since: date, until: date | None) -> list[Share]:
    """Return the shares of profiles: each distinct digest is read once, however many got it."""
    rows = (await connection.execute(grouped(deliveries.c.digest_id, since, until))).all()
    profiles: dict[int, tuple[str, ...]] = {}
    for chunk in chunks({row.digest_id for row in rows}):
        stored = select(digests.c.id, digests.c.content).where(digests.c.id.in_(chunk))
        for row in await connection.execute(stored):
            profiles[row.id] = tuple(dict.fromkeys(json.loads(name) for name in NAMED.findall(row.content))) or ("-",)
    counts: Counter[tuple[str, str]] = Counter()
    doubtful: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for name in profiles[row.digest_id]:
            counts[name, row.state] += row.count
            doubtful[name, row.state] += row.doubtful
    return [
        Share(name, DeliveryState(state), count, doubtful[name, state])
        for (name, state), count in sorted(counts.items())
    ]


def flaws() -> dict[Flaw, ColumnElement[bool]]:
    """Return, for each flaw, which deliveries have it."""
    mine = attempts.c.delivery_id == deliveries.c.id
    accepted = exists().where(mine, attempts.c.outcome == OutcomeKind.ACCEPTED.value)
    stored = select(func.count()).select_from(attempts).where(mine).scalar_subquery()
    holds = [exists().where(table.c.delivery_id == deliveries.c.id) for table in (ledger, ledger_updates)]
    foreign = [
        exists().where(table.c.delivery_id == deliveries.c.id, table.c.subscriber_id != deliveries.c.subscriber_id)
        for table in (ledger, ledger_updates)
    ]
    came_to_nothing = deliveries.c.state.in_([state.value for state in GIVES_PAPERS_BACK])
    waits = or_(deliveries.c.lease_owner.is_not(None), deliveries.c.ready_at.is_not(None))
    return {
        Flaw.NOT_ACCEPTED: and_(deliveries.c.state == DeliveryState.ACCEPTED.value, not_(accepted)),
        Flaw.MISCOUNTED: deliveries.c.attempts != stored,
        Flaw.LEASED: and_(deliveries.c.state.in_(FINAL_STATES), waits),
        Flaw.HOLDS_PAPERS: and_(came_to_nothing, or_(*holds)),
        Flaw.FOREIGN_PAPERS: or_(*foreign),
        Flaw.NOT_COUNTED: not_(exists().where(issues.c.issue_date == deliveries.c.issue_date)),
    }
