"""When a source is asked again, and how it is said to do."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.checks import LONGEST_WAIT, CheckPlan, after_check, for_options, is_check_due
from newsletter.model import Entry, Fault, FetchResult, Health, SourceState

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
HOURLY = CheckPlan(timedelta(hours=1), stale_after=timedelta(days=4))
FRESH = SourceState("arxiv")


def waited(state: SourceState) -> timedelta:
    assert state.next_check_at is not None
    return state.next_check_at - NOW


def test_a_document_replaces_validators_and_not_modified_keeps_them() -> None:
    read = after_check(FRESH, FetchResult(entries=(Entry("1", "A"),), etag="abc", last_modified="Mon"), HOURLY, NOW)
    assert (read.etag, read.last_modified, read.entries) == ("abc", "Mon", 1)
    kept = after_check(read, FetchResult(not_modified=True), HOURLY, NOW)
    assert (kept.etag, kept.last_modified, kept.entries) == ("abc", "Mon", 1)
    broken = after_check(read, FetchResult(fault=Fault("timeout", "no answer")), HOURLY, NOW)
    assert (broken.etag, broken.last_success_at, broken.health) == ("abc", NOW, Health.BROKEN)


def test_failures_double_the_wait_up_to_a_day_and_a_success_resets_it() -> None:
    state = FRESH
    waits = []
    for _ in range(8):
        state = after_check(state, FetchResult(fault=Fault("connect", "refused")), HOURLY, NOW)
        waits.append(waited(state))
    assert waits == sorted(waits)
    assert waits[1] == 2 * waits[0]
    assert LONGEST_WAIT <= waits[-1] <= 1.1 * LONGEST_WAIT
    again = after_check(state, FetchResult(not_modified=True), HOURLY, NOW)
    assert (again.failures, again.fault) == (0, None)
    assert waited(again) <= 1.1 * HOURLY.interval


def test_what_a_source_asks_for_is_honoured() -> None:
    throttled = after_check(FRESH, FetchResult(fault=Fault("throttled", "slow down", 7200)), HOURLY, NOW)
    assert throttled.health is Health.THROTTLED
    assert waited(throttled) >= timedelta(hours=2)
    assert waited(after_check(FRESH, FetchResult(max_age_s=10_800), HOURLY, NOW)) >= timedelta(hours=3)


def test_a_long_quiet_source_is_stale() -> None:
    quiet = SourceState("arxiv", last_new_paper_at=NOW - timedelta(days=3))
    stale = SourceState("arxiv", last_new_paper_at=NOW - timedelta(days=5))
    assert after_check(quiet, FetchResult(not_modified=True), HOURLY, NOW).health is Health.QUIET
    assert after_check(stale, FetchResult(not_modified=True), HOURLY, NOW).health is Health.STALE


def test_other_options_are_another_question_asked_at_once() -> None:
    state = SourceState("arxiv", etag="abc", last_modified="Mon", next_check_at=NOW, last_success_at=NOW, options="old")
    assert for_options(state, "old") is state
    changed = for_options(state, "new")
    assert (changed.etag, changed.last_modified, changed.next_check_at) == (None, None, None)
    assert not changed.is_first_fetch
    assert after_check(changed, FetchResult(etag="def"), HOURLY, NOW).options == "new"


@given(
    failures=st.integers(0, 500),
    asked=st.none() | st.floats(0, 1e7),
    interval=st.integers(1, 7 * 24 * 60),
    faulty=st.booleans(),
)
def test_every_source_is_asked_again_within_little_more_than_a_day(
    failures: int, asked: float | None, interval: int, *, faulty: bool
) -> None:
    plan = CheckPlan(timedelta(minutes=interval))
    fault = Fault("status", "500", asked) if faulty else None
    state = after_check(SourceState("x", failures=failures), FetchResult(fault=fault, max_age_s=asked), plan, NOW)
    assert timedelta(minutes=1) <= waited(state) <= 1.1 * LONGEST_WAIT
    assert not is_check_due(state, NOW)
    assert is_check_due(state, NOW + timedelta(hours=27))
