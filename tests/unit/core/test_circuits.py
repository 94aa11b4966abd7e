from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from newsletter.core.circuits import (
    BACKOFFS,
    JITTER,
    PROBE_TIME,
    SEVERAL,
    Streak,
    after,
    after_at_domain,
    failed,
    is_over,
    may_probe,
    opened,
)
from newsletter.core.replies import classify
from newsletter.model import Circuit, CircuitCause, CircuitScope, Outcome, OutcomeKind, Step

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
TAKEN = classify(Step.DOT, 250, "2.0.0 Ok")
NOBODY = classify(Step.RCPT, 550, "5.1.1 no such user")
FULL = classify(Step.RCPT, 452, "4.2.2 full")
CLOSING = classify(Step.RCPT, 421, "4.7.0 try later")
PICKY = classify(Step.RCPT, 550, "5.7.1 not from you")
SPAM = classify(Step.DOT, 554, "5.7.1 spam")
GREYLISTED = classify(Step.RCPT, 451, "4.7.1 greylisted, try again")
SLOW_DOMAIN = classify(Step.RCPT, 450, "4.7.28 too much mail to this domain")
SICK_DOMAIN = classify(Step.RCPT, 451, "4.4.1 its server does not answer")
LOST = Outcome(OutcomeKind.DEFERRED, None, "connection lost", step=Step.DATA)
REFUSED = Outcome(OutcomeKind.DEFERRED, None, "connection refused", step=Step.CONNECT)
NOT_SENT = Outcome(OutcomeKind.SUPPRESSED, text="not sent")
RELAY, DOMAIN = CircuitScope.RELAY, CircuitScope.DOMAIN


def causes(*outcomes: Outcome, several: int = 4) -> list[CircuitCause | None]:
    streak, found = Streak(), []
    for outcome in outcomes:
        streak, cause = after(streak, outcome, several)
        found.append(cause)
    return found


def domain_causes(*outcomes: Outcome) -> list[CircuitCause | None]:
    streak, found = 0, []
    for outcome in outcomes:
        streak, cause = after_at_domain(streak, outcome, 3)
        found.append(cause)
    return found


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (REFUSED, CircuitCause.UNREACHABLE),
        (CLOSING, CircuitCause.THROTTLED),
        (SPAM, CircuitCause.POLICY),
        (classify(Step.AUTH, 535, "5.7.8 bad credentials"), CircuitCause.POLICY),
        (classify(Step.MAIL, 550, "5.7.1 not you"), CircuitCause.POLICY),
        (classify(Step.MAIL, 450, "4.7.1 rate limit exceeded"), CircuitCause.THROTTLED),
        (TAKEN, None),
        (NOBODY, None),
        (FULL, None),
        (PICKY, None),
        (LOST, None),
        (GREYLISTED, None),
        (SLOW_DOMAIN, None),
        (NOT_SENT, None),
    ],
)
def test_what_closes_a_relay_at_once(outcome: Outcome, cause: CircuitCause | None) -> None:
    assert causes(outcome) == [cause]


def test_lost_connections_count_in_a_row() -> None:
    assert causes(LOST, LOST, LOST, LOST)[-1] is CircuitCause.UNREACHABLE
    assert causes(LOST, LOST, LOST, TAKEN, LOST) == [None] * 5
    assert causes(LOST, LOST, LOST, FULL, LOST) == [None] * 5
    assert causes(LOST, LOST, LOST, NOT_SENT, LOST)[-1] is CircuitCause.UNREACHABLE


def test_one_picky_mailbox_stops_nobody_and_many_in_a_row_stop_the_relay() -> None:
    assert causes(*[PICKY, TAKEN] * 20) == [None] * 40
    assert causes(*[PICKY] * SEVERAL)[-1] is CircuitCause.POLICY
    assert causes(*[PICKY, NOBODY] * SEVERAL)[-2] is CircuitCause.POLICY


def test_a_domain_closes_for_its_own_trouble_and_never_for_a_mailbox() -> None:
    assert domain_causes(*[SLOW_DOMAIN] * SEVERAL) == [None] * (SEVERAL - 1) + [CircuitCause.THROTTLED]
    assert domain_causes(*[SICK_DOMAIN] * SEVERAL)[-1] is CircuitCause.UNREACHABLE
    assert domain_causes(*[LOST] * SEVERAL)[-1] is CircuitCause.UNREACHABLE
    for harmless in (GREYLISTED, FULL, NOBODY, CLOSING, SPAM, PICKY, REFUSED, NOT_SENT):
        assert domain_causes(*[harmless] * 20) == [None] * 20
    assert domain_causes(*[SLOW_DOMAIN, SLOW_DOMAIN, SLOW_DOMAIN, TAKEN] * 5) == [None] * 20


@pytest.mark.parametrize(("scope", "cause"), list(BACKOFFS))
def test_it_is_left_alone_for_twice_as_long_each_time_up_to_a_cap(scope: CircuitScope, cause: CircuitCause) -> None:
    backoff, circuit, now = BACKOFFS[scope, cause], None, NOW
    for failures in range(1, 80):
        circuit = opened(circuit, scope, "x", cause, "reason " * 200, now)
        plain = min(backoff.first * 2 ** min(failures - 1, 20), backoff.cap)
        assert plain <= circuit.retry_at - now <= plain * (1 + JITTER)
        now = circuit.retry_at
    assert circuit is not None
    assert (circuit.failures, circuit.opened_at) == (79, NOW)
    assert len(circuit.reason) <= 300


def circuit(cause: CircuitCause, scope: CircuitScope = RELAY) -> Circuit:
    return opened(None, scope, "x", cause, "why", NOW)


def test_mails_under_way_when_it_opened_do_not_lengthen_the_wait() -> None:
    before = circuit(CircuitCause.UNREACHABLE)
    again = opened(before, RELAY, "x", CircuitCause.UNREACHABLE, "why", NOW)
    assert failed(before, again, NOW, was_probe=False) == before
    assert failed(before, again, NOW, was_probe=True) == again
    assert failed(before, again, before.retry_at, was_probe=False) == again
    graver = opened(before, RELAY, "x", CircuitCause.POLICY, "why", NOW)
    assert failed(before, graver, NOW, was_probe=False) == graver


def test_one_at_a_time_tries_when_the_time_has_come() -> None:
    open_one = circuit(CircuitCause.UNREACHABLE)
    assert not may_probe(open_one, NOW)
    assert may_probe(open_one, open_one.retry_at)
    tried = replace(open_one, probe_until=open_one.retry_at + PROBE_TIME)
    assert not may_probe(tried, open_one.retry_at)
    assert may_probe(tried, open_one.retry_at + PROBE_TIME)


@pytest.mark.parametrize("cause", list(CircuitCause))
def test_what_is_taken_closes_any_circuit(cause: CircuitCause) -> None:
    assert is_over(circuit(cause), TAKEN)
    assert is_over(circuit(cause, DOMAIN), TAKEN)
    assert not is_over(circuit(cause), LOST)
    assert not is_over(circuit(cause), NOT_SENT)
    assert is_over(circuit(cause), NOBODY) is (cause is not CircuitCause.POLICY)
    assert not is_over(circuit(cause, DOMAIN), NOBODY)


def test_jitter_spreads_equal_circuits() -> None:
    times = {opened(None, RELAY, f"r{index}", CircuitCause.UNREACHABLE, "", NOW).retry_at for index in range(20)}
    assert len(times) > 15
    assert max(times) - min(times) < timedelta(seconds=2)
