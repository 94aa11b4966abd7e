from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from newsletter.sources.reading.dates import from_struct, from_text, plausible

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-03-01T09:00:00+02:00", datetime(2025, 3, 1, 7, tzinfo=UTC)),
        ("2025-03-01T00:00:00.000Z", datetime(2025, 3, 1, tzinfo=UTC)),
        ("2025-03-01", datetime(2025, 3, 1, tzinfo=UTC)),
        ("Sat, 01 Mar 2025 09:00:00 GMT", datetime(2025, 3, 1, 9, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1_700_000_000, None),
        ("99999999999999999999", None),
    ],
)
def test_texts(text: object, moment: datetime | None) -> None:
    assert from_text(text) == moment


@pytest.mark.parametrize(
    ("moment", "is_plausible"),
    [
        (datetime(1990, 12, 31, tzinfo=UTC), False),
        (datetime(1991, 1, 1, tzinfo=UTC), True),
        (NOW + timedelta(days=2), True),
        (NOW + timedelta(days=2, seconds=1), False),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))), False),
        (datetime(2025, 1, 1), True),  # noqa: DTZ001 (feeds do leave the zone out)
        (None, False),
    ],
)
def test_what_is_no_time_for_a_paper_is_dropped(moment: datetime | None, *, is_plausible: bool) -> None:
    found = plausible(moment, NOW)

    assert (found is not None) == is_plausible
    assert found is None or found.tzinfo is UTC


def test_struct_times_are_utc() -> None:
    assert from_struct(time.gmtime(0)) == datetime(1970, 1, 1, tzinfo=UTC)
    assert from_struct(None) is None
    assert from_struct(time.struct_time((99999, 1, 1, 0, 0, 0, 0, 1, 0))) is None
