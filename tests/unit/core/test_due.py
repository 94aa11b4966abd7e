"""What is due: zones, summer time, catch-up after downtime, doubled ticks."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.due import due_issue, first_issue, instant_of, latest_issue, next_issue
from newsletter.model import Frequency, Schedule, Weekday

BERLIN = Schedule("Europe/Berlin", time(7, 0))
LIMIT = timedelta(hours=48)
ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("posix", "right")))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_before_the_hour_yesterdays_issue_is_the_latest() -> None:
    assert latest_issue(BERLIN, utc("2026-11-23T05:59:59")).issue_date == date(2026, 11, 22)
    assert latest_issue(BERLIN, utc("2026-11-23T06:00:00")).issue_date == date(2026, 11, 23)


def test_an_issue_that_exists_is_not_due_again() -> None:
    now = utc("2026-11-23T06:00:30")
    assert due_issue(BERLIN, date(2026, 11, 22), now, LIMIT) is not None
    assert due_issue(BERLIN, date(2026, 11, 23), now, LIMIT) is None


def test_after_ten_days_of_downtime_one_issue_is_due() -> None:
    due = due_issue(BERLIN, date(2026, 11, 10), utc("2026-11-23T18:00:00"), LIMIT)
    assert due is not None
    assert due.issue_date == date(2026, 11, 23)
    assert due_issue(BERLIN, due.issue_date, utc("2026-11-23T18:00:00"), LIMIT) is None


def test_an_issue_later_than_the_limit_is_left_to_a_next_that_is_near() -> None:
    weekly = Schedule("UTC", time(7, 0), Frequency.WEEKLY, Weekday.MONDAY)
    assert due_issue(weekly, None, utc("2026-11-26T12:00:00"), LIMIT) is not None  # better late than next week
    assert due_issue(weekly, None, utc("2026-11-28T06:59:00"), LIMIT) is not None
    assert due_issue(weekly, None, utc("2026-11-28T07:01:00"), LIMIT) is None  # the next is nearer
    weekdays = Schedule("UTC", time(7, 0), Frequency.WEEKDAYS)
    assert due_issue(weekdays, None, utc("2026-11-22T08:00:00"), LIMIT) is None  # Friday's, on Sunday


def test_weekdays_have_no_issue_on_saturday_and_sunday() -> None:
    schedule = Schedule("UTC", time(7, 0), Frequency.WEEKDAYS)
    assert latest_issue(schedule, utc("2026-11-22T12:00:00")).issue_date == date(2026, 11, 20)
    assert next_issue(schedule, utc("2026-11-20T12:00:00")).issue_date == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        (date(2026, 3, 29), time(2, 30), "2026-03-29T01:30:00"),  # skipped: half past three, summer time
        (date(2026, 10, 25), time(2, 30), "2026-10-25T00:30:00"),  # twice: the first
        (date(2026, 3, 29), time(7, 0), "2026-03-29T05:00:00"),
        (date(2026, 3, 28), time(7, 0), "2026-03-28T06:00:00"),
    ],
)
def test_summer_time(day: date, at: time, expected: str) -> None:
    assert instant_of(Schedule("Europe/Berlin", at), day) == utc(expected)


@given(
    zone=st.sampled_from(ZONES),
    at=st.times().map(lambda value: value.replace(second=0, microsecond=0)),
    start=st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 (made aware below)
)
def test_ticking_through_three_days_issues_each_local_date_once(zone: str, at: time, start: datetime) -> None:
    schedule = Schedule(zone, at)
    now = start.replace(tzinfo=UTC)
    last: date | None = None
    issued: list[date] = []
    for step in range(3 * 24 * 2):
        for _ in range(2):  # a doubled tick
            due = due_issue(schedule, last, now + timedelta(minutes=30 * step), LIMIT)
            if due is not None:
                assert due.due_at <= now + timedelta(minutes=30 * step)
                issued.append(due.issue_date)
                last = due.issue_date
    assert issued == sorted(set(issued))
    span = (issued[-1] - issued[0]).days + 1
    skipped_dates = {"Pacific/Apia": 1, "Pacific/Fakaofo": 1, "Pacific/Kwajalein": 1}.get(zone, 0)
    assert span - skipped_dates <= len(issued) <= span


@given(zone=st.sampled_from(ZONES), now=st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)))  # noqa: DTZ001
def test_latest_and_next_enclose_now(zone: str, now: datetime) -> None:
    schedule = Schedule(zone, time(2, 30), Frequency.WEEKDAYS)
    instant = now.replace(tzinfo=UTC)
    assert latest_issue(schedule, instant).due_at <= instant < next_issue(schedule, instant).due_at


def test_a_first_issue_is_todays_at_once() -> None:
    now = utc("2026-11-23T23:30:00")
    assert first_issue(BERLIN, now).issue_date == now.astimezone(ZoneInfo("Europe/Berlin")).date() == date(2026, 11, 24)
