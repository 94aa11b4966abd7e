"""The trending order: what stands higher, and that no time that goes by changes it."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.trending import HALF_LIFE_DAYS, NOT_FOR_ME, trend
from newsletter.model import DayVotes

TODAY = date(2026, 11, 24)
DAYS = st.dates(date(2020, 1, 1), date(2030, 1, 1))
Standing = tuple[int, date, list[DayVotes]]
STANDING = st.tuples(
    st.integers(0, 5000),
    DAYS,
    st.lists(st.builds(DayVotes, DAYS, st.integers(0, 500), st.integers(0, 500)), max_size=5),
)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def points(upvotes: int, appeared: date, cast: list[DayVotes], when: date) -> float:
    """Return the sum as the documentation states it."""
    weighted = [(appeared, float(upvotes)), *((each.day, each.good + NOT_FOR_ME * each.not_for_me) for each in cast)]
    return float(sum(weight * 0.5 ** ((when - day).days / HALF_LIFE_DAYS) for day, weight in weighted))


def test_a_vote_counts_half_as_much_a_week_later() -> None:
    assert trend(20, ago(7)) == trend(10, TODAY)
    assert trend(20, ago(7)) < trend(11, TODAY)
    assert trend(20, ago(6)) > trend(10, TODAY)


def test_votes_of_our_readers_count_from_the_day_on_which_they_are_cast() -> None:
    assert trend(0, ago(30), [DayVotes(TODAY, good=5)]) == trend(5, TODAY)
    assert trend(3, TODAY, [DayVotes(TODAY, good=2)]) == trend(5, TODAY)
    assert trend(4, ago(7), [DayVotes(TODAY, good=3)]) == trend(5, TODAY)


def test_not_for_me_takes_back_half_a_vote_and_never_more_than_there_is() -> None:
    assert trend(6, TODAY, [DayVotes(TODAY, not_for_me=2)]) == trend(5, TODAY)
    assert trend(0, TODAY, [DayVotes(TODAY, not_for_me=9)]) == trend(0, TODAY) == 0


def test_neighbours_among_a_thousand_votes_are_told_apart_and_strange_dates_fit() -> None:
    assert trend(1000, TODAY) < trend(1001, TODAY)
    assert 0 < trend(1, date(1, 1, 1)) < trend(1, TODAY) < trend(10**9, date(9999, 12, 31)) < 2**31


@given(STANDING, STANDING, DAYS)
def test_the_order_is_that_of_the_points_at_any_time(one: Standing, other: Standing, when: date) -> None:
    if points(*one, when) > max(points(*other, when), 0) * 1.0001 + 1e-200:
        assert trend(*one) >= trend(*other)
