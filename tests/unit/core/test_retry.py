import itertools
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.retry import RetryPolicy, decide, wait
from newsletter.model import Delivery, DeliveryState, IssueKind, Outcome, OutcomeKind, Step

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = RetryPolicy()
GREYLISTED = Outcome(OutcomeKind.DEFERRED, 451, "4.7.1 Greylisted", step=Step.RCPT)
REFUSED = Outcome(OutcomeKind.DEFERRED, None, "connection refused", step=Step.CONNECT)


def delivery(
    attempts: int = 0, planned_at: datetime = NOON, due_at: datetime | None = None, number: int = 7
) -> Delivery:
    return Delivery(
        id=number,
        subscriber_id=1,
        digest_id=1,
        kind=IssueKind.DIGEST,
        issue_date=date(2026, 3, 1),
        state=DeliveryState.SENDING,
        attempts=attempts,
        message_id="<1@news.example>",
        due_at=due_at or planned_at,
        planned_at=planned_at,
    )


def life(outcome: Outcome, policy: RetryPolicy = POLICY, number: int = 7) -> list[datetime]:
    """The times of all attempts when each one ends in ``outcome``."""
    times, attempts = [NOON], 0
    while True:
        state, following = decide(outcome, delivery(attempts, number=number), times[-1], policy)
        if state is DeliveryState.EXPIRED:
            assert following is None
            return times
        assert following is not None
        times.append(following)
        attempts += 1


def test_final_outcomes_end_the_delivery() -> None:
    expected = {
        OutcomeKind.ACCEPTED: DeliveryState.ACCEPTED,
        OutcomeKind.REJECTED: DeliveryState.REJECTED,
        OutcomeKind.SUPPRESSED: DeliveryState.SUPPRESSED,
    }
    for kind, state in expected.items():
        assert decide(Outcome(kind), delivery(), NOON, POLICY) == (state, None)


def test_a_mail_that_may_have_arrived_is_sent_again_or_never() -> None:
    lost = Outcome(OutcomeKind.DEFERRED, None, "after the final dot: lost", is_unknown=True, step=Step.DOT)
    assert decide(lost, delivery(), NOON, POLICY)[0] is DeliveryState.DEFERRED
    assert decide(lost, delivery(), NOON, RetryPolicy(resend_unknown=False)) == (DeliveryState.UNKNOWN, None)
    assert decide(REFUSED, delivery(), NOON, RetryPolicy(resend_unknown=False))[0] is DeliveryState.DEFERRED


def test_the_first_retry_suits_a_server_that_greylists() -> None:
    state, following = decide(GREYLISTED, delivery(), NOON, POLICY)
    assert state is DeliveryState.DEFERRED
    assert following is not None
    assert timedelta(minutes=5) <= following - NOON <= timedelta(minutes=6)


def test_waits_grow_to_the_cap_and_end_before_the_next_days_digest() -> None:
    times = life(GREYLISTED, RetryPolicy(jitter=0))
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert waits[:-1] == sorted(waits[:-1])  # the last one is cut to fit
    assert max(waits) == timedelta(hours=4)
    assert timedelta(hours=22) < times[-1] - NOON <= timedelta(hours=23)
    assert 9 <= len(times) <= 13


def test_an_unreachable_relay_does_not_lengthen_the_waits() -> None:
    _, following = decide(REFUSED, delivery(attempts=9), NOON, POLICY)
    assert following is not None
    assert following - NOON <= timedelta(minutes=6)


def test_the_deadline_runs_from_the_later_of_planning_and_due_time() -> None:
    early = delivery(planned_at=NOON - timedelta(days=3), due_at=NOON)
    assert decide(GREYLISTED, early, NOON, POLICY)[0] is DeliveryState.DEFERRED


def test_a_delivery_long_past_its_deadline_expires_at_the_next_failure() -> None:
    old = delivery(planned_at=NOON - timedelta(days=3))
    assert decide(GREYLISTED, old, NOON, POLICY) == (DeliveryState.EXPIRED, None)
    assert decide(Outcome(OutcomeKind.ACCEPTED), old, NOON, POLICY)[0] is DeliveryState.ACCEPTED


def test_deliveries_deferred_at_one_moment_do_not_all_come_back_at_one_moment() -> None:
    times = {decide(GREYLISTED, delivery(number=number), NOON, POLICY)[1] for number in range(100)}
    assert len(times) == 100


@given(st.integers(1, 2**40), st.integers(0, 10_000))
def test_waits_are_the_same_on_every_call_and_within_their_bounds(number: int, attempts: int) -> None:
    first = wait(number, attempts, POLICY)
    assert first == wait(number, attempts, POLICY)
    assert POLICY.first <= first <= POLICY.cap * (1 + POLICY.jitter)


@given(
    st.integers(1, 2**40),
    st.integers(1, 120),
    st.floats(1.0, 4.0),
    st.integers(1, 48),
    st.sampled_from([GREYLISTED, REFUSED]),
)
def test_every_life_ends_within_the_deadline(
    number: int, first_min: int, factor: float, deadline_h: int, outcome: Outcome
) -> None:
    policy = RetryPolicy(first=timedelta(minutes=first_min), factor=factor, deadline=timedelta(hours=deadline_h))
    times = life(outcome, policy, number)
    assert times == sorted(set(times))
    assert times[-1] <= NOON + policy.deadline or len(times) == 1
