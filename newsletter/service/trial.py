"""A draft of a profile on the papers of the last days: what it would have sent, against the one in force."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.comparison import Comparison, compare
from newsletter.service.topics import BATCH, day_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from newsletter.model import Paper, Profile
    from newsletter.service.topics import PageStore

DAYS: Final = 30
MOST_PAPERS: Final = 15_000  # that are looked at, the newest: about a month of all that arXiv and others bring


@dataclass(slots=True)
class Trials:
    """Tries drafts, one at a time."""

    store: PageStore
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def compare(self, in_force: Profile | None, draft: Profile, now: datetime) -> tuple[Comparison, int]:
        """Return what both would have sent on each of the last 30 days (UTC), and how many papers there were."""
        today = now.astimezone(UTC).date()
        days = [today - timedelta(days=back) for back in range(DAYS)][::-1]
        async with self._turn:
            papers = await self._papers(days)
            found = await asyncio.to_thread(compare, in_force, draft, papers, days)
        return found, sum(len(each) for each in papers.values())

    async def _papers(self, days: Sequence[date]) -> dict[date, list[Paper]]:
        ids, _ = await self.store.listed(days[0], days[-1], by_votes=False, limit=MOST_PAPERS)
        by_day: dict[date, list[Paper]] = defaultdict(list)
        for start in range(0, len(ids), BATCH):
            for paper in (await self.store.papers(ids[start : start + BATCH])).values():
                by_day[day_of(paper)].append(paper)
        return by_day
