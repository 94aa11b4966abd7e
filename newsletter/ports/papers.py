"""Where papers come from, and where they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from newsletter.model import (
        CollectionCounts,
        Entry,
        FetchResult,
        Paper,
        PaperVersion,
        Sighting,
        SourceState,
    )


class Source(Protocol):
    """Somewhere papers come from."""

    @property
    def name(self) -> str:
        """The name that the configuration gave it."""

    async def fetch(self, previous: SourceState) -> FetchResult:
        """Return what the source says now. Never raises for remote faults; never blocks the event loop."""


class PaperStore(Protocol):
    """Papers, what was said about them, and the state of the sources that said it."""

    def collecting(self) -> AbstractAsyncContextManager[bool]:
        """Say whether we may collect, for as long as the context lasts: of all processes on one store, one may. Who
        may not is told when that one is done, or after the usual wait for a lock.
        """

    async def source_states(self) -> Mapping[str, SourceState]:
        """Return the state of every source ever checked, by name."""

    async def save_collection(self, state: SourceState, entries: Sequence[Entry], now: datetime) -> CollectionCounts:
        """Store ``state`` and everything that ``entries`` add, in one transaction, and say what that was.

        Entries are joined to known papers by their keys (:mod:`newsletter.core.identity`), strongest first. Where
        the keys name two papers, these become one. Arrivals are numbered in the order of the commits. When papers
        are new, the state's ``last_new_paper_at`` becomes ``now`` and its health fresh. On the source's first fetch
        (as the *stored* state says) new papers are marked ``backlog``. Saving the same entries again changes nothing
        but ``last_seen_at``.
        """

    async def last_arrival(self) -> int:
        """Return the newest arrival, 0 when there is none."""

    async def arrived_papers(self, after_arrival: int, seen_since: datetime) -> list[Paper]:
        """Return papers with ``arrival`` or ``version_arrival`` after ``after_arrival``, first seen since then, or
        with such a version, oldest arrival first.
        """

    async def papers(self, paper_ids: Collection[int]) -> dict[int, Paper]:
        """Return the papers by the ids asked for; a paper that became part of another is returned under both ids."""

    async def find_papers(self, reference: str) -> list[Paper]:
        """Return what a person may mean by an id, arXiv id (any version or URL), DOI, link, or part of a title."""

    def all_papers(self) -> AsyncIterator[Paper]:
        """Yield every paper, newest arrival first, without holding them all in memory."""

    async def sightings(self, paper_id: int) -> list[Sighting]:
        """Return what each source said of a paper, oldest first."""

    async def versions(self, paper_id: int) -> list[PaperVersion]:
        """Return the versions seen of a paper, lowest first."""
