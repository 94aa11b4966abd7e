from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.limits import LENGTHS, SKEW, available_at, left, ramp, settled, slot_length, take_all, taken
from newsletter.model import Bucket, Limit, Window

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
windows = st.sampled_from(list(Window))


def limit(window: Window, most: int) -> Limit:
    return Limit(f"relay:a:{window}", window, most)


def most_in_any_window(times: list[datetime], length: timedelta) -> int:
    """Brute force: each window that counts the most begins at one of the mails; it is half-open."""
    return max((sum(start <= time < start + length for time in times) for start in times), default=0)


@given(windows, st.integers(1, 7), st.lists(st.floats(0, 0.4), min_size=1, max_size=80))
def test_no_window_wherever_it_begins_holds_one_mail_too_many(window: Window, most: int, steps: list[float]) -> None:
    allowed, bucket, now, went = limit(window, most), Bucket(), NOW, []
    for step in steps:
        now += step * LENGTHS[window]
        if available_at(bucket, allowed, now) <= now:
            bucket = taken(bucket, allowed, now)
            went.append(now)
    assert most_in_any_window(went, LENGTHS[window]) <= most


@given(windows, st.integers(1, 9))
@settings(max_examples=40)
def test_who_takes_what_there_is_gets_nearly_all_that_is_allowed(window: Window, most: int) -> None:
    allowed, bucket, now, went = limit(window, most), Bucket(), NOW, 0
    end = NOW + 20 * LENGTHS[window]
    while now < end:
        bucket, went = taken(bucket, allowed, now), went + 1
        now = available_at(bucket, allowed, now)
    assert went >= 0.95 * 20 * most


@given(
    st.sampled_from([Window.HOUR, Window.DAY]),
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 0.3), st.integers(0, 60)), max_size=60),
)
def test_by_as_much_as_clocks_differ_may_a_token_come_back_early_and_no_more(
    window: Window, most: int, steps: list[tuple[float, int]]
) -> None:
    allowed, bucket, now, went = limit(window, most), Bucket(), NOW, []
    for step, behind_s in steps:
        now += step * LENGTHS[window]
        theirs = now - timedelta(seconds=behind_s)
        if available_at(bucket, allowed, theirs) <= theirs:
            bucket = taken(bucket, allowed, theirs)
            went.append(now)
    assert most_in_any_window(went, LENGTHS[window] - SKEW) <= most


@given(windows, st.integers(1, 5), st.timedeltas(SKEW * 2, timedelta(days=400)))
def test_a_clock_that_is_put_back_gives_nothing_back_early_and_locks_nothing_up(
    window: Window, most: int, step: timedelta
) -> None:
    allowed, length = limit(window, most), LENGTHS[window]
    bucket = taken(Bucket(), allowed, NOW, most)
    now = NOW - step
    assert left(bucket, allowed, now) == 0
    free_at = available_at(bucket, allowed, now)
    assert now + length - slot_length(window) < free_at <= now + length + 2 * slot_length(window)
    assert taken(settled(bucket, allowed, now), allowed, free_at).seen_at == free_at


@given(windows, st.integers(1, 5), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_clock_that_is_put_forward_fills_the_bucket_at_most(window: Window, most: int, step: timedelta) -> None:
    allowed = limit(window, most)
    bucket = taken(Bucket(), allowed, NOW, most)
    assert 0 <= left(bucket, allowed, NOW + step) <= most


@given(windows, st.integers(1, 6), st.integers(1, 40))
def test_the_time_at_which_the_nth_will_have_its_turn_is_never_too_late(window: Window, most: int, count: int) -> None:
    allowed, bucket = limit(window, most), taken(Bucket(), limit(window, most), NOW)
    foreseen = available_at(bucket, allowed, NOW, count)
    now = NOW
    for _ in range(count):
        now = available_at(bucket, allowed, now)
        bucket = taken(bucket, allowed, now)
    assert foreseen <= now <= foreseen + (count // most + 1) * 2 * slot_length(window)


def test_a_request_takes_a_token_of_each_of_its_limits_or_none() -> None:
    second, day = limit(Window.SECOND, 2), Limit("relay:a:day", Window.DAY, 3)
    buckets, answers = take_all({}, [(second, day)] * 3, NOW)
    assert [answer and answer.bucket for answer in answers] == [None, None, second.bucket]
    assert (left(buckets[second.bucket], second, NOW), left(buckets[day.bucket], day, NOW)) == (0, 1)
    later = NOW + timedelta(seconds=2)
    buckets, answers = take_all(buckets, [(second, day)] * 2, later)
    assert [answer and answer.bucket for answer in answers] == [None, day.bucket]
    assert left(buckets[second.bucket], second, later) == 1
    assert answers[1] is not None
    assert answers[1].until > NOW + timedelta(days=1)


def test_what_is_refused_changes_no_bucket() -> None:
    assert take_all({}, [(limit(Window.DAY, 0),)], NOW)[0] == {}
    assert take_all({}, [()], NOW) == ({}, [None])


def test_a_lowered_limit_holds_at_once() -> None:
    bucket = taken(Bucket(), limit(Window.HOUR, 10), NOW, 8)
    assert left(bucket, limit(Window.HOUR, 5), NOW) == 0
    assert left(bucket, limit(Window.HOUR, 9), NOW) == 1


def test_a_bucket_stays_small() -> None:
    allowed, bucket, now = limit(Window.DAY, 10**6), Bucket(), NOW
    for _ in range(3000):
        now += timedelta(minutes=1)
        bucket = taken(bucket, allowed, now)
    assert len(bucket.taken) <= 146


@pytest.mark.parametrize(
    ("day", "most"), [(-3, 50), (0, 50), (1, 75), (2, 112), (10, 2883), (31, None), (100_000, None)]
)
def test_a_ramp_grows_from_day_to_day_until_it_ends(day: int, most: int | None) -> None:
    assert ramp(50, 1.5, date(2026, 3, 1), date.fromordinal(date(2026, 3, 1).toordinal() + day)) == most
