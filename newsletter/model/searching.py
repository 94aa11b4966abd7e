"""What is asked of a search, and what it answers."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date  # noqa: TC003 (fields are read at run time)

from newsletter.model.papers import Paper  # noqa: TC001 (fields are read at run time)
from newsletter.model.profiles import Reason  # noqa: TC001 (fields are read at run time)


class SearchOrder(enum.StrEnum):
    """In which order papers are found."""

    BEST = "best"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """Which papers a search looks among; days are those of publication (or first sight), in UTC, both included."""

    since: date | None = None
    until: date | None = None
    source: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A question: a query in the language of profiles (empty: every paper), and which stretch of the answer."""

    query: str = ""
    filters: SearchFilters = field(default_factory=SearchFilters)
    order: SearchOrder = SearchOrder.BEST
    offset: int = 0
    limit: int = 20


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A paper that was found, what its place was decided by, and where it matched."""

    paper: Paper
    score: float
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A stretch of an answer. ``total`` is exact unless ``is_about``: then a few of the papers counted do not match.

    ``next_offset`` is where the following stretch begins, None where there is none.
    """

    hits: tuple[SearchHit, ...]
    total: int
    is_about: bool = False
    next_offset: int | None = None
