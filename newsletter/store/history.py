"""Days gone by: counted by triggers and by collections as things happen, and read by those who look back."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, func, select

from newsletter.model import DayOfGrowth, DeliveryState, Health, IssueRun, MovementKind, SourceDay, SubscriberStatus
from newsletter.store.part import Part
from newsletter.store.schema import deliveries, ended_sessions, issues, movements, source_days, subscribers

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import SourceState
    from newsletter.store.dialect import Database

READERS = (SubscriberStatus.ACTIVE.value, SubscriberStatus.PAUSED.value)
HOUR = "%Y-%m-%d %H"


async def count_check(database: Database, connection: AsyncConnection, state: SourceState, papers: int) -> None:
    """Count a check of a source that has just been made, in the transaction that stores what it brought."""
    if state.last_checked_at is None:
        return
    day = state.last_checked_at.astimezone(UTC).date()
    row = {"source": state.name, "day": day, "health": state.health.value, "checks": 1, "papers": papers}
    new = database.insert(source_days).values(row)
    table = source_days.c
    added = {"checks": table.checks + new.excluded.checks, "papers": table.papers + new.excluded.papers}
    await connection.execute(new.on_conflict_do_update(index_elements=["source", "day", "health"], set_=added))


class HistoryTables(Part):
    """:class:`newsletter.ports.HistoryStore` and :class:`newsletter.ports.SessionStore` over the tables."""

    async def growth(self, since: date, until: date) -> list[DayOfGrowth]:
        """Return every day of this range, oldest first: the readers of each follow from those of today backwards."""
        query = select(movements.c.day, movements.c.kind, func.count()).where(movements.c.day >= since)
        counted: dict[date, dict[str, int]] = defaultdict(dict)
        now_reading = select(func.count()).select_from(subscribers).where(subscribers.c.status.in_(READERS))
        async with self.database.read() as connection:
            for day, kind, count in await connection.execute(query.group_by(movements.c.day, movements.c.kind)):
                counted[day][kind] = count
            readers = (await connection.execute(now_reading)).scalar_one()
        for day in [day for day in counted if day > until]:
            readers -= change_of(counted.pop(day))
        days = []
        for number in range((until - since).days + 1):
            day = until - timedelta(days=number)
            found = counted.get(day, {})
            subscribed, confirmed, left = (found.get(kind.value, 0) for kind in MovementKind)
            days.append(DayOfGrowth(day, subscribed, confirmed, left, readers))
            readers -= change_of(found)
        return days[::-1]

    async def source_days(self, since: date) -> list[SourceDay]:
        """Return how each source was on each day on which it was asked, by name and day."""
        query = select(source_days).where(source_days.c.day >= since)
        checks: dict[tuple[str, date], dict[Health, int]] = defaultdict(dict)
        papers: dict[tuple[str, date], int] = defaultdict(int)
        async with self.database.read() as connection:
            for row in await connection.execute(query):
                checks[row.source, row.day][Health(row.health)] = row.checks
                papers[row.source, row.day] += row.papers
        return [SourceDay(*key, checks[key], papers[key]) for key in sorted(checks)]

    async def issue_runs(self, since: date) -> list[IssueRun]:
        """Return when each issue of these dates was planned, oldest first."""
        columns = issues.c.issue_date, issues.c.first_planned_at, issues.c.last_planned_at
        query = select(*columns).where(issues.c.issue_date >= since).order_by(issues.c.issue_date)
        async with self.database.read() as connection:
            return [IssueRun(*row) for row in await connection.execute(query)]

    async def accepted_by_hour(self, issue_date: date) -> list[tuple[datetime, int]]:
        """Return how many mails of an issue were accepted in each hour, oldest first."""
        finished: Any = deliveries.c.finished_at
        hour = func.strftime(HOUR, finished) if self.database.is_sqlite else func.to_char(finished, "YYYY-MM-DD HH24")
        accepted = deliveries.c.state == DeliveryState.ACCEPTED.value, deliveries.c.issue_date == issue_date
        query = select(hour.label("hour"), func.count()).where(*accepted, finished.is_not(None)).group_by("hour")
        async with self.database.read() as connection:
            rows = (await connection.execute(query.order_by("hour"))).all()
        return [(datetime.strptime(hour, HOUR).replace(tzinfo=UTC), count) for hour, count in rows]

    async def end_session(self, session_id: str, expires_at: datetime, now: datetime) -> None:
        """Remember that a session was ended, until it would have expired; forget those that have."""
        new = self.database.insert(ended_sessions).values(id=session_id, expires_at=expires_at)
        async with self.database.write() as connection:
            await connection.execute(delete(ended_sessions).where(ended_sessions.c.expires_at < now))
            await connection.execute(new.on_conflict_do_nothing())

    async def is_session_ended(self, session_id: str) -> bool:
        """Return whether somebody ended this session."""
        async with self.database.read() as connection:
            found = await connection.execute(select(exists().where(ended_sessions.c.id == session_id)))
            return bool(found.scalar_one())


def change_of(found: dict[str, int]) -> int:
    """Return how many more readers there were at the end of a day than at its beginning."""
    return found.get(MovementKind.CONFIRMED.value, 0) - found.get(MovementKind.LEFT.value, 0)
