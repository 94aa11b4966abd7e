"""When a relay or a domain is left alone, for how long, and when one mail tries whether it takes mail again.

::

    closed ──failure──▶ open until retry_at ──time──▶ half-open: one mail at a time, over all workers, tries
       ▲                     ▲                              │          │
       │                     └─── failed: wait twice as long┘          │
       └───────────────────────────────────────── taken ───────────────┘

A relay opens at once when it cannot be reached or says 421 (slow down), and when it will not have our mail (policy) at
a step that has nothing to do with the recipient. A refusal for policy at RCPT, and a connection that is lost in the
middle, may be one recipient's, so that only several in a row count. A domain opens after several temporary failures in
a row that are not a single mailbox's; greylisting is never one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from newsletter.core.replies import Cause, cause_of
from newsletter.core.retry import fraction
from newsletter.model import Circuit, CircuitCause, CircuitScope, Outcome, OutcomeKind, Step

if TYPE_CHECKING:
    from datetime import datetime

GREYLISTED: Final = re.compile(r"gr[ae]y-?\s?list", re.IGNORECASE)
OPENING: Final = frozenset({Step.CONNECT, Step.TLS, Step.EHLO, Step.AUTH})
JITTER: Final = 0.2
PROBE_TIME: Final = timedelta(minutes=5)  # after which another may try: the first has been killed, or hangs
SEVERAL: Final = 5
REASON_LIMIT: Final = 300


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long something is left alone: ``first``, twice as long after each try that failed, at most ``cap``."""

    first: timedelta
    cap: timedelta


BACKOFFS: Final = MappingProxyType(
    {
        (CircuitScope.RELAY, CircuitCause.UNREACHABLE): Backoff(timedelta(seconds=10), timedelta(minutes=10)),
        (CircuitScope.RELAY, CircuitCause.THROTTLED): Backoff(timedelta(seconds=5), timedelta(minutes=15)),
        # Each try costs reputation, and what is wrong must be mended by a person.
        (CircuitScope.RELAY, CircuitCause.POLICY): Backoff(timedelta(minutes=15), timedelta(hours=2)),
        (CircuitScope.DOMAIN, CircuitCause.UNREACHABLE): Backoff(timedelta(minutes=1), timedelta(minutes=15)),
        (CircuitScope.DOMAIN, CircuitCause.THROTTLED): Backoff(timedelta(minutes=1), timedelta(minutes=15)),
        (CircuitScope.DOMAIN, CircuitCause.POLICY): Backoff(timedelta(minutes=1), timedelta(minutes=15)),
    }
)


@dataclass(frozen=True, slots=True)
class Streak:
    """What came in a row without a mail that was taken between."""

    lost: int = 0
    refused: int = 0


def after(streak: Streak, outcome: Outcome, several: int) -> tuple[Streak, CircuitCause | None]:
    """Return a relay's streak after an outcome, and why it is to be left alone now, or None.

    ``several`` is how many connections must be lost in a row before that is the relay's fault.
    """
    cause = cause_of(outcome)
    if outcome.kind is OutcomeKind.ACCEPTED:
        return Streak(), None
    if cause is Cause.POLICY:
        streak = replace(streak, refused=streak.refused + 1)
        at_once = outcome.step is not Step.RCPT
        return streak, CircuitCause.POLICY if at_once or streak.refused >= SEVERAL else None
    if cause is Cause.THROTTLED and is_of_relay(outcome):
        return streak, CircuitCause.THROTTLED
    if cause is not Cause.UNREACHABLE:
        return (replace(streak, lost=0), None) if outcome.code is not None else (streak, None)
    if outcome.step in OPENING:
        return streak, CircuitCause.UNREACHABLE
    streak = replace(streak, lost=streak.lost + 1)
    return streak, CircuitCause.UNREACHABLE if streak.lost >= several else None


def after_at_domain(streak: int, outcome: Outcome, several: int) -> tuple[int, CircuitCause | None]:
    """Return how many failures in a row speak against a recipient domain, and why it is to be left alone now.

    It takes one more lost connection than it does with a relay (``several``): a relay that is gone is not a domain's.
    """
    if outcome.kind is OutcomeKind.ACCEPTED:
        return 0, None
    cause = cause_of_domain(outcome)
    if cause is None:
        return streak, None
    return streak + 1, cause if streak + 1 >= max(SEVERAL, several + 1) else None


def is_of_relay(outcome: Outcome) -> bool:
    """Whether a request to slow down is the relay's: 421 ends its connection; one before RCPT is to all our mail."""
    return outcome.code == 421 or outcome.step in OPENING or outcome.step is Step.MAIL  # noqa: PLR2004 (RFC 5321)


def cause_of_domain(outcome: Outcome) -> CircuitCause | None:
    """Return why an outcome speaks against the recipient's domain, or None when it does not.

    A 4xx about one mailbox (4.1.x, 4.2.x) and greylisting say nothing of the next recipient; trouble of its system,
    network or policy (4.3.x, 4.4.x, 4.7.x), a limit, and a connection lost after RCPT do.
    """
    if outcome.kind is not OutcomeKind.DEFERRED or outcome.step not in (Step.RCPT, Step.DATA, Step.DOT):
        return None
    cause = cause_of(outcome)
    if cause is Cause.THROTTLED:
        return None if is_of_relay(outcome) else CircuitCause.THROTTLED
    if cause is Cause.UNREACHABLE:
        return CircuitCause.UNREACHABLE
    enhanced = outcome.enhanced_code or ""
    if cause is not Cause.MAILBOX or not enhanced.startswith(("4.3.", "4.4.", "4.7.")):
        return None
    return None if GREYLISTED.search(outcome.text) or enhanced == "4.7.1" else CircuitCause.UNREACHABLE


def opened(
    before: Circuit | None, scope: CircuitScope, name: str, cause: CircuitCause, reason: str, now: datetime
) -> Circuit:
    """Return the circuit after a failure: open, and for twice as long as before where it was open already."""
    failures = before.failures + 1 if before is not None else 1
    backoff = BACKOFFS[scope, cause]
    plain_s = min(backoff.first.total_seconds() * 2 ** min(failures - 1, 30), backoff.cap.total_seconds())
    wait = timedelta(seconds=plain_s * (1 + JITTER * fraction(f"{scope}:{name}:{failures}:{now.isoformat()}")))
    opened_at = before.opened_at if before is not None else now
    return Circuit(scope, name, cause, failures, reason[:REASON_LIMIT], opened_at, now + wait)


def failed(before: Circuit | None, after_failure: Circuit, now: datetime, *, was_probe: bool) -> Circuit:
    """Return what a failure makes of a circuit: mails that were under way when it opened do not lengthen the wait."""
    if before is None or was_probe:
        return after_failure
    graver = after_failure.cause is CircuitCause.POLICY and before.cause is not CircuitCause.POLICY
    return after_failure if graver or may_probe(before, now) else before


def may_probe(circuit: Circuit, now: datetime) -> bool:
    """Whether one mail may try now: its time has come, and nobody else is trying."""
    return now >= circuit.retry_at and (circuit.probe_until is None or circuit.probe_until <= now)


def due(circuit: Circuit, now: datetime) -> Circuit:
    """Return the circuit as one whose time has come."""
    return replace(circuit, retry_at=min(circuit.retry_at, now), probe_until=None)


def closed_until(circuit: Circuit, now: datetime) -> datetime:
    """Return until when nobody else may try."""
    if circuit.probe_until is not None and circuit.probe_until > now:
        return circuit.probe_until
    return circuit.retry_at


def is_over(circuit: Circuit, outcome: Outcome) -> bool:
    """Whether a mail that tried shows that the circuit may close.

    A mail that was taken always does. An answer about one recipient shows that a relay is there and not overrun, but
    not that it will have our mail.
    """
    if outcome.kind is OutcomeKind.ACCEPTED:
        return True
    if circuit.scope is CircuitScope.DOMAIN or circuit.cause is CircuitCause.POLICY:
        return False
    return cause_of(outcome) in (Cause.RECIPIENT, Cause.MAILBOX) and outcome.code is not None
