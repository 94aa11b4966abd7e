"""What a daemon looks at beside its own work: whether issues add up, whether mail may go, and which relays fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.model import CircuitScope
from newsletter.service.accounts import Accountant
from newsletter.service.gate import read_clearance

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.core.clearance import Clearance
    from newsletter.model import Circuit, IssueSums, WebhookStanding
    from newsletter.ports import Store


@dataclass(frozen=True, slots=True)
class Oversight:
    """The sums of the last days' issues, what may be sent, the relays that are left alone, and how webhooks stand."""

    sums: tuple[IssueSums, ...]
    clearance: Clearance
    relays: tuple[Circuit, ...] = ()
    webhooks: tuple[WebhookStanding, ...] = ()


class Overseer:
    """Looks at the store every time it is asked, and adds up every few minutes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._accountant = Accountant(store)

    async def look(self, now: datetime) -> Oversight:
        """Return how it stands; StoreError when that cannot be seen."""
        circuits = await self._store.circuits()
        return Oversight(
            tuple(await self._accountant.sums(now)),
            await read_clearance(self._store),
            tuple(each for each in circuits if each.scope is CircuitScope.RELAY),
            tuple(await self._store.webhook_standings()),
        )
