"""Deliveries under way: claimed with a lease, tried, recorded, and looked at."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import Boolean, bindparam, func, insert, or_, select, update

from newsletter.core.deliveries import GIVES_PAPERS_BACK, OPEN, addressed, may_move
from newsletter.errors import NotFoundError
from newsletter.model import ClaimedDelivery, DeliveryState, Digest, IssueKind
from newsletter.store.beginnings import BeginningTables
from newsletter.store.codec import loads
from newsletter.store.deliveryrows import attempt_of, attempt_row, delivery_of
from newsletter.store.leases import LeaseTables
from newsletter.store.papers import resolve_ids
from newsletter.store.part import chunks
from newsletter.store.planning import IS_ISSUE, PlanningTables, give_back, settled_rows
from newsletter.store.schema import attempts as attempts_table
from newsletter.store.schema import deliveries, digests, ledger, ledger_updates, subscribers
from newsletter.store.subscribers import subscribers_by_id

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime, timedelta

    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import Attempt, Delivery

logger = structlog.get_logger(__name__)

PLANNED, SENDING, UNKNOWN = DeliveryState.PLANNED.value, DeliveryState.SENDING.value, DeliveryState.UNKNOWN.value
# What counts as delivered: an unknown one may have arrived, and what it held is not sent again.
DELIVERED: Final = (DeliveryState.ACCEPTED.value, DeliveryState.UNKNOWN.value)
OPEN_STATES: Final = [state.value for state in OPEN]
COUNTING: Final = (
    update(deliveries).where(deliveries.c.id == bindparam("delivery")).values(attempts=bindparam("attempted"))
)
# The other columns are those of :func:`settled_row`, by their names.
SETTLING: Final = COUNTING.values(is_unknown=or_(deliveries.c.is_unknown, bindparam("doubt", type_=Boolean)))
ADVICE: Final = "`newsletter deliveries list` shows what is there"


class DeliveryReader(PlanningTables):
    """What has become of issues so far."""

    async def last_issue_dates(self, subscriber_ids: Collection[int]) -> dict[int, date]:
        """Return the date of each subscriber's newest issue, whatever became of it, also when it held nothing."""
        found: dict[int, date] = {}
        columns = subscribers.c.id, subscribers.c.last_issue_date
        query = select(*columns).where(subscribers.c.last_issue_date.is_not(None))
        async with self.database.read() as connection:
            for chunk in chunks(subscriber_ids):
                rows = await connection.execute(query.where(subscribers.c.id.in_(chunk)))
                found.update({row.id: row.last_issue_date for row in rows})
        return found

    async def last_delivered(self, subscriber_ids: Collection[int]) -> dict[int, tuple[int, datetime]]:
        """Return ``arrival_through`` and the planning time of each subscriber's last accepted digest that left no
        profile out.
        """
        earlier = deliveries.alias("earlier")
        last = (
            select(earlier.c.id)
            .where(
                earlier.c.subscriber_id == subscribers.c.id,
                earlier.c.state.in_(DELIVERED),
                earlier.c.arrival_through.is_not(None),
                earlier.c.kind.not_in((IssueKind.QUIET.value, IssueKind.PROBE.value)),
            )
            .order_by(earlier.c.issue_date.desc())
            .limit(1)
            .correlate(subscribers)
            .scalar_subquery()
        )
        found: dict[int, tuple[int, datetime]] = {}
        columns = subscribers.c.id, deliveries.c.arrival_through, deliveries.c.planned_at
        query = select(*columns).select_from(subscribers).join(deliveries, deliveries.c.id == last)
        async with self.database.read() as connection:
            for chunk in chunks(subscriber_ids):
                for row in await connection.execute(query.where(subscribers.c.id.in_(chunk))):
                    found[row.id] = (row.arrival_through, row.planned_at)
        return found

    async def sent_papers(
        self, subscriber_ids: Collection[int], paper_ids: Collection[int]
    ) -> dict[int, frozenset[tuple[int, int | None]]]:
        """Return what the ledger holds for these people among these papers, under the paper ids asked for.

        What only a delivery holds that the next issue would supersede does not count.
        """
        async with self.database.read() as connection:
            resolved = await resolve_ids(connection, paper_ids)
            stored_ids = set(resolved.values())
            rows = await settled_rows(connection, ledger, subscriber_ids, stored_ids)
            noted = await settled_rows(connection, ledger_updates, subscriber_ids, stored_ids)
        asked: dict[int, list[int]] = defaultdict(list)
        for paper_id, stored_id in resolved.items():
            asked[stored_id].append(paper_id)
        found: dict[int, set[tuple[int, int | None]]] = defaultdict(set)
        for row in rows:
            found[row.subscriber_id].update((paper_id, None) for paper_id in asked[row.paper_id])
        for row in noted:
            found[row.subscriber_id].update((paper_id, row.version) for paper_id in asked[row.paper_id])
        return {subscriber_id: frozenset(pairs) for subscriber_id, pairs in found.items()}

    async def open_deliveries(self, subscriber_ids: Collection[int]) -> dict[int, Delivery]:
        """Return each subscriber's newest issue that is not final."""
        found: dict[int, Delivery] = {}
        query = select(deliveries).where(IS_ISSUE, deliveries.c.state.in_(OPEN_STATES))
        async with self.database.read() as connection:
            for chunk in chunks(subscriber_ids):
                mine = query.where(deliveries.c.subscriber_id.in_(chunk))
                for row in await connection.execute(mine.order_by(deliveries.c.issue_date, deliveries.c.id)):
                    found[row.subscriber_id] = delivery_of(row)
        return found

    async def digest(self, digest_id: int) -> Digest:
        """Return a stored digest; NotFoundError when unknown."""
        async with self.database.read() as connection:
            query = select(digests.c.content).where(digests.c.id == digest_id)
            content = (await connection.execute(query)).scalar_one_or_none()
        if content is None:
            raise NotFoundError(f"no digest with id {digest_id}")
        return loads(Digest, content)

    async def count_deliveries(self, since: datetime | None = None) -> dict[DeliveryState, int]:
        """Return how many deliveries are in each state, of those planned since then; empty states are left out."""
        query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        if since is not None:
            query = query.where(deliveries.c.planned_at >= since)
        async with self.database.read() as connection:
            return {DeliveryState(state): count for state, count in await connection.execute(query)}

    async def next_due_at(self) -> datetime | None:
        """Return when the next open delivery may be tried, or None when all are final."""
        async with self.database.read() as connection:
            ready = deliveries.c.ready_at
            row = (await connection.execute(select(func.min(ready).label("at")).where(ready.is_not(None)))).one()
        at: datetime | None = row.at
        return at

    async def list_deliveries(
        self,
        *,
        state: DeliveryState | None = None,
        subscriber_id: int | None = None,
        issue_date: date | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first."""
        query = select(deliveries).order_by(deliveries.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(deliveries.c.state == state.value)
        if subscriber_id is not None:
            query = query.where(deliveries.c.subscriber_id == subscriber_id)
        if issue_date is not None:
            query = query.where(deliveries.c.issue_date == issue_date)
        async with self.database.read() as connection:
            return [delivery_of(row) for row in await connection.execute(query)]

    async def delivery(self, delivery_id: int) -> Delivery:
        """Return one delivery; NotFoundError when unknown."""
        async with self.database.read() as connection:
            row = (await connection.execute(select(deliveries).where(deliveries.c.id == delivery_id))).one_or_none()
        if row is None:
            raise NotFoundError(f"no delivery with id {delivery_id}; {ADVICE}")
        return delivery_of(row)

    async def attempts(self, delivery_id: int) -> list[Attempt]:
        """Return every attempt at a delivery, first to last."""
        query = (
            select(attempts_table).where(attempts_table.c.delivery_id == delivery_id).order_by(attempts_table.c.number)
        )
        async with self.database.read() as connection:
            return [attempt_of(row) for row in await connection.execute(query.order_by(attempts_table.c.number))]

    async def find_delivery_of(self, subscriber_id: int, paper_id: int) -> Delivery | None:
        """Return the delivery whose ledger row holds this paper for this subscriber."""
        async with self.database.read() as connection:
            stored = (await resolve_ids(connection, [paper_id]))[paper_id]
            query = select(deliveries).join(ledger, ledger.c.delivery_id == deliveries.c.id)
            query = query.where(ledger.c.subscriber_id == subscriber_id, ledger.c.paper_id == stored)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else delivery_of(row)


@dataclass(slots=True)
class Standing:
    """How a delivery stands while attempts at it are recorded; ``number`` is its last attempt's."""

    state: DeliveryState
    number: int
    owner: str | None
    was_released: bool = False

    def is_settled_by(self, owner: str | None, state: DeliveryState) -> bool:
        """Whether ``owner``'s attempt counts: what another holds it sends itself, unless it has arrived by now."""
        is_anothers = self.state is DeliveryState.SENDING and owner is not None and owner != self.owner
        return state is DeliveryState.ACCEPTED or not is_anothers


class DeliveryTables(DeliveryReader, LeaseTables, BeginningTables):
    """:class:`newsletter.ports.DeliveryStore` over the tables."""

    async def claim(self, owner: str, limit: int, lease: timedelta, now: datetime) -> list[ClaimedDelivery]:
        """Put up to ``limit`` due deliveries in ``sending``, under ``owner``'s lease: transactional mails before
        issues, and oldest due first.

        On PostgreSQL, rows that another worker is claiming are passed over (SKIP LOCKED); SQLite has one writer.
        """
        leased = {"state": SENDING, "lease_owner": owner, "ready_at": None}
        async with self.database.write() as connection:
            ids = await due_ids(connection, limit, now)
            if ids:
                await self.hold(connection, owner, lease, now)
            rows = {}
            for chunk in chunks(ids):
                here = deliveries.c.id.in_(chunk)
                claimed = update(deliveries).where(here).values(leased).returning(deliveries)
                rows.update({row.id: row for row in await connection.execute(claimed)})
            people = await subscribers_by_id(connection, {row.subscriber_id for row in rows.values()})
        claimed_deliveries = [delivery_of(rows[each]) for each in ids]
        return [ClaimedDelivery(each, addressed(people[each.subscriber_id], each)) for each in claimed_deliveries]

    async def record(
        self,
        attempts: Sequence[tuple[Attempt, DeliveryState, datetime | None]],
        now: datetime,
        owner: str | None = None,
    ) -> list[int]:
        """Keep attempts and move their deliveries to the state given, with the time of the next attempt.

        An attempt that comes in late, when its delivery has been ended otherwise, is kept, and moves nothing. Returned
        are the deliveries that ``owner`` had no longer under its lease.
        """
        lost: list[int] = []
        async with self.database.write() as connection:
            standings = await self.standings(connection, {attempt.delivery_id for attempt, _, _ in attempts})
            here = [each for each in attempts if each[0].delivery_id in standings]
            if len(here) < len(attempts):  # their subscribers were removed while the mail was under way
                logger.info("delivery.gone", attempts=len(attempts) - len(here))
            if not here:
                return lost
            kept, settled, late = [], [], []
            for attempt, state, next_attempt_at in here:
                standing = standings[attempt.delivery_id]
                # Whoever lost their lease counts as the new owner did; nobody's attempt is overwritten for that.
                standing.number = max(attempt.number, standing.number + 1)
                kept.append(attempt_row(attempt, standing.number))
                if owner is not None and standing.owner != owner:
                    lost.append(attempt.delivery_id)
                if may_settle(standing.state, state) and standing.is_settled_by(owner, state):
                    standing.was_released |= standing.state is not DeliveryState.SENDING
                    standing.state = state
                    settled.append(settled_row(attempt, state, next_attempt_at or now) | {"attempted": standing.number})
                else:
                    logger.warning("delivery.late", delivery=attempt.delivery_id, state=state.value)
                    late.append({"delivery": attempt.delivery_id, "attempted": standing.number})
            await connection.execute(insert(attempts_table), kept)
            if late:
                await connection.execute(COUNTING, late)
            await self.settle(connection, settled, [key for key, each in standings.items() if each.was_released])
        return lost

    async def settle(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], released: Sequence[int]
    ) -> None:
        """Move deliveries to the states in ``rows``; who comes to nothing gives the papers back."""
        # What was released while its attempt was still under way is on its way again, for the time of one statement.
        for chunk in chunks(released):
            here = update(deliveries).where(deliveries.c.id.in_(chunk))
            await connection.execute(here.where(deliveries.c.state == UNKNOWN).values(state=PLANNED))
            await connection.execute(here.values(state=SENDING))
        if rows:
            await connection.execute(SETTLING, rows)
        ended = [row["delivery"] for row in rows if DeliveryState(row["state"]) in GIVES_PAPERS_BACK]
        await give_back(connection, ended)

    async def standings(self, connection: AsyncConnection, delivery_ids: Collection[int]) -> dict[int, Standing]:
        """Return how those of these deliveries stand that exist, and hold them still until the end."""
        found: dict[int, Standing] = {}
        columns = deliveries.c.id, deliveries.c.state, deliveries.c.attempts, deliveries.c.lease_owner
        for chunk in chunks(sorted(delivery_ids)):
            held = select(*columns).where(deliveries.c.id.in_(chunk)).order_by(deliveries.c.id).with_for_update()
            rows = await connection.execute(held)
            found.update({row.id: Standing(DeliveryState(row.state), row.attempts, row.lease_owner) for row in rows})
        return found


async def due_ids(connection: AsyncConnection, limit: int, now: datetime) -> list[int]:
    """Return the deliveries that are claimed next, at most ``limit``, and hold them: somebody waits for the first."""
    ready = deliveries.c.ready_at
    due = select(deliveries.c.id).where(ready <= now).order_by(ready, deliveries.c.id).with_for_update(skip_locked=True)
    ids: list[int] = []
    for here in (deliveries.c.number > 0, IS_ISSUE):
        if len(ids) < limit:
            ids += (await connection.execute(due.where(here).limit(limit - len(ids)))).scalars()
    return ids


def may_settle(before: DeliveryState, after: DeliveryState) -> bool:
    """Whether an attempt's outcome may move its delivery: it is being sent, or its lease was ended during the attempt.

    One that was ended as ``unknown`` is not so any more, once whoever was taken for dead tells what became of it.
    """
    return before in OPEN | {DeliveryState.UNKNOWN} and may_move(DeliveryState.SENDING, after)


def settled_row(attempt: Attempt, state: DeliveryState, next_attempt_at: datetime) -> dict[str, Any]:
    """Return the columns that an attempt's outcome changes."""
    return {
        "delivery": attempt.delivery_id,
        "state": state.value,
        "next_attempt_at": None if state.is_final else next_attempt_at,
        "ready_at": None if state.is_final else next_attempt_at,
        "finished_at": attempt.finished_at if state.is_final else None,
        "reply_code": attempt.outcome.code,
        "reply_text": attempt.outcome.text,
        "lease_owner": None,
        "begun_at": None,
        "relay": attempt.outcome.relay,
        "doubt": attempt.outcome.is_unknown,
    }
