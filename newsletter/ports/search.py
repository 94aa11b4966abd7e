"""Searching papers: what the store keeps for it, and what whoever searches asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date, datetime

    from newsletter.core.index_plan import Plan
    from newsletter.model import Paper, SearchFilters, SearchPage, SearchRequest


@dataclass(frozen=True, slots=True)
class Candidate:
    """A paper that a plan found: its id, its time in minutes since the year 1, and its words in the index."""

    paper_id: int
    minutes: int
    tokens: str


class SearchIndex(Protocol):
    """The full-text index over all papers; current with the transaction that saved a paper.

    A plan of None stands for every paper. Every implementation finds the same papers in the same order.
    """

    async def words_beginning(
        self, pieces: Collection[str], beginnings: Callable[[set[str]], Collection[str]]
    ) -> list[tuple[str, str]]:
        """Return (word, stem), coded, of every word of any paper that begins in one of these ways; 20,000 at most.

        ``beginnings`` is told which of the coded ``pieces`` are words of any paper, and says what to look for then.
        """

    async def count_candidates(self, plan: Plan | None, filters: SearchFilters) -> int:
        """Return how many papers a plan finds."""

    async def candidates(
        self, plan: Plan | None, filters: SearchFilters, limit: int, offset: int = 0
    ) -> list[Candidate]:
        """Return what a plan finds, newest first."""

    async def counted_candidates(
        self, plan: Plan | None, filters: SearchFilters, limit: int, offset: int = 0
    ) -> tuple[int, list[Candidate]]:
        """Return how many papers a plan finds, and a stretch of them, newest first."""

    async def words_of(self, paper_id: int) -> str | None:
        """Return the words of one paper, None when there is no such paper."""

    async def listed(
        self, first: date, last: date, *, by_votes: bool, limit: int, offset: int = 0
    ) -> tuple[list[int], int]:
        """Return the ids of papers that appeared on these days, and how many there are in all.

        Newest first; with ``by_votes`` the most trending ones (:mod:`newsletter.core.trending`) come before.
        """

    async def appeared(self, first: date, last: date, before: int | None, limit: int) -> list[tuple[int, int]]:
        """Return (id, position) of papers that appeared on these days, newest first, below a position."""

    async def neighbouring_days(self, first: date, last: date) -> tuple[date | None, date | None]:
        """Return the last day before a stretch on which papers appeared, and the first one after it."""


class Search(Protocol):
    """Finds papers. By words today; what ranks by meaning answers the same questions."""

    async def search(self, request: SearchRequest, now: datetime) -> SearchPage:
        """Return a stretch of what a query finds; QueryError, pointing at the column, when it cannot be asked."""

    async def similar(self, paper: Paper, count: int, now: datetime) -> list[Paper]:
        """Return at most so many papers that are like this one, the likest first."""
