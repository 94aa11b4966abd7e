"""Two schedulers and four workers on one PostgreSQL, around each change of the clocks: one issue for each local day."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from newsletter.core.due import instant_of
from newsletter.model import DeliveryState, Schedule
from tests.support.databases import postgres, postgres_url
from tests.support.simulation import Arrived, Simulation, reader

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["postgres", "postgres_url"]

DAYS = 30
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
# Each zone with an hour that a change skips or repeats there (where there is one), and with its first and last minutes.
PEOPLE = (
    ("Europe/Berlin", "02:30"),
    ("Europe/Berlin", "23:59"),
    ("America/New_York", "01:30"),
    ("America/New_York", "02:00"),
    ("Australia/Lord_Howe", "01:45"),
    ("Australia/Lord_Howe", "02:15"),
    ("Pacific/Apia", "00:00"),
    ("Asia/Kolkata", "07:00"),
    ("America/Sao_Paulo", "00:00"),
)
# Lord Howe changes on 4 October 2026, Berlin on the 25th, New York on 1 November; and the other way on 14 March 2027,
# 28 March, 4 April.
PERIODS = {"autumn": datetime(2026, 10, 3, tzinfo=UTC), "spring": datetime(2027, 3, 10, tzinfo=UTC)}
CHANGES = [
    date(2026, 10, 4),
    date(2026, 10, 25),
    date(2026, 11, 1),
    date(2027, 3, 14),
    date(2027, 3, 28),
    date(2027, 4, 4),
]
LATEST = timedelta(hours=25)  # two ticks on an ordinary day: a greylisted mail waits for the second
DEADLY = 0.15


def schedules() -> list[Schedule]:
    return [Schedule(zone, time.fromisoformat(send_at)) for zone, send_at in PEOPLE]


def ticks(start: datetime, chances: random.Random) -> Iterator[datetime]:
    """Yield every twelve hours, and on days of change a moment before, at, and after each instant due there."""
    end = start + timedelta(days=DAYS)
    found = {start + 12 * HOUR * number for number in range(2 * DAYS + 1)}
    for day in CHANGES:
        for schedule in schedules():
            if not changes_there(schedule.zone, day):
                continue
            due = instant_of(schedule, day)
            found |= {due - MINUTE, due, due + MINUTE * chances.randrange(1, 50)}
    return iter(sorted(moment for moment in found if start <= moment <= end))


def changes_there(zone: str, day: date) -> bool:
    """Return whether the clocks of a zone change on a day."""
    begin = datetime.combine(day, time(), ZoneInfo(zone))
    return begin.utcoffset() != (begin + timedelta(days=1)).utcoffset()


def dates_until(schedule: Schedule, first: date, end: datetime) -> list[date]:
    """Return the local dates from ``first`` whose hour has come by ``end``."""
    days = [first + timedelta(days=number) for number in range(DAYS + 3)]
    return [day for day in days if day == first or instant_of(schedule, day) <= end]


@pytest.mark.parametrize("period", PERIODS)
async def test_each_gets_exactly_one_issue_a_local_day(period: str, postgres_url: str) -> None:
    start = PERIODS[period]
    chances = random.Random(period)  # noqa: S311 (no secret)
    simulation = Simulation(postgres_url, start - HOUR, schedulers=2, workers=4)
    await simulation.papers_arrive(0)  # an earlier, empty first fetch
    await simulation.papers_arrive(2)
    await simulation.subscribe(reader(number, *person) for number, person in enumerate(PEOPLE))
    for moment in ticks(start, chances):
        await simulation.papers_arrive(1)
        step = simulation.deadly_tick if chances.random() < DEADLY else simulation.tick
        await step(max(moment, simulation.clock() + MINUTE))  # never back: that is for tests of the clock
    end = simulation.clock()
    await simulation.deliver(end + HOUR)  # what was greylisted last
    assert len(simulation.relay.turned_away) > 10
    assert simulation.died > 3
    counts = await simulation.stores[0].count_deliveries()
    await simulation.aclose()
    assert counts == {DeliveryState.ACCEPTED: len(simulation.relay.arrived)}
    check(simulation.relay.arrived, end)


def check(arrived: list[Arrived], end: datetime) -> None:
    """Each reader got one mail for every local date, in time, and no paper twice."""
    by_reader: dict[str, list[Arrived]] = defaultdict(list)
    for mail in arrived:
        by_reader[mail.address].append(mail)
    assert len(by_reader) == len(PEOPLE)
    for number, schedule in enumerate(schedules()):
        mails = by_reader[f"reader{number}@example.org"]
        dates = [mail.issue_date for mail in mails]
        assert dates == dates_until(schedule, dates[0], end), schedule
        assert len(dates) >= DAYS
        papers = [paper for mail in mails for paper in mail.papers]
        assert len(papers) == len(set(papers)), schedule
        assert all(mail.papers for mail in mails)
        for mail in mails[1:]:
            due = instant_of(schedule, mail.issue_date)
            assert due <= mail.at <= due + LATEST, (schedule, mail)
