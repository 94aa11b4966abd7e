"""Of which day the operator's report tells."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from newsletter.core.reporting import report_day


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 24, 7, 29, tzinfo=UTC), date(2026, 11, 22)),
        (datetime(2026, 11, 24, 7, 30, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 24, 22, 59, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 24, 23, 0, tzinfo=UTC), date(2026, 11, 23)),
    ],
)
def test_it_tells_of_the_day_before_once_its_time_has_struck(now: datetime, day: date) -> None:
    assert report_day(now, "Europe/Berlin", time(8, 30)) == day
