"""Deliver: send what is due through the transport, and record what became of each mail before the next is begun.

A delivery is committed as ``sending`` before its message is begun, and its outcome before its sender begins another: a
process that is killed leaves at most as many messages in doubt as it has connections, and those go out again with the
same Message-ID. Nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from newsletter.errors import StoreError
from newsletter.service.admission import Admission
from newsletter.service.leases import LeaseKeeper
from newsletter.service.preparing import PreparedDigests
from newsletter.service.recording import Recorder
from newsletter.service.sending import DeliveryPolicy, Equipment, Sending
from newsletter.service.tally import DeliveryCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from newsletter.ports import Renderer, Store, Transport

__all__ = ["Deliverer", "DeliveryCounts", "DeliveryPolicy"]

logger = structlog.get_logger(__name__)


class Deliverer:
    """Works off the deliveries that are due. Runs of one deliverer never overlap.

    ``ways`` has the way to each relay by its name, or is the one way to all of them.
    """

    def __init__(
        self,
        store: Store,
        renderer: Renderer,
        ways: Transport | Mapping[str, Transport],
        policy: DeliveryPolicy,
        now: Callable[[], datetime],
        leases: LeaseKeeper | None = None,
    ) -> None:
        self._store = store
        self._renderer = renderer
        self._ways = ways if isinstance(ways, Mapping) else {relay.name: ways for relay in policy.relays.relays}
        self._policy = policy
        self._now = now
        self._admission = Admission(store, policy.relays, now, policy.patience)
        self._recorder = Recorder(store, now, policy.connections, policy.owner)
        self._leases = leases or LeaseKeeper(store, policy.owner, policy.lease)
        self._running = asyncio.Lock()
        self._is_tidy = True

    def take_over(self, former: Deliverer) -> None:
        """Go on where the deliverer before this one broke off; it must not be running."""
        self._recorder.take_over(former._recorder)
        self._leases.take_over(former._leases)
        self._is_tidy = former._is_tidy

    async def try_again(self, relays: Collection[str]) -> None:
        """Let one mail try each of these relays now, however long it still would be left alone; StoreError and kin."""
        if relays:
            await self._admission.try_again(relays)

    async def closed_relays(self) -> Collection[str]:
        """Return the relays that take no mail now, as far as that can be known."""
        try:
            await self._admission.look()
        except StoreError as error:  # what is to be sent may be the news of just that
            logger.warning("deliver.circuits_unknown", error=str(error))
        return self._admission.closed_relays()

    async def deliver_due(
        self,
        stop: asyncio.Event | None = None,
        on_progress: Callable[[DeliveryCounts], None] = lambda _: None,
        *,
        is_by_hand: bool = False,
    ) -> DeliveryCounts:
        """Send until nothing is due, the relay fails, or ``stop`` is set, and return what that came to.

        ``stop`` lets the mails in flight end and gives the rest back. ``on_progress`` hears after each delivery.
        ``is_by_hand``: somebody asked for it now, so that relays which are left alone are tried at once.
        StoreError when outcomes cannot be recorded: no more is sent then, and what was not recorded is kept in memory
        and written first by the next call.
        """
        async with self._running, self._store.sending():
            if not self._is_tidy:  # the last run broke off: write what it could not, then take back what it held
                await self._recorder.catch_up()
                await self._store.release(self._policy.owner)
            self._is_tidy = False
            await self._leases.watch()
            # Rendered anew in each run, so that a template mended meanwhile counts.
            digests = PreparedDigests(self._store, self._renderer, self._policy.prepared_digests)
            await (self._admission.try_again() if is_by_hand else self._admission.look(is_forced=True))
            equipment = Equipment(self._store, self._ways, digests, self._recorder, self._admission, self._leases)
            sending = Sending(equipment, self._policy, self._now)
            async with self._leases.kept():
                counts = await sending.run(stop or asyncio.Event(), on_progress)
            self._is_tidy = True
        _log(counts)
        return counts


def _log(counts: DeliveryCounts) -> None:
    if counts.fault is not None:
        logger.error("deliver.paused", reason=counts.fault, released=counts.released)
    for problem in counts.problems:
        logger.error("deliver.problem", problem=problem)
    if counts.waits_until is not None:
        logger.info("deliver.waits", until=counts.waits_until.isoformat(), reason=counts.waits_for)
    if counts.planned:
        logger.info(
            "deliver.done",
            planned=counts.planned,
            accepted=counts.accepted,
            deferred=counts.deferred,
            rejected=counts.rejected,
            suppressed=counts.suppressed,
            expired=counts.expired,
            unknown=counts.unknown,
            postponed=counts.postponed,
            doubtful=counts.doubtful,
            bounced=counts.bounced,
            adds_up=counts.is_closed,
        )
