"""Which of the recent papers each public profile takes: found once for each state of things, and asked often."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from newsletter.core.match import Matcher
from newsletter.model import SearchFilters
from newsletter.ports import PaperStore, SearchIndex, VoiceStore

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from newsletter.model import Match, Paper, Profile, SourceState

RECENT: Final = timedelta(days=14)
MOST_RECENT: Final = 10_000  # papers of that time that are looked at, the newest
BATCH: Final = 500
FRESH: Final = timedelta(seconds=1)  # how long a basis is taken for the present one without asking the store


class PageStore(PaperStore, SearchIndex, VoiceStore, Protocol):
    """What the pages read of papers."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What pages are made from: where two are equal, so is every page.

    ``papers`` is how many are stored, ``today`` the day in UTC; ``voices`` grows with each vote and each pick.
    """

    profiles: Mapping[str, Profile]
    sources: Mapping[str, SourceState]
    arrival: int
    papers: int
    today: date
    voices: int = 0

    def has_same_papers(self, other: Basis) -> bool:
        """Return whether the same papers stand in each topic; votes alone change only the order of some."""
        return replace(self, voices=other.voices) == other


@dataclass(frozen=True, slots=True)
class TopicPaper:
    """A recent paper that a profile takes, and the day on which it appeared; the match is without reasons."""

    match: Match
    day: date


Recent: TypeAlias = "Mapping[str, Sequence[TopicPaper]]"


@dataclass(slots=True)
class Topics:
    """What the public profiles take. ``profiles`` returns all there are; ``clock`` the time, aware and in UTC."""

    store: PageStore
    clock: Callable[[], datetime]
    profiles: Callable[[], Mapping[str, Profile]]
    changed_at: datetime | None = None
    _basis: Basis | None = None
    _read_at: datetime | None = None
    _matcher: _SharedMatcher | None = None
    _recent: tuple[Basis, asyncio.Task[Recent]] | None = None

    async def basis(self) -> Basis:
        """Return what pages are to be made from now; the same object for as long as nothing changed.

        ``changed_at`` then tells it from those before (:func:`changed_at`).
        """
        now = self.clock()
        if self._basis is not None and self._read_at is not None and timedelta(0) <= now - self._read_at < FRESH:
            return self._basis
        self._read_at = now  # whoever comes meanwhile is answered from the one before
        basis = await self._read(now)
        if self._basis is None or basis != self._basis:
            self._basis = basis
            self.changed_at = changed_at(now, self.changed_at)
        return self._basis

    async def _read(self, now: datetime) -> Basis:
        public = {name: profile for name, profile in self.profiles().items() if profile.public}
        sources = await self.store.source_states()
        arrival = await self.store.last_arrival()
        known = self._basis
        if known is not None and (known.arrival, known.sources) == (arrival, sources):
            papers = known.papers
        else:
            papers = await self.store.count_candidates(None, SearchFilters())
        return Basis(public, sources, arrival, papers, now.date(), await self.store.voice_changes())

    async def recent(self, basis: Basis) -> Recent:
        """Return the papers of the last 14 days that each profile takes: newest first, or those with most votes."""
        if self._recent is None or self._recent[0] is not basis:
            self._recent = basis, asyncio.create_task(self._look(basis, self._recent))
        return await asyncio.shield(self._recent[1])

    async def _look(self, basis: Basis, before: tuple[Basis, asyncio.Task[Recent]] | None) -> Recent:
        if before is None or not before[0].has_same_papers(basis):
            return await self._matched(basis, basis.profiles, is_voted=False)
        by_votes = [name for name, profile in basis.profiles.items() if profile.trending]
        return {**await before[1], **(await self._matched(basis, by_votes, is_voted=True) if by_votes else {})}

    async def _matched(self, basis: Basis, names: Collection[str], *, is_voted: bool) -> Recent:
        """Match the recent papers anew; with ``is_voted`` only those that anybody has voted for."""
        ids, _ = await self.store.listed(basis.today - RECENT, basis.today, by_votes=is_voted, limit=MOST_RECENT)
        found: dict[str, list[TopicPaper]] = {name: [] for name in names}
        for start in range(0, len(ids), BATCH):
            stored = await self.store.papers(ids[start : start + BATCH])
            papers = [stored[paper_id] for paper_id in ids[start : start + BATCH] if paper_id in stored]
            if is_voted and not any(paper.votes for paper in papers):
                break  # the rest has none either
            for name, taken in (await self.taken(basis, papers, names)).items():
                found[name] += [TopicPaper(taken[each.id], day_of(each)) for each in papers if each.id in taken]
        for name in names:
            if basis.profiles[name].trending:
                found[name].sort(key=lambda each: (-each.match.score, -each.day.toordinal()))
        return found

    async def taken(
        self, basis: Basis, papers: Sequence[Paper], names: Collection[str] | None = None
    ) -> Mapping[str, Mapping[int, Match]]:
        """Return by profile (all, or those named) and paper which of these papers each takes, its best topic alone."""
        asked = list(basis.profiles if names is None else names)
        return await asyncio.to_thread(self._shared(basis).taken, asked, papers)

    async def explained(self, basis: Basis, pairs: Sequence[tuple[Paper, Match]]) -> list[Match]:
        """Return matches with their reasons."""
        return await asyncio.to_thread(self._shared(basis).explained, pairs)

    def _shared(self, basis: Basis) -> _SharedMatcher:
        if self._matcher is None or self._matcher.profiles != basis.profiles:
            self._matcher = _SharedMatcher(basis.profiles)
        return self._matcher


@dataclass(slots=True)
class _SharedMatcher:
    """A matcher for threads, one at a time: it remembers the words that it has met."""

    profiles: Mapping[str, Profile]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _matcher: Matcher | None = None

    def taken(self, names: Collection[str], papers: Sequence[Paper]) -> Mapping[str, Mapping[int, Match]]:
        found: dict[str, dict[int, Match]] = {}
        with self._lock:
            scan = self._ready().scan(papers)
            for name in names:
                best: dict[int, Match] = {}
                for match in scan.matches(name):
                    if match.paper_id not in best or match.score > best[match.paper_id].score:
                        best[match.paper_id] = match
                found[name] = best
        return found

    def explained(self, pairs: Sequence[tuple[Paper, Match]]) -> list[Match]:
        with self._lock:
            return [self._ready().explain(paper, match) for paper, match in pairs]

    def _ready(self) -> Matcher:
        if self._matcher is None:
            self._matcher = Matcher(list(self.profiles.values()))
        return self._matcher


def changed_at(now: datetime, before: datetime | None) -> datetime:
    """Return what a page that is made anew says of its last change: in whole seconds, later than the time ``before``.

    A second ago, for RFC 9110 section 8.8.2.1 wants no later time than that of the answer, and a server's clock ticks.
    """
    second = timedelta(seconds=1)
    latest = now.replace(microsecond=0) - second
    return latest if before is None else max(latest, before + second)


def day_of(paper: Paper) -> date:
    """Return the day on which a paper appeared, in UTC: of a source's backlog, the day of its publication."""
    known_at = paper.published_at or paper.first_seen_at
    return (known_at if paper.backlog else paper.first_seen_at).astimezone(UTC).date()
