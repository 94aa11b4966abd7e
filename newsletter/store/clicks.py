"""Clicks: one number for each paper of an issue."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import select

from newsletter.store.accounting import within
from newsletter.store.papers import resolve_ids
from newsletter.store.part import Part
from newsletter.store.schema import clicks

if TYPE_CHECKING:
    from datetime import date


class ClickTables(Part):
    """:class:`newsletter.ports.ClickStore` over its table."""

    async def count_click(self, issue_date: date, paper_id: int) -> None:
        """Count one more."""
        new = self.database.insert(clicks).values(issue_date=issue_date, paper_id=paper_id, count=1)
        more = new.on_conflict_do_update(index_elements=["issue_date", "paper_id"], set_={"count": clicks.c.count + 1})
        async with self.database.write() as connection:
            await connection.execute(more)

    async def clicks(self, since: date, until: date | None = None) -> Counter[tuple[date, int]]:
        """Return the counts of these issues by (issue date, paper), under the ids that the papers have now."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(clicks).where(within(clicks.c.issue_date, since, until)))).all()
            stored = await resolve_ids(connection, {row.paper_id for row in rows})
        found: Counter[tuple[date, int]] = Counter()
        for row in rows:
            found[row.issue_date, stored[row.paper_id]] += row[2]
        return found
