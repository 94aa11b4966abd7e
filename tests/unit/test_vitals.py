from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newsletter.service.tally import DeliveryCounts
from newsletter.vitals import HANGS_AFTER_S, STALLED_AFTER, Vitals

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_before_the_first_run_it_is_neither_well_nor_ready() -> None:
    vitals = Vitals("1.0")
    assert not vitals.health(NOW)["ok"]
    assert vitals.unready() == ["the first run of the line is not done yet"]
    assert vitals.trouble(NOW) == ""


def test_a_run_makes_it_well_until_it_stalls() -> None:
    vitals = Vitals("1.0")
    vitals.line_ran(NOW)
    assert vitals.unready() == []
    assert vitals.health(NOW)["ok"]
    late = NOW + STALLED_AFTER
    assert not vitals.health(late)["ok"]
    assert vitals.trouble(late) == "it has not come to its end since 2026-03-02 09:00 UTC"


def test_a_failure_is_told_until_the_next_run_and_leaves_it_ready() -> None:
    vitals = Vitals("1.0")
    vitals.line_ran(NOW)
    vitals.line_failed("the disk is full")
    assert (vitals.health(NOW)["ok"], vitals.health(NOW)["fault"]) == (False, "the disk is full")
    assert vitals.unready() == []
    vitals.line_ran(NOW)
    assert vitals.health(NOW)["ok"]


def test_who_stops_is_not_ready() -> None:
    vitals = Vitals("1.0")
    vitals.line_ran(NOW)
    vitals.is_stopping = True
    assert vitals.unready() == ["it is stopping"]


def test_a_line_that_fails_is_alive_and_one_that_hangs_is_not() -> None:
    clock = [0.0]
    vitals = Vitals("1.0", monotonic=lambda: clock[0])
    clock[0] = HANGS_AFTER_S - 1
    assert vitals.is_alive
    vitals.line_failed("the store does not answer")
    clock[0] += HANGS_AFTER_S - 1
    assert vitals.is_alive
    clock[0] += 1
    assert not vitals.is_alive


@pytest.mark.parametrize(("planned", "accepted", "unaccounted"), [(3, 3, 0), (3, 1, 2)])
def test_delivery_runs_tell_of_relay_and_sums(planned: int, accepted: int, unaccounted: int) -> None:
    vitals = Vitals("1.0")
    vitals.delivered(DeliveryCounts(planned, accepted, fault="535 no"))
    assert (vitals.delivery_fault, vitals.unaccounted) == ("535 no", unaccounted)
    vitals.delivered(DeliveryCounts())  # which had nothing to do
    assert vitals.delivery_fault == "535 no"
    vitals.delivered(DeliveryCounts(1, 1))
    assert (vitals.delivery_fault, vitals.unaccounted) == ("", 0)
