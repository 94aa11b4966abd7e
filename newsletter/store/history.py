"""Days gone by: counted by triggers and by collections as things happen, and read by those who look back."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, exists, func, literal, select

from newsletter.model import (
    BounceKind,
    DayOfGrowth,
    DeliveryState,
    Digest,
    Health,
    IssueRun,
    MovementKind,
    ProfileVoices,
    SourceDay,
    SubscriberStatus,
    VoteValue,
)
from newsletter.store.codec import loads
from newsletter.store.part import Part, chunks
from newsletter.store.schema import (
    archived_papers,
    bounces,
    clicks,
    deliveries,
    digests,
    ended_sessions,
    issues,
    ledger,
    movements,
    paper_aliases,
    saved_papers,
    source_days,
    subscribers,
    votes,
)

if TYPE_CHECKING:
    from sqlalchemy import Select, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import SourceState
    from newsletter.store.dialect import Database

READERS = (SubscriberStatus.ACTIVE.value, SubscriberStatus.PAUSED.value)
HOUR = "%Y-%m-%d %H"
SAVED = "saved"
PERSONAL = "personal:"


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

    async def bounces_by_day(self, since: date) -> dict[tuple[date, BounceKind], int]:
        """Return how many bounces of each kind were recorded on each day since then."""
        at = bounces.c.recorded_at
        # PostgreSQL's sessions are in UTC, and SQLite keeps UTC.
        day: Any = func.date(at) if self.database.is_sqlite else func.to_char(at, "YYYY-MM-DD")
        query = select(day.label("day"), bounces.c.kind, func.count()).where(at >= midnight(since))
        async with self.database.read() as connection:
            rows = await connection.execute(query.group_by("day", bounces.c.kind))
            return {(date.fromisoformat(day), BounceKind(kind)): count for day, kind, count in rows}

    async def profile_voices(self, since: date) -> list[ProfileVoices]:
        """Return what readers said of the mails of issues since then, by profile: the ledger knows which mail brought
        which paper, and its digest under which profile.
        """
        async with self.database.read() as connection:
            said = [row for table in (votes, saved_papers) for row in await connection.execute(said_of(table, since))]
            contents: dict[int, str] = {}
            for chunk in chunks({row.digest_id for row in said}):
                stored = select(digests.c.id, digests.c.content).where(digests.c.id.in_(chunk))
                contents |= {row.id: row.content for row in await connection.execute(stored)}
            followed = {row.profile: int(row.clicks) for row in await connection.execute(clicks_of(since))}
        places = {digest_id: profiles_of(loads(Digest, content)) for digest_id, content in contents.items()}
        mails: dict[str, set[int]] = defaultdict(set)
        counts: Counter[tuple[str, str]] = Counter()
        for row in said:
            profile = places[row.digest_id].get(row.paper_id)
            if profile is not None:  # it became part of another paper since
                mails[profile].add(row.delivery_id)
                counts[profile, row.word] += 1
        return [
            ProfileVoices(
                name,
                len(mails[name]),
                good=counts[name, VoteValue.GOOD.value],
                not_for_me=counts[name, VoteValue.NOT_FOR_ME.value],
                saved=counts[name, SAVED],
                clicks=followed.get(name, 0),
            )
            for name in sorted({*mails, *followed})
        ]

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


def said_of(table: Table, since: date) -> Select[Any]:
    """Return the votes, or the saved papers, on what mails of issues since then had brought, with the mail."""
    word = votes.c.value if table is votes else literal(SAVED)
    known = ledger.c.subscriber_id == table.c.subscriber_id, ledger.c.paper_id == table.c.paper_id
    query = select(word.label("word"), ledger.c.paper_id, ledger.c.delivery_id, deliveries.c.digest_id)
    query = (
        query.select_from(table).join(ledger, and_(*known)).join(deliveries, deliveries.c.id == ledger.c.delivery_id)
    )
    return query.where(deliveries.c.issue_date >= since)


def clicks_of(since: date) -> Select[Any]:
    """Return how often the papers of each profile were followed from mails of issues since then."""
    # A paper that was united with another is counted under the id that it had in the mail.
    now_called = func.coalesce(paper_aliases.c.paper_id, clicks.c.paper_id)
    query = select(archived_papers.c.profile, func.sum(clicks.c.count).label("clicks")).select_from(clicks)
    query = query.outerjoin(paper_aliases, paper_aliases.c.id == clicks.c.paper_id)
    query = query.join(archived_papers, archived_papers.c.paper_id == now_called)
    return query.where(clicks.c.issue_date >= since).group_by(archived_papers.c.profile)


def profiles_of(digest: Digest) -> dict[int, str]:
    """Return by paper which profile a digest holds it for; all readers' own keywords are one."""
    return {
        paper.paper_id: PERSONAL if section.profile.startswith(PERSONAL) else section.profile
        for section in digest.sections
        for paper in section.papers
    }


def midnight(day: date) -> datetime:
    """Return when a day begins, in UTC."""
    return datetime.combine(day, time(), UTC)


def change_of(found: dict[str, int]) -> int:
    """Return how many more readers there were at the end of a day than at its beginning."""
    return found.get(MovementKind.CONFIRMED.value, 0) - found.get(MovementKind.LEFT.value, 0)
