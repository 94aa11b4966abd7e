"""How things stand: one value for the command line and the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.core.due import next_issue
from newsletter.core.sums import sums_fault
from newsletter.model import SourceState
from newsletter.service.accounts import recent_sums
from newsletter.service.gate import read_clearance

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from newsletter.core.clearance import Clearance
    from newsletter.model import DeliveryState, SubscriberStatus
    from newsletter.ports import Store


@dataclass(frozen=True, slots=True)
class Status:
    """Sources in their order, people by status, deliveries by state, and when something happens next (UTC).

    ``missing_profiles`` are taken by so many active subscribers, and defined nowhere. ``sums_fault`` says in one line
    which issue of the last days does not add up, or is empty. ``redirected_to`` is the address that gets every mail, in
    staging.
    """

    sources: tuple[SourceState, ...]
    subscribers: Mapping[SubscriberStatus, int]
    missing_profiles: Mapping[str, int]
    deliveries: Mapping[DeliveryState, int]
    next_issue_at: datetime | None
    next_attempt_at: datetime | None
    sums_fault: str
    clearance: Clearance
    redirected_to: str | None = None


def missing_profile(name: str, readers: int) -> str:
    """Return what to say about a profile that subscribers take and no file defines."""
    people = "1 subscriber takes" if readers == 1 else f"{readers:,} subscribers take"
    return (
        f"{people} the profile “{name}”, which is not there: put its file back into profiles/, or give them another "
        f"(newsletter subscribers list --profile {name})"
    )


async def missing_profiles(store: Store, known: Collection[str]) -> dict[str, int]:
    """Return the profiles that active subscribers take and that are not ``known``, with how many take each."""
    readers = await store.count_readers()
    return {name: count for name, count in sorted(readers.items()) if name not in known}


async def read_status(
    store: Store, source_names: Sequence[str], profile_names: Collection[str], now: datetime
) -> Status:
    """Return how things stand at ``now``."""
    states = await store.source_states()
    due = [next_issue(schedule, now).due_at for schedule in await store.schedules()]
    return Status(
        sources=tuple(states.get(name) or SourceState(name) for name in source_names),
        subscribers=await store.count_subscribers(),
        missing_profiles=await missing_profiles(store, profile_names),
        deliveries=await store.count_deliveries(),
        next_issue_at=min(due, default=None),
        next_attempt_at=await store.next_due_at(),
        sums_fault=sums_fault(await recent_sums(store, now)),
        clearance=await read_clearance(store),
    )
