"""One way for a mail that may take any relay: an alert, a trial, a test. Deliveries choose theirs themselves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from newsletter.core.replies import is_about_relay
from newsletter.core.routing import by_weight, tiers
from newsletter.model import Outcome, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from newsletter.core.routing import RelayPlan
    from newsletter.model import EmailAddress
    from newsletter.ports import Begin, Transport


class FleetTransport:
    """Implements :class:`newsletter.ports.Transport` over several relays.

    The relays that may carry the mail are tried in order, those that are known to take none last, until one's answer
    is not about the relay itself. ``closed`` returns the relays that take no mail now.
    """

    def __init__(
        self,
        ways: Mapping[str, Transport],
        relays: Sequence[RelayPlan],
        closed: Callable[[], Awaitable[Collection[str]]] | None = None,
    ) -> None:
        self._ways = ways
        self._relays = relays
        self._closed = closed

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        """Hand over one finished message by whichever relay takes it, and return the last one's answer."""
        domain = recipient.wire.rpartition("@")[2]
        names = [each.name for tier in tiers(self._relays, domain) for each in by_weight(tier, recipient.key)]
        closed = await self._closed() if self._closed is not None else ()
        outcome = Outcome(OutcomeKind.DEFERRED, text=f"no relay is for {domain}")
        for name in sorted(names, key=lambda name: name in closed):  # stable: the order stays within each half
            outcome = await self._ways[name].send(message, sender, recipient, envelope_id=envelope_id, begin=begin)
            if not is_about_relay(outcome):
                return outcome
        return outcome

    async def aclose(self) -> None:
        """End all connections politely."""
        await asyncio.gather(*(way.aclose() for way in self._ways.values()))
