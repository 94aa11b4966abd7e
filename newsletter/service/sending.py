"""One run of sending: several senders over one queue of claimed deliveries."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from newsletter.core.bounce_score import BouncePolicy
from newsletter.core.replies import is_about_relay, is_lost
from newsletter.core.retry import RetryPolicy, decide
from newsletter.core.routing import Chosen, Fleet, RelayPlan, View, choose
from newsletter.errors import NotFoundError, StoreError, TemplateError
from newsletter.model import (
    Attempt,
    ClaimedDelivery,
    Delivery,
    DeliveryState,
    Outcome,
    OutcomeKind,
    Subscriber,
    SubscriberStatus,
)
from newsletter.service.bounces import has_bounced, note_attempt
from newsletter.service.gate import Gate
from newsletter.service.tally import DeliveryCounts, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from newsletter.model import Suppression
    from newsletter.ports import Begin, Store, Transport
    from newsletter.service.leases import LeaseKeeper
    from newsletter.service.preparing import PreparedDigests
    from newsletter.service.recording import Recorder

logger = structlog.get_logger(__name__)

HELD_FOR: Final = timedelta(minutes=5)  # a digest with a paused profile; the end of the pause makes it ready at once


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How deliveries are worked off.

    ``envelope_sender`` returns where a delivery comes back to. ``owner`` names this process in leases. ``connections``
    senders work at once, over the relays of ``fleet`` (one that is called ``relay`` when that is None). A message is
    begun while half of the ``lease`` is left, which is renewed for as long as the process lives. A subscriber's status
    is read again when the claim is older than ``recheck_after``. A delivery never attempted within ``staleness`` of
    being due expires unsent, and its papers go into the next digest. ``prepared_digests`` bounds the memory.
    """

    envelope_sender: Callable[[Delivery], str]
    owner: str
    connections: int = 4
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    lease: timedelta = timedelta(minutes=5)
    recheck_after: timedelta = timedelta(seconds=5)
    staleness: timedelta | None = None
    batch: int = 200
    prepared_digests: int = 64
    bounces: BouncePolicy = field(default_factory=BouncePolicy)
    fleet: Fleet | None = None

    @property
    def relays(self) -> Fleet:
        """The relays, and how recipient domains are treated."""
        return self.fleet or Fleet((RelayPlan(connections=self.connections),))


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a run works with; ``ways`` has the way to each relay by its name."""

    store: Store
    ways: Mapping[str, Transport]
    digests: PreparedDigests
    recorder: Recorder
    leases: LeaseKeeper


class Sending:
    """Claims, sends and records until nothing is due or something says stop."""

    def __init__(self, equipment: Equipment, policy: DeliveryPolicy, now: Callable[[], datetime]) -> None:
        self._store = equipment.store
        self._ways = equipment.ways
        self._digests = equipment.digests
        self._recorder = equipment.recorder
        self._leases = equipment.leases
        self._gate = Gate(equipment.store, now)
        self._policy = policy
        self._now = now
        self._queue: deque[tuple[ClaimedDelivery, datetime]] = deque()
        self._suppressed: dict[str, Suppression] = {}  # of those claimed last, by the address's key
        self._claiming = asyncio.Lock()
        self._is_exhausted = False
        self._is_broken = False
        self._lost_in_a_row = 0
        self._tally = Tally()

    async def run(self, stop: asyncio.Event, on_progress: Callable[[DeliveryCounts], None]) -> DeliveryCounts:
        """Work until done and return the counts; an error of the store or of a sender ends the run and is raised.

        Then every mail in flight has ended, and what was claimed is still ours, to be released by the next run: the
        outcomes that the store would not take must be written first.
        """
        self._stop = stop
        self._on_progress = on_progress
        # One goes ahead: when the relay is down, one delivery meets the closed door and not one per connection.
        first = await asyncio.gather(self._send_one(), return_exceptions=True)
        senders = [self._send_all() for _ in range(self._policy.connections)]
        ends = await asyncio.gather(*senders, return_exceptions=True)
        errors = [end for end in (*first, *ends) if isinstance(end, BaseException)]
        if errors:
            raise errors[0]
        self._tally.released = await self._store.release(self._policy.owner)
        return self._tally.counts()

    @property
    def _is_over(self) -> bool:
        return self._is_broken or self._tally.fault is not None or self._stop.is_set()

    async def _send_all(self) -> None:
        while await self._send_one():
            pass

    async def _send_one(self) -> bool:
        """Deliver the next one; False when there is none, or the run is over."""
        try:
            claimed = await self._next()
            if claimed is None:
                return False
            self._tally.planned += 1
            await self._deliver(claimed[0], claimed[1])
        except BaseException:
            self._is_broken = True  # the other senders end what they have begun, and stop
            raise
        self._on_progress(self._tally.counts())
        return True

    async def _next(self) -> tuple[ClaimedDelivery, datetime] | None:
        while not self._is_over and await self._may_send():
            if not self._queue:
                async with self._claiming:
                    if not self._queue and not await self._claim():
                        return None
            if not self._leases.is_held and not await self._leases.renew():
                logger.warning("deliver.lease_lost", deliveries=len(self._queue))
                self._queue.clear()  # they are others' by now
            elif self._queue:
                return self._queue.popleft()
        return None

    async def _may_send(self) -> bool:
        """Ask the gate, before anything is begun: an operator may have said no meanwhile."""
        self._tally.refusal = (await self._gate.clearance()).refusal
        return not self._tally.refusal

    async def _claim(self) -> bool:
        if self._is_exhausted or self._is_over:
            return False
        now, succeeded = self._now(), self._leases.claim_began()
        claimed = await self._store.claim(self._policy.owner, self._policy.batch, self._policy.lease, now)
        if claimed:
            succeeded()
        self._is_exhausted = len(claimed) < self._policy.batch
        self._suppressed |= await self._store.suppressed([one.subscriber.address for one in claimed], now)
        self._queue.extend((one, now) for one in await self._unpaused(claimed, now))
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

    async def _deliver(self, claimed: ClaimedDelivery, claimed_at: datetime) -> None:
        delivery, started_at = claimed.delivery, self._now()
        subscriber = await self._as_of_now(claimed.subscriber, claimed_at)
        if subscriber is None:  # removed, and the delivery with them: there is no row left to record anything on
            self._tally.add(DeliveryState.SUPPRESSED)
            return
        outcome = self._refused(delivery, subscriber) or await self._attempt(delivery, subscriber)
        now = self._now()
        state, next_attempt_at = decide(outcome, delivery, now, self._policy.retry)
        if self._is_stale(delivery):
            state, next_attempt_at = DeliveryState.EXPIRED, None
        attempt = Attempt(delivery.id, delivery.attempts + 1, started_at, now, outcome)
        await self._recorder.record(attempt, state, next_attempt_at)
        self._tally.add(state)
        await self._draw_conclusions(delivery, outcome, state)

    async def _as_of_now(self, subscriber: Subscriber, claimed_at: datetime) -> Subscriber | None:
        """Return the subscriber as the store has them now, unless the claim is fresh; None when they are gone."""
        if self._now() - claimed_at <= self._policy.recheck_after:
            return subscriber
        try:
            current = await self._store.subscriber(subscriber.id)
        except NotFoundError:
            return None
        self._suppressed.pop(current.address.key, None)
        self._suppressed |= await self._store.suppressed([current.address], self._now())
        return current

    def _refused(self, delivery: Delivery, subscriber: Subscriber) -> Outcome | None:
        """Return why we do not even try, or None."""
        if subscriber.status is not SubscriberStatus.ACTIVE:
            return Outcome(OutcomeKind.SUPPRESSED, text=f"not sent: the subscriber is {subscriber.status}")
        suppression = self._suppressed.get(subscriber.address.key)
        if suppression is not None:
            what = f"the {suppression.kind} is suppressed: {suppression.reason}"
            said = f"{what}, {suppression.detail}" if suppression.detail else what
            return Outcome(OutcomeKind.SUPPRESSED, text=f"not sent: {said}")
        if self._is_stale(delivery):
            return Outcome(OutcomeKind.DEFERRED, text="not sent: too old; its papers go into the next digest")
        return None

    def _is_stale(self, delivery: Delivery) -> bool:
        limit = self._policy.staleness
        return limit is not None and delivery.attempts == 0 and self._now() - delivery.due_at > limit

    async def _attempt(self, delivery: Delivery, subscriber: Subscriber) -> Outcome:
        try:
            prepared = await self._digests.get(delivery.digest_id)
            message = prepared.compose(subscriber, delivery.message_id, self._now())
            domain = subscriber.address.wire.rpartition("@")[2]
            seed = f"{delivery.id}:{delivery.attempts}"
            chosen = choose(self._policy.relays.relays, View(), domain, seed, self._now())
            if not isinstance(chosen, Chosen):
                return Outcome(OutcomeKind.DEFERRED, text=chosen.reason)
            way = self._ways[chosen.relay]
            sender, identifier = self._policy.envelope_sender(delivery), str(delivery.id)
            begin = self._beginning_of(delivery)
            return await way.send(message, sender, subscriber.address, envelope_id=identifier, begin=begin)
        except StoreError:
            raise
        except TemplateError as error:
            problem = str(error)
        except Exception as error:
            # A mail that cannot be made must not keep the others from being sent; it waits until that is mended.
            logger.exception("deliver.failed", delivery=delivery.id, digest=delivery.digest_id)
            problem = f"{type(error).__name__}: {error}"
        self._tally.note(f"digest {delivery.digest_id}: {problem}")
        return Outcome(OutcomeKind.DEFERRED, text=f"could not be made: {problem}")

    def _beginning_of(self, delivery: Delivery) -> Begin | None:
        """Return what notes that a message is begun: None where one that may have arrived is sent again anyway."""
        return None if self._policy.retry.resend_unknown else partial(self._recorder.begin, delivery.id)

    async def _draw_conclusions(self, delivery: Delivery, outcome: Outcome, state: DeliveryState) -> None:
        log = logger.debug if state is DeliveryState.ACCEPTED else logger.info
        log("deliver.outcome", delivery=delivery.id, state=str(state), code=outcome.code, text=outcome.text)
        self._tally.doubtful += outcome.is_unknown and state is DeliveryState.DEFERRED
        self._lost_in_a_row = self._lost_in_a_row + 1 if is_lost(outcome) else 0
        if is_about_relay(outcome) or self._lost_in_a_row >= max(self._policy.connections, 3):
            said = f"{outcome.code} {outcome.text}" if outcome.code else outcome.text
            self._tally.fault = self._tally.fault or f"the relay does not take mail: {said}"
        now = self._now()
        taken = await note_attempt(self._store, delivery, outcome, state, self._policy.bounces, now)
        self._tally.bounced += has_bounced(taken)
