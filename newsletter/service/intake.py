"""What a run takes in: as much as can go soon, in order, and nothing while no relay takes mail."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from newsletter.core.deliveries import addressed
from newsletter.core.retry import fraction
from newsletter.core.routing import Closed, Hindrance, Turns
from newsletter.service.gate import Gate
from newsletter.service.shelf import Claim, Shelf
from newsletter.service.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from newsletter.model import ClaimedDelivery, Delivery, Subscriber, Suppression
    from newsletter.service.sending import DeliveryPolicy, Equipment
    from newsletter.service.tally import Tally

logger = structlog.get_logger(__name__)

FULL: Final = 3  # batches
HELD_FOR: Final = timedelta(minutes=5)  # a digest with a paused profile; the end of the pause makes it ready at once
BUSY_FOR: Final = timedelta(seconds=30)
POLL_S: Final = 1.0


class Intake:
    """Claims for one run, and keeps what is claimed until it is begun, postponed, or given back at its end."""

    def __init__(self, equipment: Equipment, policy: DeliveryPolicy, now: Callable[[], datetime], tally: Tally) -> None:
        self._store = equipment.store
        self._admission = equipment.admission
        self._leases = equipment.leases
        self._digests = equipment.digests
        self._gate = Gate(equipment.store, now)
        self._policy = policy
        self._now = now
        self._tally = tally
        self._shelf = Shelf(equipment.admission.is_busy)
        self._claiming = asyncio.Lock()
        self._postponing: Together[tuple[int, datetime], None] = Together(self._give_back)
        self._turns = Turns()
        self._waits_until: datetime | None = None
        self._is_exhausted = False
        self._refreshing = asyncio.Lock()
        self._people: dict[int, Subscriber | None] = {}  # as they were read again, by the delivery to them
        self._read_at: datetime | None = None
        self.suppressed: dict[str, Suppression] = {}  # of those claimed, by the address's key
        self.stop = asyncio.Event()

    async def next(self, is_over: Callable[[], bool]) -> Claim | None:
        """Return the next claim that may be begun; None when there is none, or the run is over.

        Waits while something may go within a few seconds, or another sender is trying a relay that was closed.
        """
        while not is_over() and await self._may_send():
            self._admission.changed.clear()
            claim = self._shelf.pop(self._now())
            if claim is not None:
                if await self._leases.is_ours():
                    return claim
                logger.warning("deliver.lease_lost", deliveries=len(self._shelf) + 1)
                self._shelf.clear()  # they are others' by now
                continue
            if not await self._fill() and not await self._wait():
                return None
        return None

    async def _may_send(self) -> bool:
        """Ask the gate, before anything is begun: an operator may have said no meanwhile."""
        clearance = await self._gate.clearance()
        self._tally.refusal = clearance.refusal
        self._admission.pause(clearance.paused_relays)
        return not clearance.refusal

    async def as_of_now(self, claim: Claim) -> Subscriber | None:
        """Return the subscriber as the store had them a moment ago; None when they are gone.

        When claims have grown old, all that wait are read again together: a slow relay costs no question for each mail.
        """
        if self._is_fresh(claim.at):
            return claim.claimed.subscriber
        async with self._refreshing:
            delivery = claim.claimed.delivery
            if self._read_at is None or self._read_at < claim.at or not self._is_fresh(self._read_at):
                self._people, self._read_at = {}, self._now()
                await self._read([delivery, *(each.claimed.delivery for each in self._shelf)])
            elif delivery.id not in self._people:  # its claim was not on the shelf just then
                await self._read([delivery])
            return self._people[delivery.id]

    def _is_fresh(self, at: datetime) -> bool:
        # A clock that was put back must not make an old answer last.
        return timedelta() <= self._now() - at <= self._policy.recheck_after

    async def _read(self, wanted: Sequence[Delivery]) -> None:
        people = await self._store.subscribers({each.subscriber_id for each in wanted})
        found = {
            each.id: addressed(people[each.subscriber_id], each) for each in wanted if each.subscriber_id in people
        }
        addresses = [each.address for each in found.values()]
        suppressed = await self._store.suppressed(addresses, self._now())
        for address in addresses:
            self.suppressed.pop(address.key, None)
        self.suppressed |= suppressed
        self._people |= {each.id: found.get(each.id) for each in wanted}

    async def put_aside(self, claim: Claim, closed: Closed) -> None:
        """Keep a claim that may not go now: for a moment, or else until later, in the store, so that others can go."""
        now = self._now()
        if closed.until - now <= self._policy.patience:
            self._shelf.put_aside(claim, closed.until)
            return
        whole = self._admission.whole()
        if whole is None:
            await self._postponing.ask((claim.claimed.delivery.id, self._turns.next(closed, now)))
            return
        self._shelf.put_back(claim)
        self._consider(whole)

    def look_again(self) -> None:
        """Note that something is ready again that was not when the store had nothing more."""
        self._is_exhausted = False

    async def _fill(self) -> bool:
        """Claim some more; False when there is nothing to claim now."""
        async with self._claiming:
            if self._waits_until is not None and self._waits_until <= self._now():
                self._waits_until = None  # who waited for it looks now; with nothing more to claim, nobody waits again
            if len(self._shelf) >= FULL * self._policy.batch:
                await self._make_room()
            if self._is_exhausted or len(self._shelf) >= FULL * self._policy.batch:
                return False
            outlook = await self._admission.outlook(self._policy.batch)
            if isinstance(outlook, Closed):
                await self._close(outlook)
                return False
            self._waits_until = None
            return await self._claim(outlook)

    async def _claim(self, most: int) -> bool:
        now, succeeded = self._now(), self._leases.claim_began()
        claimed = await self._store.claim(self._policy.owner, most, self._policy.lease, now)
        if claimed:
            succeeded()
        self._is_exhausted = len(claimed) < most
        self.suppressed |= await self._store.suppressed([one.subscriber.address for one in claimed], now)
        self._shelf.put(Claim(one, now) for one in await self._unpaused(claimed, now))
        return bool(claimed)

    async def _unpaused(self, claimed: Sequence[ClaimedDelivery], now: datetime) -> list[ClaimedDelivery]:
        """Return those without papers of a paused profile; the others are given back for a while, unattempted."""
        paused = (await self._gate.clearance()).paused_profiles
        if not paused:
            return list(claimed)
        held = {
            each.delivery.id
            for each in claimed
            if not paused.isdisjoint(await self._digests.profiles(each.delivery.digest_id))
        }
        if held:
            await self._store.postpone(self._policy.owner, [(each, now + HELD_FOR) for each in sorted(held)])
            self._tally.held += len(held)
        return [each for each in claimed if each.delivery.id not in held]

    async def _close(self, closed: Closed) -> None:
        """Claim nothing while no relay takes mail; where nothing is due, that is nobody's concern."""
        due_at = await self._store.next_due_at()
        if len(self._shelf) or (due_at is not None and due_at <= self._now()):
            self._consider(closed)
        else:
            self._is_exhausted = True

    def _consider(self, closed: Closed) -> None:
        """Wait for a relay where that is a matter of seconds; else end the run, and tell why."""
        if self._admission.is_trying:
            self._waits_until = self._now() + timedelta(seconds=POLL_S)
        elif closed.until - self._now() <= self._policy.patience:
            self._waits_until = closed.until
        elif closed.hindrance is Hindrance.CIRCUIT:
            self._tally.fault = self._tally.fault or f"no relay takes mail: {closed.reason}"
        else:
            self._tally.waits_until, self._tally.waits_for = closed.until, closed.reason

    async def _wait(self) -> bool:
        """Wait until something may have changed; False when nothing will."""
        if not len(self._shelf) and self._waits_until is None:
            return False
        times = [at for at in (self._shelf.next_at(), self._waits_until) if at is not None]
        delay_s = min([(at - self._now()).total_seconds() for at in times] + [POLL_S])
        changes = [asyncio.create_task(event.wait()) for event in (self._admission.changed, self.stop)]
        await asyncio.wait(changes, timeout=max(delay_s, 0.001), return_when=asyncio.FIRST_COMPLETED)
        for change in changes:
            change.cancel()
        await asyncio.gather(*changes, return_exceptions=True)
        return True

    async def _make_room(self) -> None:
        """Postpone what waits for domains that have as many connections as they may, so that others are claimed."""
        for claim in self._shelf.take_held(self._policy.batch):
            later = self._now() + BUSY_FOR * (1 + 2 * fraction(str(claim.claimed.delivery.id)))
            await self._postponing.ask((claim.claimed.delivery.id, later))

    async def _give_back(self, postponed: list[tuple[int, datetime]]) -> list[None]:
        self._tally.postponed += await self._store.postpone(self._policy.owner, postponed)
        return [None] * len(postponed)
