"""Where a paper stands among the trending ones: its votes, each of which counts half as much a week later.

At any time *t*, in days, a paper has

    points(t) = upvotes × 2^((appeared − t) / 7) + Σ over our readers' votes of weight × 2^((day − t) / 7)

with the weight 1 for "good" and −½ for "not for me". Sources only tell how many upvotes there are, not when they were
given, so these count from the day on which the paper appeared. As *t* goes on, all papers lose alike. So the order is
that of log₂ points(t) + t / 7, which does not depend on *t*: it is stored once, and again when somebody votes.
"""

from __future__ import annotations

from datetime import date
from math import log2
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from newsletter.model import DayVotes

HALF_LIFE_DAYS: Final = 7
NOT_FOR_ME: Final = -0.5  # it says more about the reader than about the paper
BEGINNING: Final = date(2000, 1, 1)
UNITS: Final = 100_000  # of a trend for each half-life: 1,000 and 1,001 votes of one day still differ
LARGEST: Final = 2**31 - 1


def trend(upvotes: int, appeared: date, votes: Iterable[DayVotes] = ()) -> int:
    """Return a number by which papers are ordered, the most trending highest; 0 for one without any points left.

    ``upvotes`` are the sources'; ``appeared`` is the day, in UTC, on which the paper appeared here.
    """
    weighted = [(appeared, float(upvotes))]
    weighted += [(each.day, each.good + NOT_FOR_ME * each.not_for_me) for each in votes]
    latest = max(day for day, _ in weighted)
    points = sum(weight * 2.0 ** ((day - latest).days / HALF_LIFE_DAYS) for day, weight in weighted)
    if points <= 0:
        return 0
    height = log2(points) + (latest - BEGINNING).days / HALF_LIFE_DAYS
    return min(max(1, round(height * UNITS)), LARGEST)
