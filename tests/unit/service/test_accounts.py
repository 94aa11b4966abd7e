from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from newsletter.core.clearance import Clearance
from newsletter.errors import StoreBusyError
from newsletter.model import Aspect, DeliveryState, Inconsistency, IssueSums, Place, Share
from newsletter.service.accounts import EVERY, LATELY, Accountant
from newsletter.service.oversight import Oversight
from newsletter.vitals import Vitals

HERE = Place("1f2e", "this machine")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Books:
    """Implements :class:`newsletter.ports.LedgerStore` with what it was told."""

    def __init__(self) -> None:
        self.asked: list[date] = []
        self.sums: list[IssueSums] | None = []

    async def issue_sums(self, since: date, until: date | None = None) -> list[IssueSums]:
        assert until is None
        if self.sums is None:
            raise StoreBusyError("locked")
        self.asked.append(since)
        return self.sums

    async def shares(self, aspect: Aspect, since: date, until: date | None = None) -> list[Share]:
        raise AssertionError((aspect, since, until))

    async def inconsistencies(self, since: date, until: date | None = None) -> list[Inconsistency]:
        raise AssertionError((since, until))


async def test_the_last_days_are_added_up_every_few_minutes_however_often_it_is_asked() -> None:
    books = Books()
    accountant = Accountant(books)
    for seconds in range(0, int(3 * EVERY.total_seconds()), 15):
        await accountant.sums(NOW + timedelta(seconds=seconds))
    assert books.asked == [(NOW - LATELY).date()] * 3


async def test_a_clock_that_was_put_back_does_not_stop_the_adding_up() -> None:
    books = Books()
    accountant = Accountant(books)
    await accountant.sums(NOW)
    await accountant.sums(NOW - timedelta(days=2))
    assert len(books.asked) == 2


async def test_what_could_not_be_added_up_is_tried_at_the_next_tick_and_the_last_word_stands() -> None:
    books, vitals = Books(), Vitals("1.0")
    accountant = Accountant(books)
    books.sums = [IssueSums(NOW.date(), 3, 0, {DeliveryState.ACCEPTED: 2})]
    vitals.overseen(Oversight(tuple(await accountant.sums(NOW)), Clearance(HERE)))
    assert vitals.sums_difference == 1
    books.sums = None
    with pytest.raises(StoreBusyError):
        await accountant.sums(NOW + EVERY)
    assert "1 missing" in str(vitals.health(NOW)["sums_fault"])
    books.sums = [IssueSums(NOW.date(), 3, 1, {DeliveryState.ACCEPTED: 2})]
    later = NOW + EVERY + timedelta(seconds=15)
    vitals.overseen(Oversight(tuple(await accountant.sums(later)), Clearance(HERE)))
    assert (vitals.sums_fault, vitals.sums_difference) == ("", 0)
