"""The outbox of outgoing webhooks: claimed, tried, and kept until it is told or too late.

A claim moves ``ready_at`` on: should the process die, the posting is ready again when that time has come. A clock that
is wrong can at worst have it posted twice, under the same id, which is what receivers are told to expect.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, case, delete, exists, func, insert, or_, select, update

from newsletter.core.deliveries import OPEN
from newsletter.errors import NotFoundError
from newsletter.model import DeliveryState, EventKind, Posting, PostingState, WebhookStanding
from newsletter.store.part import Part, chunks
from newsletter.store.schema import deliveries, issues, postings, subscribers, told_issues, webhooks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import Posted, WantedWebhook

WAITING, ACCEPTED, FAILED = PostingState.WAITING.value, PostingState.ACCEPTED.value, PostingState.FAILED.value
WEBHOOKS_LOCK: Final = 7_461_011
OPEN_STATES: Final = sorted(state.value for state in OPEN)
NO_LONGER_THERE: Final = "the webhook is no longer in the configuration"
MOST_LISTED: Final = 100_000


class WebhookTables(Part):
    """:class:`newsletter.ports.WebhookStore` over the tables."""

    async def sync_webhooks(self, wanted: Sequence[WantedWebhook], now: datetime) -> bool:
        """Tell those of ``wanted`` from now on, and no others; return whether that changed anything."""
        after = {each.name: (events_text(each), each.with_address) for each in wanted}
        async with self.database.read() as connection:
            if after == await told_now(connection):
                return False
        async with self.database.write() as connection:
            await self.database.lock(connection, WEBHOOKS_LOCK)
            before = await told_now(connection)
            for name in before.keys() - after.keys():
                await connection.execute(delete(webhooks).where(webhooks.c.name == name))
                waiting = and_(postings.c.webhook == name, postings.c.state == WAITING)
                await connection.execute(update(postings).where(waiting).values(ended(FAILED, NO_LONGER_THERE, now)))
            for name, (events, with_address) in after.items():
                said = {"events": events, "with_address": with_address}
                row = {"name": name, **said, "since": now, "failures": 0, "fault": ""}
                new = self.database.insert(webhooks).values(row)
                await connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=said))
        return True

    async def tell_issues(self, now: datetime) -> int:
        """Write for each issue date of which nothing is on its way any more; return how many dates."""
        async with self.database.read() as connection:
            if not (await connection.execute(finished_issues())).all():
                return 0
        async with self.database.write() as connection:
            await self.database.lock(connection, WEBHOOKS_LOCK)
            found = (await connection.execute(finished_issues())).all()
            told = (await connection.execute(select(webhooks).where(webhooks.c.events.contains(word(ISSUE))))).all()
            for row in found:
                data = json.dumps(await sums_of(connection, row))
                names = [each.name for each in told if each.since <= row.last_planned_at]
                rows = [posting_row(name, EventKind.ISSUE_SENT, now, data) for name in names]
                if rows:
                    await connection.execute(insert(postings), rows)
                new = self.database.insert(told_issues).values(issue_date=row.issue_date, planned=row.planned)
                kept = new.on_conflict_do_update(index_elements=["issue_date"], set_={"planned": row.planned})
                await connection.execute(kept)
        return len(found)

    async def claim_postings(self, webhook: str, limit: int, length: timedelta, now: datetime) -> list[Posting]:
        """Return up to ``limit`` postings that are ready, oldest first, and keep others off them for ``length``."""
        ready = select(postings.c.id).where(postings.c.webhook == webhook, postings.c.ready_at <= now)
        ready = ready.order_by(postings.c.ready_at, postings.c.id).with_for_update(skip_locked=True)
        async with self.database.read() as connection:
            if (await connection.execute(ready.with_only_columns(postings.c.id).limit(1))).first() is None:
                return []
        async with self.database.write() as connection:
            whose = select(webhooks).where(webhooks.c.name == webhook)
            row = (await connection.execute(whose)).one_or_none()
            if row is None or (row.retry_at is not None and row.retry_at > now):
                return []
            ids = list((await connection.execute(ready.limit(1 if row.failures else limit))).scalars())
            held = update(postings).where(postings.c.id.in_(ids)).values(ready_at=now + length)
            rows = (await connection.execute(held.returning(postings))).all()
        return sorted(map(posting_of, rows), key=lambda each: each.id)

    async def settle_posting(
        self,
        posting: Posting,
        posted: Posted,
        next_at: datetime | None,
        left_alone_until: Callable[[int], datetime],
        now: datetime,
    ) -> None:
        """Keep what a try came to."""
        values: dict[str, Any] = {"attempts": postings.c.attempts + 1, "status_code": posted.status_code}
        if posted.is_accepted:
            values |= ended(ACCEPTED, "", now) | {"address": None}
        elif next_at is None:
            still_there = exists().where(subscribers.c.id == postings.c.subscriber_id)
            values |= ended(FAILED, posted.fault, now) | {"address": case((still_there, postings.c.address))}
        else:
            values |= {"ready_at": next_at, "fault": posted.fault}
        async with self.database.write() as connection:
            here = and_(postings.c.id == posting.id, postings.c.state == WAITING)
            await connection.execute(update(postings).where(here).values(values))
            its = webhooks.c.name == posting.webhook
            row = (await connection.execute(select(webhooks).where(its).with_for_update())).one_or_none()
            if row is not None and (posted.is_accepted or row.retry_at is None or row.retry_at <= now):
                after = standing_after(row, posted, left_alone_until, now)
                await connection.execute(update(webhooks).where(its).values(after))

    async def list_postings(
        self, *, webhook: str | None = None, state: PostingState | None = None, limit: int = 100
    ) -> list[Posting]:
        """Return postings, newest first."""
        query = select(postings).order_by(postings.c.id.desc()).limit(limit)
        if webhook is not None:
            query = query.where(postings.c.webhook == webhook)
        if state is not None:
            query = query.where(postings.c.state == state.value)
        async with self.database.read() as connection:
            return [posting_of(row) for row in await connection.execute(query)]

    async def retry_postings(self, choose: Callable[[Posting], bool], now: datetime) -> int:
        """Make postings that failed or wait ready at once, with a new deadline, and their webhooks too."""
        async with self.database.write() as connection:
            names = set(await told_now(connection))
            query = select(postings).where(postings.c.state.in_((WAITING, FAILED)), postings.c.webhook.in_(names))
            rows = await connection.execute(query.order_by(postings.c.id).limit(MOST_LISTED))
            chosen = [each for each in map(posting_of, rows) if choose(each)]
            again = {"state": WAITING, "ready_at": now, "since": now, "finished_at": None}
            for chunk in chunks(each.id for each in chosen):
                await connection.execute(update(postings).where(postings.c.id.in_(chunk)).values(again))
            for name in {each.webhook for each in chosen}:
                await connection.execute(update(webhooks).where(webhooks.c.name == name).values(retry_at=None))
        return len(chosen)

    async def put_test(self, webhook: str, now: datetime) -> Posting:
        """Write a test for a webhook; NotFoundError when it is none."""
        async with self.database.write() as connection:
            names = await told_now(connection)
            if webhook not in names:
                raise NotFoundError(f"there is no webhook “{webhook}”; there are: {', '.join(sorted(names)) or 'none'}")
            row = posting_row(webhook, EventKind.TEST, now, "{}")
            made = await connection.execute(insert(postings).values(row).returning(postings))
            return posting_of(made.one())

    async def webhook_standings(self) -> list[WebhookStanding]:
        """Return how each webhook stands, by name."""
        counts = select(postings.c.webhook, postings.c.state, func.count().label("number"), oldest())
        counts = counts.where(postings.c.state != ACCEPTED).group_by(postings.c.webhook, postings.c.state)
        async with self.database.read() as connection:
            rows = (await connection.execute(select(webhooks).order_by(webhooks.c.name))).all()
            found = {(row.webhook, row.state): row for row in await connection.execute(counts)}
        return [standing_of(row, found.get((row.name, WAITING)), found.get((row.name, FAILED))) for row in rows]

    async def forget_postings(self, ended_before: datetime) -> int:
        """Forget postings that ended before then; return how many."""
        old = and_(postings.c.state != WAITING, postings.c.finished_at < ended_before)
        async with self.database.read() as connection:
            if (await connection.execute(select(postings.c.id).where(old).limit(1))).first() is None:
                return 0
        async with self.database.write() as connection:
            return (await connection.execute(delete(postings).where(old))).rowcount


ISSUE: Final = EventKind.ISSUE_SENT


def word(kind: EventKind) -> str:
    """Return an event as it stands in a webhook's row."""
    return f" {kind.value} "


def events_text(wanted: WantedWebhook) -> str:
    """Return the events of a webhook as its row holds them."""
    return f" {' '.join(sorted(wanted.events))} "


async def told_now(connection: AsyncConnection) -> dict[str, tuple[str, bool]]:
    """Return what each webhook is told, and whether with addresses."""
    rows = await connection.execute(select(webhooks.c.name, webhooks.c.events, webhooks.c.with_address))
    return {row.name: (row.events, row.with_address) for row in rows}


def ended(state: str, fault: str, now: datetime) -> dict[str, Any]:
    """Return the columns of a posting that has ended."""
    return {"state": state, "fault": fault, "finished_at": now, "ready_at": None}


def standing_after(
    row: Row[Any], posted: Posted, left_alone_until: Callable[[int], datetime], now: datetime
) -> dict[str, Any]:
    """Return the columns of a webhook after a try."""
    if posted.is_accepted:
        return {"failures": 0, "failing_since": None, "retry_at": None, "fault": "", "accepted_at": now}
    return {
        "failures": row.failures + 1,
        "failing_since": row.failing_since or now,
        "retry_at": left_alone_until(row.failures),
        "fault": posted.fault,
    }


def finished_issues() -> Any:
    """Return the query for issues that are to be told: mails were planned since, and none is on its way."""
    on_its_way = exists().where(deliveries.c.issue_date == issues.c.issue_date, deliveries.c.state.in_(OPEN_STATES))
    wanted = exists().where(webhooks.c.events.contains(word(ISSUE)), webhooks.c.since <= issues.c.last_planned_at)
    told = told_issues.c.planned
    query = select(issues).outerjoin(told_issues, told_issues.c.issue_date == issues.c.issue_date)
    return query.where(or_(told.is_(None), told < issues.c.planned), wanted, ~on_its_way)


async def sums_of(connection: AsyncConnection, issue: Row[Any]) -> dict[str, Any]:
    """Return what became of an issue's mails."""
    counts = select(deliveries.c.state, func.count()).where(deliveries.c.issue_date == issue.issue_date)
    rows = await connection.execute(counts.group_by(deliveries.c.state))
    found: dict[str, int] = {row[0]: row[1] for row in rows}
    ends = {state.value: found.get(state.value, 0) for state in DeliveryState if state.is_final}
    return {
        "issue_date": issue.issue_date.isoformat(),
        "planned": issue.planned,
        **ends,
        "forgotten": issue.forgotten,
    }


def posting_row(webhook: str, kind: EventKind, now: datetime, data: str) -> dict[str, Any]:
    """Return a new posting that is about nobody, as a row."""
    return {
        "event_id": secrets.token_hex(16),
        "webhook": webhook,
        "kind": kind.value,
        "occurred_at": now,
        "data": data,
        "state": WAITING,
        "attempts": 0,
        "since": now,
        "ready_at": now,
        "fault": "",
    }


def posting_of(row: Row[Any]) -> Posting:
    """Return the posting in a row."""
    return Posting(
        id=row.id,
        event_id=row.event_id,
        webhook=row.webhook,
        kind=EventKind(row.kind),
        occurred_at=row.occurred_at,
        subscriber_id=row.subscriber_id,
        address=row.address,
        data=json.loads(row.data),
        state=PostingState(row.state),
        attempts=row.attempts,
        since=row.since,
        ready_at=row.ready_at,
        finished_at=row.finished_at,
        status_code=row.status_code,
        fault=row.fault,
    )


def oldest() -> Any:
    """Return the column for when the oldest of a group began."""
    return func.min(postings.c.since).label("oldest_at")


def standing_of(row: Row[Any], waiting: Row[Any] | None, failed: Row[Any] | None) -> WebhookStanding:
    """Return how the webhook in a row stands, with what waits for it and what came too late."""
    return WebhookStanding(
        name=row.name,
        failures=row.failures,
        failing_since=row.failing_since,
        retry_at=row.retry_at,
        fault=row.fault,
        accepted_at=row.accepted_at,
        waiting=waiting.number if waiting else 0,
        failed=failed.number if failed else 0,
        oldest_at=waiting.oldest_at if waiting else None,
    )
