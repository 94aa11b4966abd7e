"""The moves that a delivery may make between its states: one table for the program and for the database's trigger."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from newsletter.model import DeliveryState

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


def may_move(before: DeliveryState, after: DeliveryState) -> bool:
    """Whether a delivery in ``before`` may be put in ``after``; staying where it is always may."""
    return before is after or after in MOVES[before]
