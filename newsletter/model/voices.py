"""What readers and curators say of papers: votes, saved papers, editor's picks."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003 (fields are read at run time)


class VoteValue(enum.StrEnum):
    """What a reader may say of a paper."""

    GOOD = "good"
    NOT_FOR_ME = "not-for-me"


@dataclass(frozen=True, slots=True)
class Vote:
    """What a reader said of a paper, and when they said so."""

    paper_id: int
    value: VoteValue
    voted_at: datetime


@dataclass(frozen=True, slots=True)
class DayVotes:
    """How many readers voted for one paper on a day (in UTC)."""

    day: date
    good: int = 0
    not_for_me: int = 0


@dataclass(frozen=True, slots=True)
class SavedPaper:
    """A paper that a reader keeps, and since when."""

    paper_id: int
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Voice:
    """All that one reader has to do with one paper; ``was_sent`` whether a mail planned for them holds it."""

    vote: VoteValue | None = None
    is_saved: bool = False
    was_sent: bool = False


@dataclass(frozen=True, slots=True)
class Pick:
    """A paper that a curator recommends, and why, in their words."""

    paper_id: int
    curator: str
    note: str
    picked_at: datetime
