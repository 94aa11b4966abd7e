"""One run of sending: several senders over one queue of claimed deliveries."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from newsletter.core.bounce_score import BouncePolicy
from newsletter.core.deliveries import holds_back, may_get
from newsletter.core.replies import Cause, cause_of, is_about_relay
from newsletter.core.retry import RetryPolicy, decide
from newsletter.core.routing import PATIENCE, Closed, Fleet, RelayPlan
from newsletter.errors import StoreError, TemplateError
from newsletter.model import (
    Attempt,
    Delivery,
    DeliveryState,
    Outcome,
    OutcomeKind,
    Subscriber,
)
from newsletter.service.bounces import has_bounced, note_attempt
from newsletter.service.endings import Endings
from newsletter.service.intake import Intake
from newsletter.service.tally import DeliveryCounts, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from newsletter.ports import Prepared, Store, Transport
    from newsletter.service.admission import Admission, Ticket
    from newsletter.service.bounces import Taken
    from newsletter.service.leases import LeaseKeeper
    from newsletter.service.preparing import PreparedDigests
    from newsletter.service.recording import Recorder
    from newsletter.service.shelf import Claim

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How deliveries are worked off.

    ``envelope_sender`` returns where a delivery comes back to. ``owner`` names this process in leases. ``connections``
    senders work at once, over the relays of ``fleet`` (one that is called ``relay`` when that is None). A message is
    begun while half of the ``lease`` is left, which is renewed for as long as the process lives. A subscriber's status
    is read again when the claim is older than ``recheck_after``. A delivery never attempted within ``staleness`` of
    being due expires unsent, and its papers go into the next digest. ``prepared_digests`` bounds the memory. What may
    go within ``patience`` is waited for. ``on_bounce`` hears of what the relay's answers say of addresses.
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
    on_bounce: Callable[[Taken], None] = lambda _: None
    fleet: Fleet | None = None
    patience: timedelta = PATIENCE

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
    admission: Admission
    leases: LeaseKeeper


class Sending:
    """Claims, sends and records until nothing is due or something says stop."""

    def __init__(self, equipment: Equipment, policy: DeliveryPolicy, now: Callable[[], datetime]) -> None:
        self._store = equipment.store
        self._ways = equipment.ways
        self._digests = equipment.digests
        self._recorder = equipment.recorder
        self._admission = equipment.admission
        self._leases = equipment.leases
        self._policy = policy
        self._now = now
        self._is_broken = False
        self._tally = Tally()
        self._intake = Intake(equipment, policy, now, self._tally)

    async def run(self, stop: asyncio.Event, on_progress: Callable[[DeliveryCounts], None]) -> DeliveryCounts:
        """Work until done and return the counts; an error of the store or of a sender ends the run and is raised.

        Then every mail in flight has ended, and what was claimed is still ours, to be released by the next run: the
        outcomes that the store would not take must be written first.
        """
        self._stop = self._intake.stop = stop
        self._on_progress = on_progress
        # One goes ahead: when the relay is down, one delivery meets the closed door and not one per connection.
        first = await asyncio.gather(self._send_all(most=1), return_exceptions=True)
        senders = [self._send_all() for _ in range(self._policy.connections)]
        ends = await asyncio.gather(*senders, return_exceptions=True)
        errors = [end for end in (*first, *ends) if isinstance(end, BaseException)]
        if errors:
            raise errors[0]
        self._tally.released = await self._store.release(self._policy.owner)
        return self._tally.counts()

    @property
    def _is_over(self) -> bool:
        return self._is_broken or self._tally.is_over or self._stop.is_set()

    async def _send_all(self, most: int | None = None) -> None:
        endings, left = Endings(self._recorder.hurry), most
        try:
            while (left is None or left > 0) and await self._send_one(endings):
                left = None if left is None else left - 1
        finally:
            await endings.done()

    async def _send_one(self, endings: Endings) -> bool:
        """Deliver the next one; False when there is none, or the run is over."""
        try:
            claim = await self._intake.next(lambda: self._is_over)
            if claim is None:
                return False
            await self._deliver(claim, endings)
        except BaseException:
            self._is_broken = True  # the other senders end what they have begun, and stop
            raise
        return True

    async def _deliver(self, claim: Claim, endings: Endings) -> None:
        delivery, started_at = claim.claimed.delivery, self._now()
        subscriber = await self._intake.as_of_now(claim)
        if subscriber is None:  # removed, and the delivery with them: there is no row left to record anything on
            self._tally.planned += 1
            self._tally.add(DeliveryState.SUPPRESSED)
            self._on_progress(self._tally.counts())
            return
        refusal = self._refused(delivery, subscriber)
        prepared = refusal or await self._prepare(delivery)
        if isinstance(prepared, Outcome):
            endings.begin(self._end(claim, started_at, prepared))
            await endings.done()
            return
        ticket = await self._admission.admit(delivery, claim.domain)
        if isinstance(ticket, Closed):
            await self._intake.put_aside(claim, ticket)
            self._on_progress(self._tally.counts())
            return
        outcome = None
        try:
            outcome = await self._send(prepared, delivery, subscriber, ticket, endings)
            endings.begin(self._end(claim, started_at, outcome))
            if outcome.kind is not OutcomeKind.ACCEPTED:  # what is learned from it may concern the next
                await endings.done()
        finally:  # only now: whatever fails in learning from an outcome, it is being recorded
            await self._admission.settle(ticket, outcome)

    async def _end(self, claim: Claim, started_at: datetime, outcome: Outcome) -> None:
        """Record what came of a delivery, and what follows from it."""
        try:
            await self._record(claim, started_at, outcome)
        except BaseException:
            self._is_broken = True
            raise
        self._on_progress(self._tally.counts())

    async def _record(self, claim: Claim, started_at: datetime, outcome: Outcome) -> None:
        delivery, now = claim.claimed.delivery, self._now()
        self._tally.planned += 1
        state, next_attempt_at = decide(outcome, delivery, now, self._policy.retry)
        if state is DeliveryState.DEFERRED and not outcome.relay and self._is_stale(delivery):
            state, next_attempt_at = DeliveryState.EXPIRED, None
        goes_on = state is DeliveryState.DEFERRED and self._has_other_way(claim, outcome)
        if goes_on:
            next_attempt_at = now
        attempt = Attempt(delivery.id, delivery.attempts + 1, started_at, now, outcome)
        await self._recorder.record(attempt, state, next_attempt_at)
        if goes_on:
            self._intake.look_again()
        self._tally.add(state)
        await self._draw_conclusions(delivery, outcome, state)

    def _has_other_way(self, claim: Claim, outcome: Outcome) -> bool:
        """Whether another relay may take at once what one has not taken for a reason of its own."""
        return is_about_relay(outcome) and self._admission.can_go(claim.domain, without=outcome.relay)

    def _refused(self, delivery: Delivery, subscriber: Subscriber) -> Outcome | None:
        """Return why we do not even try, or None."""
        if not may_get(delivery.kind, subscriber.status):
            return Outcome(OutcomeKind.SUPPRESSED, text=f"not sent: the subscriber is {subscriber.status}")
        suppression = self._intake.suppressed.get(subscriber.address.key)
        if suppression is not None and holds_back(suppression, delivery.kind):
            what = f"the {suppression.kind} is suppressed: {suppression.reason}"
            said = f"{what}, {suppression.detail}" if suppression.detail else what
            return Outcome(OutcomeKind.SUPPRESSED, text=f"not sent: {said}")
        if self._is_stale(delivery):
            return Outcome(OutcomeKind.DEFERRED, text="not sent: too old; its papers go into the next digest")
        return None

    def _is_stale(self, delivery: Delivery) -> bool:
        limit = self._policy.staleness
        return (
            limit is not None
            and not delivery.kind.is_transactional
            and delivery.attempts == 0
            and self._now() - delivery.due_at > limit
        )

    async def _prepare(self, delivery: Delivery) -> Prepared | Outcome:
        """Return the rendered digest, or the outcome that it could not be made."""
        try:
            return await self._digests.get(delivery.digest_id)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 (told and recorded)
            return self._unmade(delivery, error)

    async def _send(
        self, prepared: Prepared, delivery: Delivery, subscriber: Subscriber, ticket: Ticket, endings: Endings
    ) -> Outcome:
        sender, way = self._policy.envelope_sender(delivery), self._ways[ticket.relay]
        try:
            message = prepared.compose(subscriber, delivery.message_id, self._now(), delivery.reference)
            begin = partial(self._may_begin, delivery, endings)
            outcome = await way.send(message, sender, subscriber.address, envelope_id=str(delivery.id), begin=begin)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 (told and recorded)
            return self._unmade(delivery, error)
        return replace(outcome, relay=ticket.relay)

    def _unmade(self, delivery: Delivery, error: Exception) -> Outcome:
        """Return the outcome that a mail could not be made: it waits until that is mended, and keeps up no other."""
        problem = str(error)
        if not isinstance(error, TemplateError):
            logger.error("deliver.failed", delivery=delivery.id, digest=delivery.digest_id, exc_info=error)
            problem = f"{type(error).__name__}: {error}"
        self._tally.note(f"digest {delivery.digest_id}: {problem}")
        return Outcome(OutcomeKind.DEFERRED, text=f"could not be made: {problem}")

    async def _may_begin(self, delivery: Delivery, endings: Endings) -> bool:
        """Return, before a message's first octet and once its sender's last mail is recorded, whether it is still ours:
        which the store must have noted where one that may have arrived is not sent again.
        """
        await endings.done_or_store_error()
        if self._policy.retry.resend_unknown:
            return await self._leases.is_ours()
        return await self._recorder.begin(delivery.id)

    async def _draw_conclusions(self, delivery: Delivery, outcome: Outcome, state: DeliveryState) -> None:
        _log_outcome(delivery, outcome, state)
        self._tally.doubtful += outcome.is_unknown and state is DeliveryState.DEFERRED
        now = self._now()
        taken = await note_attempt(self._store, delivery, outcome, state, self._policy.bounces, now)
        if taken is not None:
            self._policy.on_bounce(taken)
            self._tally.bounced += has_bounced(taken)


def _log_outcome(delivery: Delivery, outcome: Outcome, state: DeliveryState) -> None:
    """Tell of an outcome. What a server says of a recipient may name them in any way: only the ledger keeps that."""
    cause = cause_of(outcome)
    logger.log(
        logging.DEBUG if state is DeliveryState.ACCEPTED else logging.INFO,
        "deliver.outcome",
        delivery=delivery.id,
        state=str(state),
        relay=outcome.relay,
        step=outcome.step and str(outcome.step),
        code=outcome.code,
        enhanced_code=outcome.enhanced_code,
        cause=str(cause),
        text=None if cause in (Cause.RECIPIENT, Cause.MAILBOX) else outcome.text,
    )
