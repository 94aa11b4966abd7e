"""What an admin wants to know first: whether all is well, what waits, and how the last weeks went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.alerts import AlertPolicy, Observation, observed
from newsletter.model import CircuitScope
from newsletter.service.status import missing_profile, read_status

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from newsletter.model import DayOfGrowth, IssueSums
    from newsletter.ports import Store
    from newsletter.service.status import Status

DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Overview:
    """How things stand: ``troubles`` are what is wrong now, a line each; ``sums`` and ``growth`` are of 30 days."""

    troubles: Sequence[str]
    status: Status
    sums: Sequence[IssueSums]
    growth: Sequence[DayOfGrowth]

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.troubles


@dataclass(frozen=True, slots=True)
class Configured:
    """What the configuration names: sources and relays in their order, and profiles."""

    sources: Sequence[str]
    relays: Collection[str]
    profiles: Collection[str]


async def read_overview(
    store: Store, configured: Configured, health: Mapping[str, object], policy: AlertPolicy, now: datetime
) -> Overview:
    """Return how things stand at ``now``; ``health`` is what the daemon says of itself (``/healthz``)."""
    status = await read_status(store, configured.sources, configured.profiles, now)
    circuits = [each for each in await store.circuits() if each.scope is CircuitScope.RELAY]
    observation = Observation(
        sources=status.sources,
        oldest_ready_at=status.next_attempt_at,
        line_fault=str(health.get("fault") or ""),
        delivery_fault=str(health.get("delivery_fault") or ""),
        configuration_fault=str(health.get("configuration_fault") or ""),
        sums_fault=status.sums_fault,
        clearance=status.clearance,
        relays=tuple(each for each in circuits if each.name in configured.relays),
        reader_faults=reader_faults(health),
    )
    missing = [missing_profile(*each) for each in status.missing_profiles.items()]
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    return Overview(
        [each.summary for each in observed(observation, policy, now)] + missing,
        status,
        await store.issue_sums(first),
        await store.growth(first, today),
    )


def reader_faults(health: Mapping[str, object]) -> dict[str, str]:
    """Return which readers of bounces fail, and how, from what the daemon says of itself."""
    said = health.get("bounce_readers")
    return {name: fault for name, fault in said.items() if fault != "ok"} if isinstance(said, dict) else {}
