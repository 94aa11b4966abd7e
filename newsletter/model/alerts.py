"""What the operator is told of: conditions that hold, and what has been said about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now. ``name`` stays the same for as long as it lasts, e.g. ``source:arxiv``; ``summary``
    is one line for a person; it is worth telling once it has lasted for ``after``.
    """

    name: str
    summary: str
    after: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Alert:
    """What is remembered of a condition, for each ``channel`` by which the operator is told.

    It holds ``since``; ``announced_at`` is when that was told, or None; ``calm_since`` since when it is over.
    """

    condition: str
    channel: str
    summary: str
    since: datetime
    announced_at: datetime | None = None
    calm_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell the operator: something has been wrong ``since`` then, or is over."""

    condition: str
    summary: str
    since: datetime
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Readings:
    """What the store says for watching over it.

    ``deliveries`` are by state and the relay asked last (empty before that), of those planned within the time asked
    for. ``oldest_ready_at`` is since when the oldest delivery that may be sent waits for it, None when none does.
    ``last_issue_at`` is when deliveries were last planned, and ``last_issue_planned`` how many at that instant.
    ``suppressions`` in force are by kind.
    """

    deliveries: dict[tuple[str, str], int]
    subscribers: dict[str, int]
    papers: int
    oldest_ready_at: datetime | None = None
    last_issue_at: datetime | None = None
    last_issue_planned: int = 0
    suppressions: dict[str, int] = field(default_factory=dict)
