"""The archive of issues: which papers each profile's issues brought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, select, update

from newsletter.core.picks import PICKS_PROFILE
from newsletter.model import ArchivedIssue, ArchivedPaper, IssueKind
from newsletter.store.papers import resolve_ids
from newsletter.store.part import Part, chunks
from newsletter.store.schema import archived_papers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import date

    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import Digest
    from newsletter.store.dialect import Database

UNSHARED: Final = ("personal:", PICKS_PROFILE)  # are no profiles, and no file may name one so


async def archive_digests(database: Database, connection: AsyncConnection, planned: Sequence[Digest]) -> None:
    """Note which papers these digests are the first to bring, profile by profile."""
    digests = {id(digest): digest for digest in planned if digest.kind in (IssueKind.DIGEST, IssueKind.WELCOME)}
    ordinary = rows_of(digest for digest in digests.values() if digest.kind is IssueKind.DIGEST)
    await _write(database, connection, ordinary)
    welcomes = rows_of(digest for digest in digests.values() if digest.kind is IssueKind.WELCOME)
    if welcomes:
        names = {row["profile"] for row in welcomes}
        query = select(archived_papers.c.profile).where(archived_papers.c.profile.in_(names)).distinct()
        known = set((await connection.execute(query)).scalars())
        await _write(database, connection, [row for row in welcomes if row["profile"] not in known])


def rows_of(digests: Iterable[Digest]) -> list[dict[str, Any]]:
    """Return a row for each profile and paper, in the order of their keys, of the earliest date."""
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for digest in sorted(digests, key=lambda each: each.issue_date):
        for section in digest.sections:
            if section.profile.startswith(UNSHARED):
                continue
            for paper in section.papers:
                if not paper.is_update:
                    row = {
                        "profile": section.profile,
                        "paper_id": paper.paper_id,
                        "issue_date": digest.issue_date,
                        "topic": section.topic,
                        "score": paper.score,
                    }
                    rows.setdefault((section.profile, paper.paper_id), row)
    return [rows[key] for key in sorted(rows)]


async def _write(database: Database, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    stored = await resolve_ids(connection, {row["paper_id"] for row in rows})
    kept = {(row["profile"], stored[row["paper_id"]]): row for row in reversed(rows)}
    values = [{**row, "paper_id": paper_id} for (_, paper_id), row in sorted(kept.items())]
    await connection.execute(database.insert(archived_papers).on_conflict_do_nothing(), values)


async def move_archived(connection: AsyncConnection, gone: int, kept: int) -> None:
    """Unite the rows of two papers; where a profile brought both, the earlier issue stays."""
    own = archived_papers.alias("own")
    for one, other in ((gone, kept), (kept, gone)):
        earlier = select(own.c.profile).where(
            own.c.profile == archived_papers.c.profile,
            own.c.paper_id == other,
            own.c.issue_date <= archived_papers.c.issue_date,
        )
        await connection.execute(delete(archived_papers).where(archived_papers.c.paper_id == one, earlier.exists()))
    moved = update(archived_papers).where(archived_papers.c.paper_id == gone)
    await connection.execute(moved.values(paper_id=kept))


class IssueArchive(Part):
    """:class:`newsletter.ports.ArchiveStore` over its table."""

    async def archived_issues(
        self, profiles: Collection[str], days: int, before: date | None = None
    ) -> list[ArchivedIssue]:
        """Return the issues of the newest so many days (before ``before``), newest day first, then by profile."""
        day, profile = archived_papers.c.issue_date, archived_papers.c.profile
        counts: dict[tuple[date, str], int] = {}
        for chunk in chunks(sorted(profiles)):
            dates = select(day).where(profile.in_(chunk)).distinct().order_by(day.desc()).limit(days)
            dates = dates if before is None else dates.where(day < before)
            newest = dates.subquery()
            query = select(day, profile, func.count().label("papers")).where(profile.in_(chunk))
            query = query.join(newest, newest.c.issue_date == day).group_by(day, profile)
            async with self.database.read() as connection:
                for row in await connection.execute(query):
                    counts[row.issue_date, row.profile] = row.papers
        shown = sorted({issue_date for issue_date, _ in counts}, reverse=True)[:days]
        found = [ArchivedIssue(*key, papers) for key, papers in counts.items() if key[0] in shown]
        return sorted(found, key=lambda issue: (-issue.issue_date.toordinal(), issue.profile))

    async def archived_issue(self, profile: str, issue_date: date) -> list[ArchivedPaper]:
        """Return what a profile's issue of a date brought, best first; empty when there was none."""
        here = archived_papers.c.profile == profile, archived_papers.c.issue_date == issue_date
        query = select(archived_papers).where(*here)
        query = query.order_by(archived_papers.c.score.desc(), archived_papers.c.paper_id.desc())
        async with self.database.read() as connection:
            return [ArchivedPaper(row.paper_id, row.topic, row.score) for row in await connection.execute(query)]

    async def neighbouring_issues(self, profile: str, issue_date: date) -> tuple[date | None, date | None]:
        """Return the dates of the profile's last issue before this one, and of the first after it."""
        day, own = archived_papers.c.issue_date, archived_papers.c.profile == profile
        async with self.database.read() as connection:
            before = await connection.execute(select(func.max(day)).where(own, day < issue_date))
            after = await connection.execute(select(func.min(day)).where(own, day > issue_date))
            return before.scalar(), after.scalar()
