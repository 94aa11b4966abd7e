"""How things stand: one value for the command line and the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.core.due import next_issue
from newsletter.model import SourceState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from newsletter.model import DeliveryState, SubscriberStatus
    from newsletter.ports import Store


@dataclass(frozen=True, slots=True)
class Status:
    """Sources in their order, people by status, deliveries by state, and when something happens next (UTC)."""

    sources: tuple[SourceState, ...]
    subscribers: Mapping[SubscriberStatus, int]
    deliveries: Mapping[DeliveryState, int]
    next_issue_at: datetime | None
    next_attempt_at: datetime | None


async def read_status(store: Store, source_names: Sequence[str], now: datetime) -> Status:
    """Return how things stand at ``now``."""
    states = await store.source_states()
    due = [next_issue(schedule, now).due_at for schedule in await store.schedules()]
    return Status(
        sources=tuple(states.get(name) or SourceState(name) for name in source_names),
        subscribers=await store.count_subscribers(),
        deliveries=await store.count_deliveries(),
        next_issue_at=min(due, default=None),
        next_attempt_at=await store.next_due_at(),
    )
