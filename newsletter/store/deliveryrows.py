"""Deliveries, attempts and digests as rows, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from newsletter.core.address import parse_address
from newsletter.model import Attempt, Delivery, DeliveryState, IssueKind, Outcome, OutcomeKind, Step
from newsletter.store.codec import dumps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Row

    from newsletter.model import PlannedDelivery, TransactionalMail


def delivery_of(row: Row[Any]) -> Delivery:
    """Return the delivery in a row of ``deliveries``."""
    return Delivery(
        id=row.id,
        subscriber_id=row.subscriber_id,
        digest_id=row.digest_id,
        kind=IssueKind(row.kind),
        issue_date=row.issue_date,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        message_id=row.message_id,
        due_at=row.due_at,
        planned_at=row.planned_at,
        next_attempt_at=row.next_attempt_at,
        finished_at=row.finished_at,
        reply_code=row.reply_code,
        reply_text=row.reply_text,
        relay=row.relay,
        recipient=None if row.recipient is None else parse_address(row.recipient),
        reference=row.reference,
    )


def planned_row(
    planned: PlannedDelivery, digest_id: int, updates: Sequence[tuple[int, int]], now: datetime
) -> dict[str, Any]:
    """Return the columns of a delivery that was just planned."""
    return {
        "subscriber_id": planned.subscriber_id,
        "digest_id": digest_id,
        "kind": planned.digest.kind.value,
        "issue_date": planned.digest.issue_date,
        "state": DeliveryState.PLANNED.value,
        "attempts": 0,
        "message_id": planned.message_id,
        "due_at": planned.due_at,
        "planned_at": now,
        "reply_text": "",
        "arrival_through": planned.arrival_through,
        "is_unknown": False,
        "updates": dumps(list(updates)),
        "ready_at": planned.due_at,
        "relay": "",
        "number": 0,
    }


def transactional_row(mail: TransactionalMail, digest_id: int, number: int, now: datetime) -> dict[str, Any]:
    """Return the columns of the ``number``-th transactional mail to somebody on a day; it is due at once."""
    return {
        "subscriber_id": mail.subscriber_id,
        "digest_id": digest_id,
        "kind": mail.kind.value,
        "issue_date": now.date(),
        "state": DeliveryState.PLANNED.value,
        "attempts": 0,
        "message_id": mail.message_id,
        "due_at": now,
        "planned_at": now,
        "reply_text": "",
        "is_unknown": False,
        "updates": "[]",
        "ready_at": now,
        "relay": "",
        "number": number,
        "recipient": mail.recipient.text if mail.recipient else None,
        "reference": mail.reference,
    }


def attempt_row(attempt: Attempt, number: int) -> dict[str, Any]:
    """Return the columns of an attempt, kept as the ``number``-th."""
    return {
        "delivery_id": attempt.delivery_id,
        "number": number,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "outcome": attempt.outcome.kind.value,
        "code": attempt.outcome.code,
        "text": attempt.outcome.text,
        "is_unknown": attempt.outcome.is_unknown,
        "step": attempt.outcome.step.value if attempt.outcome.step else None,
        "enhanced_code": attempt.outcome.enhanced_code,
        "relay": attempt.outcome.relay,
        "connection": attempt.outcome.connection,
    }


def attempt_of(row: Row[Any]) -> Attempt:
    """Return the attempt in a row of ``attempts``."""
    outcome = Outcome(
        OutcomeKind(row.outcome),
        row.code,
        row.text,
        row.is_unknown,
        Step(row.step) if row.step else None,
        row.enhanced_code,
        row.relay,
        row.connection,
    )
    return Attempt(row.delivery_id, row.number, row.started_at, row.finished_at, outcome)
