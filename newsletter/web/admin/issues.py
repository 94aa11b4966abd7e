"""Issues: what became of the mails of each date, with sums that close."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from newsletter.core.deliveries import MAY_BE_RETRIED
from newsletter.model import Aspect, DeliveryFilter, DeliveryState
from newsletter.web.admin.asked import SPANS, Span, span_of
from newsletter.web.asked import day_of
from newsletter.web.plots import Plot, Series, columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from starlette.responses import Response

    from newsletter.model import IssueSums, Share
    from newsletter.ports import Store
    from newsletter.web.admin.access import Access, Visit

PATH: Final = "/admin/issues"
MOST_SHARES: Final = 12
MOST_REPLIES: Final = 20
HOUR: Final = timedelta(hours=1)
LEAST_HOURS: Final = 24
MOST_HOURS: Final = 120
FAILED: Final = (DeliveryState.REJECTED, DeliveryState.EXPIRED, DeliveryState.SUPPRESSED, DeliveryState.UNKNOWN)
WAITING: Final = (DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True)
class Part:
    """The mails of an issue that have something in common: how many there are, were accepted, wait and failed."""

    value: str
    mails: int
    accepted: int
    waiting: int
    failed: int


@dataclass(frozen=True, slots=True)
class IssuePages:
    """The issues and one issue."""

    store: Store
    access: Access

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route(PATH, self.access.reading(self.issues)),
            Route(f"{PATH}/{{day}}", self.access.reading(self.issue)),
        ]

    async def issues(self, visit: Visit) -> Response:
        """Answer with the sums of the last issues."""
        span = span_of(visit.request.query_params.get("days"), self.access.application.now())
        sums = await self.store.issue_sums(span.first)
        runs = {each.issue_date: each for each in await self.store.issue_runs(span.first)}
        mails = mails_by_day(span, sums)
        return self.access.answer(
            visit, "issues.html", here="issues", sums=sums[::-1], runs=runs, mails=mails, span=span, spans=SPANS
        )

    async def issue(self, visit: Visit) -> Response:
        """Answer with what became of the mails of one date, and how they went out."""
        day = day_of(visit.request.path_params["day"])
        sums = [] if day is None else await self.store.issue_sums(day, day)
        if day is None or not sums:
            raise HTTPException(404)
        runs = [each for each in await self.store.issue_runs(day) if each.issue_date == day]
        hours = await self.store.accepted_by_hour(day)
        parts = [(aspect, parts_of(await self.store.shares(aspect, day, day))) for aspect in Aspect]
        failed = DeliveryFilter(states=MAY_BE_RETRIED, since=day, until=day)
        return self.access.answer(
            visit,
            "issue.html",
            here="issues",
            sums=sums[0],
            run=runs[0] if runs else None,
            hours=hours_of(hours),
            parts=[(aspect, found[:MOST_SHARES], len(found) - MOST_SHARES) for aspect, found in parts],
            replies=(await self.store.reply_counts(failed))[:MOST_REPLIES],
        )


def mails_by_day(span: Span, sums: Sequence[IssueSums]) -> Plot:
    """Return how many mails of each day's issue were accepted, wait, and failed."""
    by_day = {each.issue_date: each for each in sums}

    def counted(states: Sequence[DeliveryState]) -> list[int]:
        return [sum(by_day[day][state] for state in states) if day in by_day else 0 for day in span.dates]

    series = [
        Series("accepted", counted([DeliveryState.ACCEPTED]), 2),
        Series("waiting", counted(WAITING), 4),
        Series("failed", counted(FAILED), 1),
    ]
    return columns(span.labels, series)


def hours_of(hours: Sequence[tuple[datetime, int]]) -> Plot:
    """Return how many mails were accepted in each hour: a day at least, and five at most."""
    if not hours:
        return columns([], [])
    first, counts = hours[0][0], dict(hours)
    length = min(max((hours[-1][0] - first) // HOUR + 1, LEAST_HOURS), MOST_HOURS)
    shown = [first + HOUR * number for number in range(length)]
    series = Series("accepted", [counts.get(hour, 0) for hour in shown], 2)
    return columns([f"{hour:%a %H}:00" for hour in shown], [series])


def parts_of(shares: Sequence[Share]) -> list[Part]:
    """Return the shares of an aspect, a line for each value, the largest first; personal keywords are one value."""
    found: dict[str, dict[DeliveryState, int]] = defaultdict(lambda: defaultdict(int))
    for share in shares:
        value = "readers’ own keywords" if share.value.startswith("personal:") else share.value
        found[value][share.state] += share.count
    parts = [
        Part(
            value,
            sum(states.values()),
            states[DeliveryState.ACCEPTED],
            sum(states[state] for state in WAITING),
            sum(states[state] for state in FAILED),
        )
        for value, states in found.items()
    ]
    return sorted(parts, key=lambda part: (-part.mails, part.value))
