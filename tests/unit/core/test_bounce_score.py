"""The score: it grows by what comes back, halves in its half-life, and asks for a probe at the threshold."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.bounce_score import BouncePolicy, Probation, added, decayed, probation, weight
from newsletter.model import BounceScore, Delivery, DeliveryState, Frequency, IssueKind
from tests.support.samples import NOW

POLICY = BouncePolicy()
DAY = timedelta(days=1)


def bounces_until_probation(every: timedelta, frequency: Frequency, most: int = 60) -> int | None:
    score, now = None, NOW
    for number in range(1, most + 1):
        score = added(score, weight(frequency, "5.2.2"), now, POLICY)
        if score.probation_since is not None:
            return number
        now += every
    return None


def test_it_halves_in_its_half_life() -> None:
    score = BounceScore(4.0, NOW)
    assert decayed(score, NOW, 7 * DAY) == 4
    assert decayed(score, NOW + 7 * DAY, 7 * DAY) == pytest.approx(2)
    assert decayed(score, NOW + 21 * DAY, 7 * DAY) == pytest.approx(0.5)


def test_a_clock_that_was_put_back_makes_it_no_larger() -> None:
    assert decayed(BounceScore(4.0, NOW), NOW - 30 * DAY, 7 * DAY) == 4
    assert added(BounceScore(4.0, NOW), 0.5, NOW - DAY, POLICY).scored_at == NOW


def test_who_never_gets_a_mail_is_probed_within_weeks_however_seldom_they_read() -> None:
    assert bounces_until_probation(DAY, Frequency.DAILY) == 7
    assert bounces_until_probation(7 * DAY, Frequency.WEEKLY) == 3


def test_who_misses_a_mail_now_and_then_is_never_probed() -> None:
    assert bounces_until_probation(7 * DAY, Frequency.DAILY) is None
    assert bounces_until_probation(28 * DAY, Frequency.WEEKLY) is None


def test_a_refusal_of_our_mail_counts_half() -> None:
    assert weight(Frequency.DAILY, "5.7.1") == weight(Frequency.DAILY, "4.7.0") == 0.5
    assert weight(Frequency.DAILY, None) == weight(Frequency.DAILY, "5.2.2") == 1


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 500)), min_size=1, max_size=30))
def test_it_is_never_more_than_all_that_was_added(steps: list[tuple[float, int]]) -> None:
    score, now = None, NOW
    for amount, hours in steps:
        now += timedelta(hours=hours)
        score = added(score, amount, now, POLICY)
    assert score is not None
    assert 0 <= score.value <= sum(amount for amount, _ in steps) + 1e-9


def test_probation_once_begun_goes_on() -> None:
    begun = added(BounceScore(4.5, NOW), 1, NOW, POLICY)
    later = added(begun, 0, NOW + 90 * DAY, POLICY)
    assert begun.probation_since == later.probation_since == NOW
    assert later.value < 0.01


PROBE = Delivery(
    id=1,
    subscriber_id=1,
    digest_id=1,
    kind=IssueKind.PROBE,
    issue_date=date(2026, 11, 25),
    state=DeliveryState.ACCEPTED,
    attempts=1,
    message_id="<m@example.org>",
    due_at=NOW,
    planned_at=NOW + DAY,
    finished_at=NOW + DAY,
)


@pytest.mark.parametrize(
    ("score", "probe", "days", "step"),
    [
        (None, None, 0, Probation.NONE),
        (BounceScore(3, NOW), PROBE, 0, Probation.NONE),
        (BounceScore(6, NOW, NOW), None, 0, Probation.PROBE),
        (BounceScore(6, NOW, NOW + 2 * DAY), PROBE, 3, Probation.PROBE),  # one of long ago
        (BounceScore(6, NOW, NOW), replace(PROBE, state=DeliveryState.PLANNED), 9, Probation.WAIT),
        (BounceScore(6, NOW, NOW), replace(PROBE, state=DeliveryState.DEFERRED), 9, Probation.WAIT),
        (BounceScore(6, NOW, NOW), PROBE, 3.9, Probation.WAIT),
        (BounceScore(6, NOW, NOW), PROBE, 4, Probation.OVER),
        (BounceScore(6, NOW, NOW), replace(PROBE, state=DeliveryState.UNKNOWN), 4, Probation.OVER),
        (BounceScore(6, NOW, NOW), replace(PROBE, state=DeliveryState.EXPIRED), 4, Probation.PROBE),
    ],
)
def test_what_the_next_issue_is(
    score: BounceScore | None, probe: Delivery | None, days: float, step: Probation
) -> None:
    assert probation(score, probe, NOW + days * DAY, POLICY) is step
