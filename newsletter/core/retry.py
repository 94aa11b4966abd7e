"""What becomes of a delivery after an attempt: final, or tried again at a time that spreads the load."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.core.replies import is_about_relay
from newsletter.model import Delivery, DeliveryState, Outcome, OutcomeKind

FINAL_STATES = {
    OutcomeKind.ACCEPTED: DeliveryState.ACCEPTED,
    OutcomeKind.REJECTED: DeliveryState.REJECTED,
    OutcomeKind.SUPPRESSED: DeliveryState.SUPPRESSED,
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patiently a deferred delivery is tried again.

    The first retry comes after ``first`` (servers that greylist want some minutes), each later one after ``factor``
    times as long, at most ``cap``, all of it made up to ``jitter`` longer. The last attempt comes no later than
    ``deadline``, which leaves the next day's digest an hour in which the papers have been given back.
    ``resend_unknown``: whether a mail that may have arrived is sent again, with its Message-ID, or never.
    """

    first: timedelta = timedelta(minutes=5)
    factor: float = 2.0
    cap: timedelta = timedelta(hours=4)
    jitter: float = 0.2
    deadline: timedelta = timedelta(hours=23)
    resend_unknown: bool = True


def decide(
    outcome: Outcome, delivery: Delivery, now: datetime, policy: RetryPolicy
) -> tuple[DeliveryState, datetime | None]:
    """Return the state that an attempt leads to and, when it is deferred, the time of the next one.

    ``delivery.attempts`` counts the attempts before this one. The deadline runs from when the delivery was planned
    or due, whichever is later. A failure that is about the relay does not make the waits longer.
    """
    if outcome.kind is not OutcomeKind.DEFERRED:
        return FINAL_STATES[outcome.kind], None
    if outcome.is_unknown and not policy.resend_unknown:
        return DeliveryState.UNKNOWN, None
    last = max(delivery.planned_at, delivery.due_at) + policy.deadline
    if now + policy.first > last:
        return DeliveryState.EXPIRED, None
    attempts = 0 if is_about_relay(outcome) else delivery.attempts
    return DeliveryState.DEFERRED, min(now + wait(delivery.id, attempts, policy), last)


def wait(delivery_id: int, attempts: int, policy: RetryPolicy) -> timedelta:
    """Return how long to wait after an attempt that ``attempts`` others came before; equal on every call."""
    growth = policy.factor ** min(attempts, 64)  # beyond this the cap has long been reached, and floats overflow
    plain_s = min(policy.first.total_seconds() * growth, policy.cap.total_seconds())
    return timedelta(seconds=plain_s * (1 + policy.jitter * fraction(f"{delivery_id}:{attempts}")))


def fraction(seed: str) -> float:
    """Return a number from 0 to below 1 that depends on ``seed`` alone, whichever process asks."""
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=6).digest(), "big") / 2**48
