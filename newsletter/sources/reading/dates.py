"""Times of publication, in UTC, from what feeds call a date."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from time import struct_time

FIRST_DAY: Final = datetime(1991, 1, 1, tzinfo=UTC)  # the year in which arXiv began
TOLERANCE: Final = timedelta(days=2)  # time zones, wrong clocks, and journals that date an issue ahead


def plausible(moment: datetime | None, now: datetime) -> datetime | None:
    """Return ``moment`` in UTC if a paper can have appeared then: not before 1991, not in the future."""
    if moment is None:
        return None
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None
    return moment if FIRST_DAY <= moment <= now + TOLERANCE else None


def from_struct(value: struct_time | None) -> datetime | None:
    """Return the time of a parsed UTC ``struct_time``, or None when it is none."""
    try:
        return datetime.fromtimestamp(calendar.timegm(value), UTC) if value is not None else None
    except (ValueError, OverflowError, OSError):
        return None


def from_text(value: object) -> datetime | None:
    """Return the time that an RFC 3339 or RFC 5322 date says, midnight UTC for a day alone, or None."""
    if not isinstance(value, str):
        return None
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(value.strip()[:100])
        except (ValueError, OverflowError, IndexError, TypeError):
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return None
