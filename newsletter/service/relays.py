"""How each relay stands: what keeps it from taking mail, and how many tokens it has left."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.core.circuits import closed_until, may_probe
from newsletter.core.limits import available_at, left
from newsletter.model import Bucket, CircuitScope, PauseScope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from newsletter.core.routing import Fleet, RelayPlan
    from newsletter.model import Circuit, Limit, Pause
    from newsletter.ports import Store


class RelayState(enum.StrEnum):
    """What a relay does now."""

    READY = "ready"
    LIMITED = "limited"  # out of tokens
    HALF_OPEN = "half-open"  # one mail may try it, or does
    OPEN = "open"  # left alone, for it failed
    PAUSED = "paused"  # by an operator


@dataclass(frozen=True, slots=True)
class Allowance:
    """A limit, how many mails it still lets through, and when the next one may go."""

    limit: Limit
    left: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class RelayStanding:
    """A relay at one moment. ``until`` is when it may take mail again, None when it does, or when nobody can say."""

    plan: RelayPlan
    state: RelayState
    until: datetime | None
    reason: str
    circuit: Circuit | None
    allowances: tuple[Allowance, ...]


async def read_relays(store: Store, fleet: Fleet, now: datetime) -> tuple[list[RelayStanding], list[Circuit]]:
    """Return how the relays of a fleet stand, in its order, and the recipient domains that are left alone."""
    limits = {relay.name: relay.limits_on(now.date()) for relay in fleet.relays}
    names = [limit.bucket for each in limits.values() for limit in each]
    buckets = await store.buckets(names) if names else {}
    circuits = await store.circuits()
    of_relays = {each.name: each for each in circuits if each.scope is CircuitScope.RELAY}
    pauses = {each.name: each for each in await store.pauses() if each.scope is PauseScope.RELAY}
    standings = [
        standing(
            relay, of_relays.get(relay.name), pauses.get(relay.name), allowances(limits[relay.name], buckets, now), now
        )
        for relay in fleet.relays
    ]
    return standings, [each for each in circuits if each.scope is CircuitScope.DOMAIN]


def allowances(limits: Sequence[Limit], buckets: Mapping[str, Bucket], now: datetime) -> tuple[Allowance, ...]:
    """Return what each limit still lets through."""
    found = [(limit, buckets.get(limit.bucket, Bucket())) for limit in limits]
    return tuple(
        Allowance(limit, left(bucket, limit, now), available_at(bucket, limit, now)) for limit, bucket in found
    )


def standing(
    plan: RelayPlan, circuit: Circuit | None, pause: Pause | None, allowed: tuple[Allowance, ...], now: datetime
) -> RelayStanding:
    """Return how one relay stands: an operator's word comes before its circuit, and that before its limits."""
    if pause is not None:
        return RelayStanding(plan, RelayState.PAUSED, None, pause.reason, circuit, allowed)
    if circuit is not None:
        is_tried = circuit.probe_until is not None and circuit.probe_until > now
        state = RelayState.HALF_OPEN if is_tried or may_probe(circuit, now) else RelayState.OPEN
        until = None if state is RelayState.HALF_OPEN else closed_until(circuit, now)
        return RelayStanding(plan, state, until, circuit.reason, circuit, allowed)
    last = max(allowed, key=lambda each: each.next_at, default=None)
    if last is not None and last.next_at > now:
        reason = f"no more than {last.limit.most} a {last.limit.window}"
        return RelayStanding(plan, RelayState.LIMITED, last.next_at, reason, None, allowed)
    return RelayStanding(plan, RelayState.READY, None, "", None, allowed)
