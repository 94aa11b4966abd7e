"""When the operator's daily report is due, and of which day it tells."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import date, datetime, time


def report_day(now: datetime, zone: str, at: time) -> date:
    """Return the newest day of which a report should have been sent by ``now``: the one before the last ``at`` on the
    clock of ``zone``, whose mails have gone out by then.
    """
    local = now.astimezone(ZoneInfo(zone))
    has_struck = local.time().replace(tzinfo=None) >= at
    return local.date() - timedelta(days=1 if has_struck else 2)
