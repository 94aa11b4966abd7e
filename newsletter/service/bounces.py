"""Bounces: find out whom a report is about, by what only we can have signed, and apply what follows, once.

A report is believed for one of these, the first that it has:

1. a return path with our signature (:mod:`newsletter.core.verp`);
2. a signed unsubscribe link of ours in the returned mail;
3. the Message-ID or envelope id of a mail of ours *and* the address that it went to;
4. the signature of a provider on the whole event, which then only needs the address.

Anybody can write the text of a report, so one that has none of these is counted and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from newsletter.core.address import parse_address
from newsletter.core.bounces import judge
from newsletter.core.replies import Cause, cause_of, is_bad_address
from newsletter.errors import AddressError, NotFoundError
from newsletter.model import Bounce, BounceKind, DeliveryState, IssueKind, Standing, SubscriberStatus, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from newsletter.core.bounce_score import BouncePolicy
    from newsletter.core.links import Links
    from newsletter.core.verp import ReturnPaths
    from newsletter.model import Delivery, Outcome, Report
    from newsletter.ports import Store

logger = structlog.get_logger(__name__)

SMTP: Final = "smtp"
CANDIDATES: Final = 20  # addresses or tokens of one report that are looked at


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a report. ``is_new`` is false for one that was known; ``verdict`` is what it changed."""

    kind: BounceKind | None
    source: str
    subscriber_id: int | None = None
    delivery_id: int | None = None
    is_new: bool = False
    verdict: Verdict | None = None
    text: str = ""

    @property
    def is_identified(self) -> bool:
        """Whether it was believed to be about somebody."""
        return self.subscriber_id is not None


@dataclass(frozen=True, slots=True)
class BounceDesk:
    """Takes reports, whoever read them. ``on_taken`` hears of each; ``return_paths`` is None where there are none."""

    store: Store
    links: Links
    return_paths: ReturnPaths | None
    policy: BouncePolicy
    now: Callable[[], datetime]
    on_taken: Callable[[Taken], None] = lambda _: None

    async def take(self, report: Report, source: str) -> Taken:
        """Apply a report and return what became of it, committed; StoreError when the store could not take it.

        The same report again changes nothing, nor does another of the same kind about the same mail.
        """
        if report.kind is None:
            taken = Taken(None, source, text=report.text)
        else:
            taken = await self._record(await self._bounce(report, report.kind, source))
        logger.info(
            "bounce.taken",
            kind=taken.kind.value if taken.kind else "none",
            source=source,
            subscriber=taken.subscriber_id,
            delivery=taken.delivery_id,
            new=taken.is_new,
            status=taken.verdict.status.value if taken.verdict and taken.verdict.status else None,
        )
        self.on_taken(taken)
        return taken

    async def examine(self, report: Report, source: str) -> Taken:
        """Return what :meth:`take` would come to, were the report new; nothing is written."""
        if report.kind is None:
            return Taken(None, source, text=report.text)
        bounce = await self._bounce(report, report.kind, source)
        verdict = None
        if bounce.subscriber_id is not None:
            verdict = self._judge(bounce, await self._standing(bounce.subscriber_id, bounce.delivery_id))
        return taken_of(bounce, verdict, is_new=True)

    async def _record(self, bounce: Bounce) -> Taken:
        verdict = await self.store.record_bounce(bounce, lambda standing: self._judge(bounce, standing))
        return taken_of(bounce, verdict, is_new=verdict is not None)

    def _judge(self, bounce: Bounce, standing: Standing) -> Verdict:
        return judge(bounce, standing, self.policy, bounce.recorded_at)

    async def _standing(self, subscriber_id: int, delivery_id: int | None) -> Standing:
        subscriber = await self.store.subscriber(subscriber_id)
        scores = await self.store.scores([subscriber_id])
        delivery = None if delivery_id is None else await self.store.delivery(delivery_id)
        is_probe = delivery is not None and delivery.kind is IssueKind.PROBE
        return Standing(subscriber, scores.get(subscriber_id), is_probe)

    async def _bounce(self, report: Report, kind: BounceKind, source: str) -> Bounce:
        subscriber_id, delivery_id = await self._whose(report)
        return Bounce(
            kind=kind,
            source=source,
            recorded_at=self.now(),
            event_key=event_key(kind, delivery_id, report.fingerprint),
            subscriber_id=subscriber_id,
            delivery_id=delivery_id,
            enhanced_code=report.enhanced_code,
            text=report.text,
        )

    async def _whose(self, report: Report) -> tuple[int | None, int | None]:
        """Return the subscriber and the delivery that a report is about, as far as it is to be believed."""
        delivery = await self._by_return_path(report)
        if delivery is not None:
            return concerned(delivery), delivery.id
        subscriber_id = await self._by_unsubscribe_link(report)
        if subscriber_id is not None:
            delivery = await self.store.find_by_message_id(subscriber_id, report.message_ids)
            return subscriber_id, delivery.id if delivery else None
        return await self._by_recipient(report)

    async def _by_return_path(self, report: Report) -> Delivery | None:
        if self.return_paths is None:
            return None
        envelope = [self.return_paths.read_token(each) for each in report.message_ids[:CANDIDATES]]
        for returned in [*map(self.return_paths.read, report.return_paths), *envelope]:
            if returned is not None:
                try:
                    return await self.store.delivery(returned.delivery_id)
                except NotFoundError:  # its subscriber was removed, and it with them
                    return None
        return None

    async def _by_unsubscribe_link(self, report: Report) -> int | None:
        for token in report.unsubscribe_tokens[:CANDIDATES]:
            subscriber_id = self.links.read_unsubscribe(token)
            if subscriber_id is not None:
                try:
                    return (await self.store.subscriber(subscriber_id)).id
                except NotFoundError:
                    return None
        return None

    async def _by_recipient(self, report: Report) -> tuple[int | None, int | None]:
        """Return who has an address of the report and was sent the mail it names; the address alone is not enough,
        unless a provider has signed the report.
        """
        keys = {key for key in map(key_of, report.recipients[:CANDIDATES]) if key is not None}
        for subscriber in (await self.store.find_subscribers(keys)).values():
            delivery = await self.store.find_by_message_id(subscriber.id, report.message_ids)
            if delivery is not None:
                return subscriber.id, delivery.id
            if report.is_vouched:
                return subscriber.id, None
        return None, None


def concerned(delivery: Delivery) -> int | None:
    """Return whose address a delivery went to; None when it is no subscriber's yet, and so says nothing about them."""
    return delivery.subscriber_id if delivery.recipient is None else None


def event_key(kind: BounceKind, delivery_id: int | None, fingerprint: str) -> str:
    """Return what makes a report count once: a mail comes back once in each way, whoever tells of it how often."""
    return f"report:{fingerprint}" if delivery_id is None else f"delivery:{delivery_id}:{kind.value}"


def taken_of(bounce: Bounce, verdict: Verdict | None, *, is_new: bool) -> Taken:
    """Return what became of the report that ``bounce`` was made of."""
    return Taken(bounce.kind, bounce.source, bounce.subscriber_id, bounce.delivery_id, is_new, verdict, bounce.text)


def key_of(address: str) -> str | None:
    """Return the key of an address that a report names, None when it is none."""
    try:
        return parse_address(address).key
    except AddressError:
        return None


async def note_attempt(
    store: Store, delivery: Delivery, outcome: Outcome, state: DeliveryState, policy: BouncePolicy, now: datetime
) -> Taken | None:
    """Record the bounce that an attempt's end is, and return what became of it; None when it is none.

    A bad address is a hard bounce. A delivery that expires counts as one soft bounce where nothing but the mailbox
    itself ever stood in its way: what the relay, or our mail, was to blame for says nothing of the reader.
    """
    if is_bad_address(outcome):
        kind = BounceKind.HARD
    elif state is DeliveryState.EXPIRED and await was_only_the_mailbox(store, delivery.id):
        kind = BounceKind.SOFT
    else:
        return None
    said = " ".join(str(part) for part in (outcome.code, outcome.text) if part)
    bounce = Bounce(
        kind,
        SMTP,
        now,
        event_key(kind, delivery.id, ""),
        concerned(delivery),
        delivery.id,
        outcome.enhanced_code,
        said,
    )
    verdict = await store.record_bounce(bounce, lambda standing: judge(bounce, standing, policy, now))
    return taken_of(bounce, verdict, is_new=verdict is not None)


async def was_only_the_mailbox(store: Store, delivery_id: int) -> bool:
    """Whether every attempt at a delivery failed for the mailbox's sake, and there was one."""
    causes = [cause_of(attempt.outcome) for attempt in await store.attempts(delivery_id)]
    return bool(causes) and all(cause is Cause.MAILBOX for cause in causes)


def has_bounced(taken: Taken) -> bool:
    """Whether somebody is written to no more since this report."""
    return taken.verdict is not None and taken.verdict.status is SubscriberStatus.BOUNCED
