"""Planning issues: deliveries and the ledger of who gets which paper, stored before anything is sent."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, insert, or_, select, update

from newsletter.core.deliveries import OPEN
from newsletter.model import DeliveryState, Digest
from newsletter.store.accounting import count_planned
from newsletter.store.codec import content_hash, dumps, loads
from newsletter.store.deliveryrows import planned_row
from newsletter.store.dialect import PLANNING_LOCK
from newsletter.store.issuearchive import archive_digests
from newsletter.store.papers import resolve_ids
from newsletter.store.part import Part, chunks
from newsletter.store.schema import deliveries, digests, ledger, ledger_updates, subscribers
from newsletter.store.waking import notify

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import Row, Select, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import PlannedDelivery
    from newsletter.store.dialect import Database

PAPERS_CHUNK: Final = 5000
IS_ISSUE: Final = deliveries.c.number == 0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a delivery asks of the ledger: ``papers`` must be free, ``shown`` may be there already, and so on.

    ``shown`` are papers listed as updates alone: who has seen version 2 has seen the paper, so it goes into the ledger
    if it is not there. ``updates`` are the (paper, version) pairs, which must be free as well.
    """

    papers: frozenset[int]
    shown: frozenset[int]
    updates: frozenset[tuple[int, int]]


def claim_of(digest: Digest, updates: Iterable[tuple[int, int]], stored_ids: Mapping[int, int]) -> Claim:
    """Return what the ledger must hold once ``digest`` is planned; ``stored_ids`` tells which papers were united."""
    listed = [paper for section in digest.sections for paper in section.papers]
    papers = frozenset(stored_ids[paper.paper_id] for paper in listed if not paper.is_update)
    shown = frozenset(stored_ids[paper.paper_id] for paper in listed) - papers
    return Claim(papers, shown, frozenset((stored_ids[paper_id], version) for paper_id, version in updates))


async def give_back(connection: AsyncConnection, delivery_ids: Collection[int]) -> None:
    """Take the papers of deliveries that came to nothing out of the ledger."""
    for chunk in chunks(delivery_ids):
        for table in (ledger, ledger_updates):
            await connection.execute(delete(table).where(table.c.delivery_id.in_(chunk)))


async def write_claims(
    database: Database, connection: AsyncConnection, claims: Sequence[tuple[int, int, Claim]]
) -> None:
    """Write (subscriber, delivery, claim) into the ledger; rows that a claim only shows may be there already."""
    papers, shown, updates = [], [], []
    for subscriber_id, delivery_id, claim in claims:
        who = {"subscriber_id": subscriber_id, "delivery_id": delivery_id}
        papers += [{**who, "paper_id": paper_id} for paper_id in claim.papers]
        shown += [{**who, "paper_id": paper_id} for paper_id in claim.shown]
        updates += [{**who, "paper_id": paper_id, "version": version} for paper_id, version in claim.updates]
    if papers:
        await connection.execute(insert(ledger), papers)
    if shown:
        await connection.execute(database.insert(ledger).on_conflict_do_nothing(), shown)
    if updates:
        await connection.execute(insert(ledger_updates), updates)


@dataclass(slots=True)
class Standing:
    """How things stand for the people of a batch, before it is planned."""

    known: set[int] = field(default_factory=set)
    issued: set[tuple[int, date]] = field(default_factory=set)
    open: dict[int, list[Row[Any]]] = field(default_factory=lambda: defaultdict(list))
    papers: dict[tuple[int, int], int] = field(default_factory=dict)  # (subscriber, paper) -> delivery
    updates: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def superseded_by(self, planned: PlannedDelivery) -> list[int] | None:
        """Return the older deliveries that ``planned`` takes the place of, or None when it must not be planned."""
        who, digest = planned.subscriber_id, planned.digest
        if who not in self.known or (who, digest.issue_date) in self.issued:
            return None
        older = self.open[who]
        if any(row.state == DeliveryState.SENDING.value or row.issue_date > digest.issue_date for row in older):
            return None
        return [row.id for row in older if not row.is_unknown]

    def is_free(self, who: int, claim: Claim, superseded: Collection[int]) -> bool:
        """Whether the ledger lets ``who`` have what ``claim`` asks for, once ``superseded`` gave theirs back."""
        holders = [self.papers.get((who, paper_id)) for paper_id in claim.papers]
        holders += [self.updates.get((who, *update)) for update in claim.updates]
        return all(holder is None or holder in superseded for holder in holders)

    def take(self, planned: PlannedDelivery, claim: Claim) -> None:
        """Count ``planned`` as stored, for the rest of the batch."""
        who, digest = planned.subscriber_id, planned.digest
        self.issued.add((who, digest.issue_date))
        self.papers.update(dict.fromkeys(((who, paper_id) for paper_id in claim.papers | claim.shown), 0))
        self.updates.update(dict.fromkeys(((who, *update) for update in claim.updates), 0))


class PlanningTables(Part):
    """The planning half of :class:`newsletter.ports.DeliveryStore`."""

    async def plan(
        self, planned: Sequence[PlannedDelivery], updates: Mapping[int, Sequence[tuple[int, int]]], now: datetime
    ) -> int:
        """Store deliveries, their digests and their ledger rows in one transaction; return how many were new.

        Several may plan at once, also the same people: each takes the rows of people, deliveries, digests and issues in
        this order, and each kind in the order of its keys, so that no two wait for each other.
        """
        async with self.database.write() as connection:
            await self.database.lock(connection, PLANNING_LOCK, shared=True)
            accepted, superseded = await self.decide(connection, planned, updates)
            await self.supersede(connection, superseded, now)
            await self.store(connection, accepted, updates, now)
            dates = Counter(each.digest.issue_date for each, _ in accepted)
            await count_planned(self.database, connection, dates, now)
            if accepted:
                await notify(self.database, connection)
            return len(accepted)

    async def decide(
        self,
        connection: AsyncConnection,
        planned: Sequence[PlannedDelivery],
        updates: Mapping[int, Sequence[tuple[int, int]]],
    ) -> tuple[list[tuple[PlannedDelivery, Claim]], list[int]]:
        """Return which of ``planned`` may be stored, and which older deliveries they take the place of."""
        noted = {paper_id for each in planned for paper_id, _ in updates.get(each.subscriber_id, ())}
        distinct = {id(each.digest): each.digest for each in planned}.values()
        stored_ids = await resolve_ids(connection, noted.union(*(digest.paper_ids for digest in distinct)))
        people = {each.subscriber_id for each in planned}
        standing = await self.standing(connection, people, set(stored_ids.values()))
        standing.issued = await issues(connection, people, {each.digest.issue_date for each in planned})
        accepted: list[tuple[PlannedDelivery, Claim]] = []
        superseded: list[int] = []
        for each in planned:
            older = standing.superseded_by(each)
            claim = claim_of(each.digest, updates.get(each.subscriber_id, ()), stored_ids)
            if older is not None and standing.is_free(each.subscriber_id, claim, older):
                standing.take(each, claim)
                standing.open[each.subscriber_id] = []
                superseded += older
                accepted.append((each, claim))
        return accepted, superseded

    async def standing(self, connection: AsyncConnection, people: set[int], paper_ids: set[int]) -> Standing:
        """Return what is stored about ``people``: who exists, their issues, open deliveries, and ledger."""
        standing = Standing(known=await hold_people(connection, people))
        columns = [deliveries.c[name] for name in ("id", "subscriber_id", "issue_date", "state", "is_unknown")]
        still_open = select(*columns).where(IS_ISSUE, deliveries.c.state.in_([state.value for state in OPEN]))
        still_open = still_open.order_by(deliveries.c.subscriber_id, deliveries.c.id).with_for_update()
        for chunk in chunks(sorted(people)):
            for row in await connection.execute(still_open.where(deliveries.c.subscriber_id.in_(chunk))):
                standing.open[row.subscriber_id].append(row)
        standing.papers = {
            (row.subscriber_id, row.paper_id): row.delivery_id
            for row in await ledger_rows(connection, ledger, people, paper_ids)
        }
        standing.updates = {
            (row.subscriber_id, row.paper_id, row.version): row.delivery_id
            for row in await ledger_rows(connection, ledger_updates, people, paper_ids)
        }
        return standing

    async def supersede(self, connection: AsyncConnection, delivery_ids: Sequence[int], now: datetime) -> None:
        """End deliveries whose place a newer one takes, and give their papers back."""
        ended = {"state": DeliveryState.SUPERSEDED.value, "finished_at": now, "ready_at": None}
        for chunk in chunks(delivery_ids):
            await connection.execute(update(deliveries).where(deliveries.c.id.in_(chunk)).values(ended))
        await give_back(connection, delivery_ids)

    async def store(
        self,
        connection: AsyncConnection,
        accepted: Sequence[tuple[PlannedDelivery, Claim]],
        updates: Mapping[int, Sequence[tuple[int, int]]],
        now: datetime,
    ) -> None:
        """Store deliveries that may be stored, their digests and their ledger rows."""
        if not accepted:
            return
        digest_ids = await self.store_digests(connection, [planned.digest for planned, _ in accepted], now)
        await archive_digests(self.database, connection, [planned.digest for planned, _ in accepted])
        rows = [
            planned_row(planned, digest_ids[id(planned.digest)], updates.get(planned.subscriber_id, ()), now)
            for planned, _ in accepted
        ]
        # Read back, for RETURNING in the order of the rows costs SQLite one statement for each of them.
        await connection.execute(insert(deliveries), rows)
        ids = await planned_ids(connection, rows)
        claims = [
            (planned.subscriber_id, ids[planned.subscriber_id, planned.digest.issue_date], claim)
            for planned, claim in accepted
        ]
        await write_claims(self.database, connection, claims)
        by_date: dict[date, list[int]] = defaultdict(list)
        for planned, _ in accepted:
            by_date[planned.digest.issue_date].append(planned.subscriber_id)
        for issue_date, people in by_date.items():
            await remember_issue(connection, people, issue_date)

    async def store_digests(
        self, connection: AsyncConnection, listed: Sequence[Digest], now: datetime
    ) -> dict[int, int]:
        """Return the id of each digest's row by the object's identity; equal digests share one."""
        texts = {id(digest): dumps(digest) for digest in {id(digest): digest for digest in listed}.values()}
        hashes = {key: content_hash(text) for key, text in texts.items()}
        rows = dict(sorted((hashes[key], text) for key, text in texts.items()))
        values = [{"content_hash": name, "content": text, "created_at": now} for name, text in rows.items()]
        await connection.execute(self.database.insert(digests).on_conflict_do_nothing(), values)
        stored: dict[str, int] = {}
        for chunk in chunks(rows):
            query = select(digests.c.content_hash, digests.c.id).where(digests.c.content_hash.in_(chunk))
            stored.update({row.content_hash: row.id for row in await connection.execute(query)})
        return {key: stored[name] for key, name in hashes.items()}

    async def skip(self, subscriber_ids: Sequence[int], issue_date: date) -> None:
        """Remember that these people's issue of this date held nothing, and that nothing shall be sent for it.

        What :meth:`last_delivered` says stays: the next digest looks again at everything since the last one delivered.
        """
        async with self.database.write() as connection:
            await hold_people(connection, subscriber_ids)
            await remember_issue(connection, subscriber_ids, issue_date)

    async def retry(self, delivery_ids: Sequence[int], now: datetime) -> int:
        """Make rejected, expired, deferred or unknown deliveries due at once; return how many were moved.

        Rejected and expired ones take their papers again; one whose papers have gone out otherwise is left alone.
        Unknown ones have kept theirs.
        """
        moved = 0
        async with self.database.write() as connection:
            await self.database.lock(connection, PLANNING_LOCK)
            for chunk in chunks(delivery_ids):
                due = {"next_attempt_at": now, "ready_at": now}
                deferred = and_(deliveries.c.id.in_(chunk), deliveries.c.state == DeliveryState.DEFERRED.value)
                hastened = await connection.execute(update(deliveries).where(deferred).values(due))
                moved += hastened.rowcount
                moved += await self.plan_again(connection, chunk, now)
                moved += await self.plan_doubtful(connection, chunk, now)
            if moved:
                await notify(self.database, connection)
        return moved

    async def plan_again(self, connection: AsyncConnection, delivery_ids: Sequence[int], now: datetime) -> int:
        """Put ended deliveries back to planned where the ledger still has room for their papers."""
        ended = [DeliveryState.REJECTED.value, DeliveryState.EXPIRED.value]
        query = select(deliveries, digests.c.content).join(digests, digests.c.id == deliveries.c.digest_id)
        query = query.where(deliveries.c.id.in_(delivery_ids), deliveries.c.state.in_(ended)).order_by(deliveries.c.id)
        rows = (await connection.execute(query.with_for_update(of=deliveries))).all()
        claims = []
        for row in rows:
            digest = loads(Digest, row.content)
            noted = [(paper_id, version) for paper_id, version in json.loads(row.updates)]
            stored_ids = await resolve_ids(connection, {*digest.paper_ids, *(paper_id for paper_id, _ in noted)})
            claim = claim_of(digest, noted, stored_ids)
            standing = await self.standing(connection, {row.subscriber_id}, set(stored_ids.values()))
            if not standing.is_free(row.subscriber_id, claim, ()):
                continue
            await write_claims(self.database, connection, [(row.subscriber_id, row.id, claim)])
            claims.append(row.id)
        again = {"state": DeliveryState.PLANNED.value, "next_attempt_at": now, "ready_at": now, "finished_at": None}
        await connection.execute(update(deliveries).where(deliveries.c.id.in_(claims)).values(again))
        return len(claims)

    async def plan_doubtful(self, connection: AsyncConnection, delivery_ids: Sequence[int], now: datetime) -> int:
        """Put deliveries that may have arrived back to planned, for somebody would rather have them twice."""
        again = {"state": DeliveryState.PLANNED.value, "next_attempt_at": now, "ready_at": now, "finished_at": None}
        unknown = and_(deliveries.c.id.in_(delivery_ids), deliveries.c.state == DeliveryState.UNKNOWN.value)
        moved = await connection.execute(update(deliveries).where(unknown).values({**again, "is_unknown": True}))
        return moved.rowcount


async def hold_people(connection: AsyncConnection, people: Collection[int]) -> set[int]:
    """Return which of these people exist, and let nobody else plan for, change or remove them until the end.

    SQLite's write lock does that already.
    """
    known: set[int] = set()
    query = select(subscribers.c.id).order_by(subscribers.c.id).with_for_update(key_share=True)
    for chunk in chunks(sorted(people)):
        known.update((await connection.execute(query.where(subscribers.c.id.in_(chunk)))).scalars())
    return known


async def remember_issue(connection: AsyncConnection, subscriber_ids: Sequence[int], issue_date: date) -> None:
    """Note that these people's newest issue is of ``issue_date``, unless they had a newer one."""
    last = subscribers.c.last_issue_date
    for chunk in chunks(subscriber_ids):
        here = subscribers.c.id.in_(chunk), or_(last.is_(None), last < issue_date)
        await connection.execute(update(subscribers).where(*here).values(last_issue_date=issue_date))


async def planned_ids(connection: AsyncConnection, rows: Collection[Mapping[str, Any]]) -> dict[tuple[int, date], int]:
    """Return the ids of the issues of these rows' people and dates: (subscriber, date) is unique."""
    columns = deliveries.c.subscriber_id, deliveries.c.issue_date, deliveries.c.id
    dates = {row["issue_date"] for row in rows}
    query = select(*columns).where(IS_ISSUE, deliveries.c.issue_date.in_(dates))
    found: dict[tuple[int, date], int] = {}
    for people in chunks(row["subscriber_id"] for row in rows):
        for row in await connection.execute(query.where(deliveries.c.subscriber_id.in_(people))):
            found[row.subscriber_id, row.issue_date] = row.id
    return found


async def issues(
    connection: AsyncConnection, people: Collection[int], dates: Collection[date]
) -> set[tuple[int, date]]:
    """Return which issues of these people and dates exist: (subscriber, date)."""
    columns = deliveries.c.subscriber_id, deliveries.c.issue_date
    found: set[tuple[int, date]] = set()
    query = select(*columns).where(IS_ISSUE, deliveries.c.issue_date.in_(dates))
    for chunk in chunks(people):
        rows = await connection.execute(query.where(deliveries.c.subscriber_id.in_(chunk)))
        found.update((row.subscriber_id, row.issue_date) for row in rows)
    return found


async def ledger_rows(
    connection: AsyncConnection, table: Table, people: Collection[int], paper_ids: Collection[int]
) -> list[Row[Any]]:
    """Return the rows of a ledger for these people and papers."""
    return await found_rows(connection, select(table), table, people, paper_ids)


async def settled_rows(
    connection: AsyncConnection, table: Table, people: Collection[int], paper_ids: Collection[int]
) -> list[Row[Any]]:
    """Return those of them whose delivery no newer issue would take the place of."""
    waits = deliveries.c.state.in_([DeliveryState.PLANNED.value, DeliveryState.DEFERRED.value])
    query = select(table).join(deliveries, deliveries.c.id == table.c.delivery_id)
    query = query.where(or_(~waits, deliveries.c.is_unknown))
    return await found_rows(connection, query, table, people, paper_ids)


async def found_rows(
    connection: AsyncConnection,
    query: Select[Any],
    table: Table,
    people: Collection[int],
    paper_ids: Collection[int],
) -> list[Row[Any]]:
    """Return what ``query`` finds in ``table`` for these people and papers."""
    found: list[Row[Any]] = []
    for who in chunks(people):
        for which in chunks(paper_ids, PAPERS_CHUNK):
            here = table.c.subscriber_id.in_(who), table.c.paper_id.in_(which)
            found += (await connection.execute(query.where(*here))).all()
    return found
