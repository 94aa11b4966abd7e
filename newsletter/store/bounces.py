"""What came back: each bounce once, with what it changed, and the scores of people."""

from __future__ import annotations

import re
import zlib
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, or_, select, update

from newsletter.errors import NotFoundError
from newsletter.model import Bounce, BounceKind, BounceScore, IssueKind, Standing, Verdict
from newsletter.store.deliveryrows import delivery_of
from newsletter.store.dialect import READING_LOCK, SUBSCRIBERS_LOCK, WAITS_LONG
from newsletter.store.part import Part, chunks
from newsletter.store.schema import bounce_scores, bounces, deliveries, subscribers
from newsletter.store.subscribers import subscribers_by_id
from newsletter.store.suppressions import put_suppressions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from datetime import datetime

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import Delivery

ENVELOPE_ID: Final = re.compile(r"[1-9][0-9]{0,8}")  # as many digits as every database's numbers have
FORGOTTEN_AT_ONCE: Final = 5_000
ADVICE: Final = "the list of bounces shows what there is"


class BounceTables(Part):
    """:class:`newsletter.ports.BounceStore` over the tables."""

    async def record_bounce(self, bounce: Bounce, judge: Callable[[Standing], Verdict]) -> Verdict | None:
        """Keep a bounce and what it changes, in one transaction; None when its ``event_key`` is known."""
        async with self.database.write() as connection:
            await self.database.lock(connection, SUBSCRIBERS_LOCK)
            kept, is_probe = await with_what_exists(connection, bounce)
            statement = self.database.insert(bounces).values(bounce_row(kept))
            once = statement.on_conflict_do_nothing(index_elements=["event_key"]).returning(bounces.c.id)
            if (await connection.execute(once)).scalar_one_or_none() is None:
                return None
            if kept.subscriber_id is None:
                return Verdict()
            people = await subscribers_by_id(connection, [kept.subscriber_id])
            scores = await scores_of(connection, [kept.subscriber_id])
            standing = Standing(people[kept.subscriber_id], scores.get(kept.subscriber_id), is_probe)
            verdict = judge(standing)
            await self.apply(connection, standing, verdict, kept)
            return verdict

    async def apply(self, connection: AsyncConnection, standing: Standing, verdict: Verdict, bounce: Bounce) -> None:
        """Change what a verdict says."""
        who = standing.subscriber.id
        if verdict.status is not None:
            values = {"status": verdict.status.value, "status_reason": verdict.reason, "paused_until": None}
            changed = update(subscribers).where(subscribers.c.id == who)
            await connection.execute(changed.values(values | {"updated_at": bounce.recorded_at}))
        if verdict.suppression is not None:
            await put_suppressions(self.database, connection, [verdict.suppression])
        if verdict.score != standing.score:
            await connection.execute(delete(bounce_scores).where(bounce_scores.c.subscriber_id == who))
            if verdict.score is not None:
                await connection.execute(bounce_scores.insert().values(score_row(who, verdict.score)))

    async def list_bounces(
        self,
        *,
        kind: BounceKind | None = None,
        subscriber_id: int | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[Bounce]:
        """Return bounces, newest first, with ids below ``before_id``."""
        query = select(bounces).order_by(bounces.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(bounces.c.id < before_id)
        if kind is not None:
            query = query.where(bounces.c.kind == kind.value)
        if subscriber_id is not None:
            query = query.where(bounces.c.subscriber_id == subscriber_id)
        async with self.database.read() as connection:
            return [bounce_of(row) for row in await connection.execute(query)]

    async def bounce(self, bounce_id: int) -> Bounce:
        """Return one bounce; NotFoundError when unknown."""
        async with self.database.read() as connection:
            row = (await connection.execute(select(bounces).where(bounces.c.id == bounce_id))).one_or_none()
        if row is None:
            raise NotFoundError(f"no bounce with id {bounce_id}; {ADVICE}")
        return bounce_of(row)

    async def find_by_message_id(self, subscriber_id: int, message_ids: Collection[str]) -> Delivery | None:
        """Return the delivery to this subscriber that had one of these Message-IDs (without brackets), or envelope ids
        (its number; RFC 3461), if any.
        """
        wanted = [form for each in message_ids for form in (each, f"<{each}>")]
        numbers = [int(each) for each in message_ids if ENVELOPE_ID.fullmatch(each)]
        is_named = or_(deliveries.c.message_id.in_(wanted), deliveries.c.id.in_(numbers))
        query = select(deliveries).where(deliveries.c.subscriber_id == subscriber_id, is_named)
        query = query.order_by(deliveries.c.id.desc()).limit(1)
        async with self.database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else delivery_of(row)

    async def scores(self, subscriber_ids: Collection[int]) -> dict[int, BounceScore]:
        """Return the scores of those of these people who have one, as they were when they were last changed."""
        async with self.database.read() as connection:
            return await scores_of(connection, subscriber_ids)

    async def probes(self, subscriber_ids: Collection[int]) -> dict[int, Delivery]:
        """Return the newest probe of each of these people who ever had one."""
        found: dict[int, Delivery] = {}
        query = select(deliveries).where(deliveries.c.kind == IssueKind.PROBE.value).order_by(deliveries.c.id)
        async with self.database.read() as connection:
            for chunk in chunks(subscriber_ids):
                for row in await connection.execute(query.where(deliveries.c.subscriber_id.in_(chunk))):
                    found[row.subscriber_id] = delivery_of(row)
        return found

    async def forget_scores(self, subscriber_ids: Collection[int]) -> int:
        """Forget how much has come back from these people, and end their probation; return how many had a score."""
        forgotten = 0
        async with self.database.write() as connection:
            for chunk in chunks(subscriber_ids):
                gone = await connection.execute(delete(bounce_scores).where(bounce_scores.c.subscriber_id.in_(chunk)))
                forgotten += gone.rowcount
        return forgotten

    async def forget_bounces(self, recorded_before: datetime) -> int:
        """Forget bounces that were recorded before then, the oldest five thousand of them; return how many."""
        old = select(bounces.c.id).where(bounces.c.recorded_at < recorded_before)
        old = old.order_by(bounces.c.recorded_at).limit(FORGOTTEN_AT_ONCE)
        async with self.database.read() as connection:
            if (await connection.execute(old.limit(1))).first() is None:
                return 0
        async with self.database.write() as connection:
            return (await connection.execute(delete(bounces).where(bounces.c.id.in_(old)))).rowcount

    @asynccontextmanager
    async def reading(self, mailbox: str) -> AsyncIterator[bool]:
        """Yield whether we may read a mailbox, for as long as the context lasts: one process at a time does."""
        if self.database.is_sqlite:  # where one process holds the store
            yield True
            return
        async with self.database.write() as connection:
            await connection.execute(WAITS_LONG)
            number = zlib.crc32(mailbox.encode()) >> 1  # PostgreSQL's has a sign
            alone = await connection.execute(select(func.pg_try_advisory_xact_lock(READING_LOCK, number)))
            yield bool(alone.scalar_one())


async def with_what_exists(connection: AsyncConnection, bounce: Bounce) -> tuple[Bounce, bool]:
    """Return ``bounce`` without a subscriber or delivery that is gone, and whether its delivery was a probe."""
    query = select(deliveries.c.kind).where(deliveries.c.id == bounce.delivery_id)
    kind = (await connection.execute(query)).scalar_one_or_none()
    known = select(subscribers.c.id).where(subscribers.c.id == bounce.subscriber_id)
    who = (await connection.execute(known)).scalar_one_or_none()
    kept = replace(bounce, subscriber_id=who, delivery_id=None if kind is None else bounce.delivery_id)
    return kept, kind == IssueKind.PROBE.value


async def scores_of(connection: AsyncConnection, subscriber_ids: Collection[int]) -> dict[int, BounceScore]:
    """Return the scores of those of these people who have one."""
    found: dict[int, BounceScore] = {}
    for chunk in chunks(subscriber_ids):
        query = select(bounce_scores).where(bounce_scores.c.subscriber_id.in_(chunk))
        for row in await connection.execute(query):
            found[row.subscriber_id] = BounceScore(row.score, row.scored_at, row.probation_since)
    return found


def score_row(subscriber_id: int, score: BounceScore) -> dict[str, Any]:
    """Return a score as a row."""
    return {
        "subscriber_id": subscriber_id,
        "score": score.value,
        "scored_at": score.scored_at,
        "probation_since": score.probation_since,
    }


def bounce_row(bounce: Bounce) -> dict[str, Any]:
    """Return a bounce as a row; the database gives it its number."""
    return {
        "kind": bounce.kind.value,
        "source": bounce.source,
        "recorded_at": bounce.recorded_at,
        "event_key": bounce.event_key,
        "subscriber_id": bounce.subscriber_id,
        "delivery_id": bounce.delivery_id,
        "enhanced_code": bounce.enhanced_code,
        "text": bounce.text,
    }


def bounce_of(row: Row[Any]) -> Bounce:
    """Return the bounce in a row."""
    return Bounce(
        kind=BounceKind(row.kind),
        source=row.source,
        recorded_at=row.recorded_at,
        event_key=row.event_key,
        subscriber_id=row.subscriber_id,
        delivery_id=row.delivery_id,
        enhanced_code=row.enhanced_code,
        text=row.text,
        id=row.id,
    )
