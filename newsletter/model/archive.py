"""What the public archive of issues knows: which papers each profile's issues brought, and nothing about readers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003 (fields are read at run time)


@dataclass(frozen=True, slots=True)
class ArchivedIssue:
    """A profile's issue of a date, and how many papers it was the first to bring."""

    issue_date: date
    profile: str
    papers: int


@dataclass(frozen=True, slots=True)
class ArchivedPaper:
    """A paper in a profile's issue: under which topic of the profile, and with which score."""

    paper_id: int
    topic: str
    score: float
