"""Which issue is due at an instant: pure arithmetic over a schedule and what was issued before.

Nothing here remembers a timer. A missed, late or doubled tick asks the same question again and gets the same answer,
and each local date has exactly one instant, also on the days when summer time skips or repeats an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from newsletter.model import Frequency, Schedule

DAYS_IN_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class DueIssue:
    """An issue that should exist: its local date, and the instant (UTC) from which it should have."""

    issue_date: date
    due_at: datetime


def local_date(zone: str, now: datetime) -> date:
    """Return the calendar date in ``zone`` at ``now``."""
    return now.astimezone(ZoneInfo(zone)).date()


def instant_of(schedule: Schedule, day: date) -> datetime:
    """Return when (UTC) a digest of ``day`` goes out.

    An hour that summer time skips is taken as if the clock had not been put forward (02:30 becomes 03:30 local); of an
    hour that happens twice, the first counts (PEP 495, ``fold=0``).
    """
    return datetime.combine(day, schedule.send_at_local, ZoneInfo(schedule.zone)).astimezone(UTC)


def is_issue_day(schedule: Schedule, day: date) -> bool:
    """Return whether the schedule has an issue on this local date."""
    match schedule.frequency:
        case Frequency.DAILY:
            return True
        case Frequency.WEEKDAYS:
            return day.weekday() < 5  # noqa: PLR2004 (Monday to Friday)
        case Frequency.WEEKLY:
            return day.weekday() == schedule.weekday.number


def latest_issue(schedule: Schedule, now: datetime) -> DueIssue:
    """Return the newest issue whose instant is not after ``now``; there is one within the last eight days."""
    day = local_date(schedule.zone, now) + timedelta(days=1)  # a zone may have put its instant past its own midnight
    while not (is_issue_day(schedule, day) and instant_of(schedule, day) <= now):
        day -= timedelta(days=1)
    return DueIssue(day, instant_of(schedule, day))


def next_issue(schedule: Schedule, now: datetime) -> DueIssue:
    """Return the first issue whose instant is after ``now``."""
    day = local_date(schedule.zone, now) - timedelta(days=1)
    while not (is_issue_day(schedule, day) and instant_of(schedule, day) > now):
        day += timedelta(days=1)
    return DueIssue(day, instant_of(schedule, day))


def due_issue(
    schedule: Schedule, last_issue_date: date | None, now: datetime, late_limit: timedelta
) -> DueIssue | None:
    """Return the issue that is due and does not exist yet, or None.

    However long the daemon was away, only the newest issue is due: it holds everything since the last digest that was
    delivered. An issue later than ``late_limit`` is left out when the next one is nearer than that: its papers go into
    that one. A weekly reader does not wait another week for the sake of three days.
    """
    issue = latest_issue(schedule, now)
    if last_issue_date is not None and last_issue_date >= issue.issue_date:
        return None
    if now - issue.due_at > late_limit and next_issue(schedule, now).due_at - now < late_limit:
        return None
    return issue


def first_issue(schedule: Schedule, now: datetime) -> DueIssue:
    """Return the issue of somebody who never had one: today's, at once."""
    return DueIssue(local_date(schedule.zone, now), now)
