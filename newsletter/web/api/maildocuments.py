"""What the API tells of mails: the keys that ``--json`` prints, each always there, null for what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from newsletter.model import (
    Attempt,
    Delivery,
    DeliveryState,
    IssueKind,
    IssueSums,
    ListedDelivery,
    OutcomeKind,
    Step,
)


class DeliveryFacts(BaseModel):
    """What is told of a mail wherever it is told of."""

    id: int
    subscriber_id: int
    address: str | None
    kind: IssueKind
    issue_date: date
    state: DeliveryState
    message_id: str
    due_at: datetime
    planned_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    reply_code: int | None
    reply_text: str | None
    relay: str | None


def facts_of(delivery: Delivery, address: str | None) -> dict[str, Any]:
    """Return these of a delivery."""
    apart = ("address", "reply_text", "relay")
    told = {name: getattr(delivery, name) for name in DeliveryFacts.model_fields if name not in apart}
    return {**told, "address": address, "reply_text": delivery.reply_text or None, "relay": delivery.relay or None}


class DeliveryDocument(DeliveryFacts):
    """A mail: where it stands, and what was answered last."""

    attempts: int
    in_doubt: bool = Field(description="Whether it may have arrived, and was not accepted.")

    @classmethod
    def of(cls, found: ListedDelivery) -> DeliveryDocument:
        """Return a delivery that was found."""
        delivery = found.delivery
        return cls(**facts_of(delivery, found.address), attempts=delivery.attempts, in_doubt=found.in_doubt)


class AttemptDocument(BaseModel):
    """One try at a delivery."""

    number: int
    started_at: datetime
    finished_at: datetime
    duration_s: float
    outcome: OutcomeKind
    relay: str | None
    connection: str | None
    step: Step | None = Field(description="What the server answered.")
    reply_code: int | None
    enhanced_code: str | None
    reply_text: str | None
    may_have_arrived: bool

    @classmethod
    def of(cls, attempt: Attempt) -> AttemptDocument:
        """Return one try."""
        outcome = attempt.outcome
        return cls(
            number=attempt.number,
            started_at=attempt.started_at,
            finished_at=attempt.finished_at,
            duration_s=round((attempt.finished_at - attempt.started_at).total_seconds(), 3),
            outcome=outcome.kind,
            relay=outcome.relay or None,
            connection=outcome.connection or None,
            step=outcome.step,
            reply_code=outcome.code,
            enhanced_code=outcome.enhanced_code,
            reply_text=outcome.text or None,
            may_have_arrived=outcome.is_unknown,
        )


class WholeDeliveryDocument(DeliveryFacts):
    """A mail with every attempt at it, first to last."""

    attempts: list[AttemptDocument]

    @classmethod
    def of(cls, delivery: Delivery, address: str, attempts: Sequence[Attempt]) -> WholeDeliveryDocument:
        """Return all of a delivery."""
        return cls(**facts_of(delivery, address), attempts=[AttemptDocument.of(each) for each in attempts])


class IssueDocument(BaseModel):
    """The mails of one issue date: how many were planned, and what became of each."""

    issue_date: date
    planned: int
    accepted: int
    deferred: int
    rejected: int
    suppressed: int
    expired: int
    superseded: int
    unknown: int
    in_flight: int = Field(description="Planned or being sent.")
    forgotten: int = Field(description="Gone with their subscribers, who were removed.")
    difference: int = Field(description="Planned mails that are nowhere: 0, or something is wrong.")

    @classmethod
    def of(cls, sums: IssueSums) -> IssueDocument:
        """Return the sums of an issue."""
        apart = ("issue_date", "planned", "in_flight", "forgotten", "difference")
        told: dict[str, Any] = {name: getattr(sums, name) for name in apart}
        states: dict[str, Any] = {name: sums[DeliveryState(name)] for name in cls.model_fields if name not in apart}
        return cls(**told, **states)
