"""The moves that a delivery may make between its states: one table for the program and for the database's trigger."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from newsletter.model import DeliveryState, IssueKind, SubscriberStatus, SuppressionKind

if TYPE_CHECKING:
    from newsletter.model import Delivery, Subscriber, Suppression

PLANNED, SENDING, DEFERRED = DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.DEFERRED
REJECTED, EXPIRED, SUPPRESSED = DeliveryState.REJECTED, DeliveryState.EXPIRED, DeliveryState.SUPPRESSED

MOVES: Final = MappingProxyType(
    {
        PLANNED: frozenset({SENDING, SUPPRESSED, DeliveryState.SUPERSEDED}),
        # Back to planned: a lease was given up before anything was sent.
        SENDING: frozenset(
            {DeliveryState.ACCEPTED, DEFERRED, REJECTED, EXPIRED, SUPPRESSED, DeliveryState.UNKNOWN, PLANNED}
        ),
        DEFERRED: frozenset({SENDING, SUPPRESSED, DeliveryState.SUPERSEDED, EXPIRED}),
        REJECTED: frozenset({PLANNED}),  # an admin asked for another try
        EXPIRED: frozenset({PLANNED}),
        DeliveryState.ACCEPTED: frozenset(),
        SUPPRESSED: frozenset(),
        DeliveryState.SUPERSEDED: frozenset(),
        DeliveryState.UNKNOWN: frozenset({PLANNED}),  # an admin would rather have it twice than not at all
    }
)

OPEN: Final = frozenset(state for state in DeliveryState if not state.is_final)
# What was not delivered goes into the subscriber's next digest: its papers leave the ledger.
GIVES_PAPERS_BACK: Final = frozenset({REJECTED, EXPIRED, SUPPRESSED, DeliveryState.SUPERSEDED})
# What an admin may have tried again; what is unknown may have arrived.
MAY_BE_RETRIED: Final = frozenset({REJECTED, EXPIRED, DEFERRED, DeliveryState.UNKNOWN})


def may_move(before: DeliveryState, after: DeliveryState) -> bool:
    """Whether a delivery in ``before`` may be put in ``after``; staying where it is always may."""
    return before is after or after in MOVES[before]


_SUBSCRIBED: Final = frozenset({SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED})
_GET: Final = MappingProxyType(
    {
        # Also those whom we could not reach once: what their mailbox says now is asked by this very mail.
        IssueKind.CONFIRMATION: frozenset(
            {SubscriberStatus.PENDING, SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.BOUNCED}
        ),
        IssueKind.REMINDER: _SUBSCRIBED,
        IssueKind.GOODBYE: frozenset({SubscriberStatus.UNSUBSCRIBED}),
        IssueKind.ADDRESS_CHANGE: _SUBSCRIBED,
    }
)
_ACTIVE: Final = frozenset({SubscriberStatus.ACTIVE})


ASKS: Final = frozenset({IssueKind.CONFIRMATION, IssueKind.ADDRESS_CHANGE})


def may_get(kind: IssueKind, status: SubscriberStatus) -> bool:
    """Whether somebody of this status is sent this kind of mail; who is suppressed gets none, whatever their status."""
    return status in _GET.get(kind, _ACTIVE)


def holds_back(suppression: Suppression, kind: IssueKind) -> bool:
    """Whether a suppression keeps this kind of mail off. Who had everything erased is still asked whether they want
    mail again when their address is entered; nothing else comes before they have said yes.
    """
    return suppression.kind is not SuppressionKind.HASH or kind not in ASKS


def addressed(subscriber: Subscriber, delivery: Delivery) -> Subscriber:
    """Return the subscriber with the address that a delivery goes to."""
    return subscriber if delivery.recipient is None else replace(subscriber, address=delivery.recipient)
