"""Whose issue is due: asked at every tick, so each question is one range of an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, func, select

from newsletter.model import Frequency, PauseScope, Schedule, SubscriberStatus, Weekday
from newsletter.store.part import Part
from newsletter.store.schema import pauses, subscribers, subscriptions
from newsletter.store.subscribers import with_their_rows
from newsletter.store.suppressions import not_suppressed

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Select

    from newsletter.model import Subscriber

WHEN = (subscribers.c.zone, subscribers.c.send_at_local, subscribers.c.frequency, subscribers.c.weekday)
IS_ACTIVE = subscribers.c.status == SubscriberStatus.ACTIVE.value
NO_KEYWORDS = subscribers.c.keywords == "[]"


class ScheduleTables(Part):
    """The question half of :class:`newsletter.ports.DeliveryStore`: who waits for an issue."""

    async def schedules(self) -> dict[Schedule, date | None]:
        """Return the distinct schedules of active subscribers: what is due is computed once for each.

        With each the date of the issue that is longest ago of all who had one; None where nobody had one.
        """
        query = select(*WHEN, func.min(subscribers.c.last_issue_date)).where(IS_ACTIVE).group_by(*WHEN)
        async with self.database.read() as connection:
            rows = await connection.execute(query)
            return {Schedule(row[0], row[1], Frequency(row[2]), Weekday(row[3])): row[4] for row in rows}

    async def due_subscribers(
        self, schedule: Schedule, issue_date: date, after_id: int, limit: int, now: datetime
    ) -> list[Subscriber]:
        """Return active subscribers of this schedule whose newest issue is older than ``issue_date``, by ascending id
        above ``after_id``; who never had an issue is not among them, nor whose address is suppressed at ``now``, nor
        who takes nothing but paused profiles.
        """
        mine = (schedule.zone, schedule.send_at_local, schedule.frequency.value, schedule.weekday.value)
        same = [column == value for column, value in zip(WHEN, mine, strict=True)]
        query = select(subscribers).where(IS_ACTIVE, *same, subscribers.c.last_issue_date < issue_date)
        query = query.where(*not_suppressed(now), ~waits_for_all())
        return await self._page(query, after_id, limit)

    async def new_subscribers(self, after_id: int, limit: int, now: datetime) -> list[Subscriber]:
        """Return active subscribers who never had an issue, by ascending id above ``after_id``, but for whose address
        is suppressed at ``now``, and who takes a paused profile: a first issue waits for all of them.
        """
        query = select(subscribers).where(IS_ACTIVE, subscribers.c.last_issue_date.is_(None), *not_suppressed(now))
        query = query.where(~takes(is_paused=True))
        return await self._page(query, after_id, limit)

    async def ended_pauses(self, today: date) -> list[Subscriber]:
        """Return paused subscribers whose ``paused_until`` is not after ``today``."""
        is_paused = subscribers.c.status == SubscriberStatus.PAUSED.value
        query = select(subscribers).where(is_paused, subscribers.c.paused_until <= today)
        async with self.database.read() as connection:
            return await with_their_rows(connection, (await connection.execute(query)).all())

    async def count_subscribers(self) -> dict[SubscriberStatus, int]:
        """Return how many subscribers are in each status; those that nobody is in are left out."""
        query = select(subscribers.c.status, func.count()).group_by(subscribers.c.status)
        async with self.database.read() as connection:
            return {SubscriberStatus(status): count for status, count in await connection.execute(query)}

    async def count_readers(self) -> dict[str, int]:
        """Return how many active subscribers take each profile, whether or not a file defines it still."""
        taken = subscriptions.join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        query = select(subscriptions.c.profile, func.count()).select_from(taken).where(IS_ACTIVE)
        async with self.database.read() as connection:
            rows = await connection.execute(query.group_by(subscriptions.c.profile))
            return {profile: count for profile, count in rows}  # noqa: C416 (a row is a pair, and not typed as one)

    async def _page(self, query: Select[tuple[object, ...]], after_id: int, limit: int) -> list[Subscriber]:
        page = query.where(subscribers.c.id > after_id).order_by(subscribers.c.id).limit(limit)
        async with self.database.read() as connection:
            return await with_their_rows(connection, (await connection.execute(page)).all())


def takes(*, is_paused: bool) -> ColumnElement[bool]:
    """Return the condition that a subscriber takes a profile that is paused, or one that is not."""
    paused = select(pauses.c.name).where(pauses.c.scope == PauseScope.PROFILE.value)
    there = subscriptions.c.profile.in_(paused) if is_paused else subscriptions.c.profile.not_in(paused)
    return exists().where(subscriptions.c.subscriber_id == subscribers.c.id, there)


def waits_for_all() -> ColumnElement[bool]:
    """Return the condition that all that a subscriber takes is paused, so that there is nothing to plan."""
    return and_(NO_KEYWORDS, takes(is_paused=True), ~takes(is_paused=False))
