"""A profile tried on the papers of some days: what it would take, and what it gains and loses. Nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.match import Matcher

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from newsletter.model import Match, Paper, Profile
    from newsletter.ports import PaperStore

MOST_PAPERS: Final = 50_000  # that are looked at, the newest
BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Trial:
    """What a profile takes of the papers of some days: matches, best first."""

    profile: Profile
    days: int
    papers: dict[int, Paper]
    matches: tuple[Match, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """The papers it takes, best first; one that stands under two topics once."""
        return tuple(dict.fromkeys(match.paper_id for match in self.matches))

    @property
    def taken(self) -> int:
        """How many papers it takes."""
        return len(self.ids)

    @property
    def share(self) -> float:
        """The part of all papers that it takes, 0 to 1."""
        return self.taken / len(self.papers) if self.papers else 0.0


async def papers_of_days(store: PaperStore, days: int, now: datetime) -> list[Paper]:
    """Return the papers that were first seen within the last so many days, the newest 50,000 of them."""
    found = await store.arrived_papers(0, now - timedelta(days=days))
    return found[-MOST_PAPERS:]


def try_profile(profile: Profile, days: int, papers: Iterable[Paper], explained: int | None = None) -> Trial:
    """Return what the profile takes of the papers, best first, the first ``explained`` matches (all) with reasons."""
    by_id = {paper.id: paper for paper in papers}
    matcher = Matcher([profile])
    listed = list(by_id.values())
    found = [
        match
        for start in range(0, len(listed), BATCH)
        for match in matcher.scan(listed[start : start + BATCH]).matches(profile.name)
    ]
    found.sort(key=lambda match: (-match.score, -match.paper_id))
    end = len(found) if explained is None else explained
    told = [matcher.explain(by_id[match.paper_id], match) for match in found[:end]]
    return Trial(profile, days, by_id, (*told, *found[end:]))


def gained_and_lost(new: Trial, old: Trial | None) -> tuple[Sequence[int], Sequence[int]]:
    """Return the papers that ``new`` takes and ``old`` does not, and those that only ``old`` takes, best first."""
    before, after = dict.fromkeys(old.ids if old else ()), dict.fromkeys(new.ids)
    return [each for each in after if each not in before], [each for each in before if each not in after]
