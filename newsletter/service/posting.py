"""Telling webhooks: whatever waits is claimed, posted, and settled, at least once each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from newsletter.core.webhooks import PostingPolicy, body_of, headers_of, next_try, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from newsletter.model import Posted, Posting, WantedWebhook
    from newsletter.ports import WebhookStore

logger = structlog.get_logger(__name__)

AT_ONCE: Final = 8  # events of one webhook
MOST_IN_A_RUN: Final = 2_000
SLACK: Final = timedelta(seconds=20)  # of a claim, beyond the longest try


class Poster(Protocol):
    """Posts to one address."""

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Posted:
        """Post once, and return what came of it; never raises for what happens out there."""

    async def aclose(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver as it is posted to; its ``keys`` sign."""

    wanted: WantedWebhook
    keys: Sequence[bytes] = field(repr=False)
    poster: Poster = field(repr=False)


@dataclass(slots=True)
class PostingCounts:
    """What a run came to."""

    accepted: int = 0
    refused: int = 0
    failed: int = 0


@dataclass(slots=True)
class Postman:
    """Tells webhooks of what waits for them. ``on_posted`` hears of each try."""

    store: WebhookStore
    webhooks: Sequence[Webhook]
    policy: PostingPolicy
    timeout: timedelta
    now: Callable[[], datetime]
    on_posted: Callable[[str, bool], None] = lambda _name, _accepted: None

    async def run(self) -> PostingCounts:
        """Tell everything that is ready, each webhook beside the others; StoreError when the store is away."""
        counts = PostingCounts()
        await asyncio.gather(*(self._tell(each, counts) for each in self.webhooks))
        return counts

    async def aclose(self) -> None:
        """Close what is open."""
        await asyncio.gather(*(each.poster.aclose() for each in self.webhooks))

    async def _tell(self, webhook: Webhook, counts: PostingCounts) -> None:
        told = 0
        while told < MOST_IN_A_RUN:
            length = self.timeout + SLACK
            claimed = await self.store.claim_postings(webhook.wanted.name, AT_ONCE, length, self.now())
            if not claimed:
                return
            told += len(claimed)
            await asyncio.gather(*(self._post(webhook, each, counts) for each in claimed))

    async def _post(self, webhook: Webhook, posting: Posting, counts: PostingCounts) -> None:
        body = body_of(posting)
        posted = await webhook.poster.post(body, headers_of(posting, body, webhook.keys, self.now()))
        now = self.now()
        next_at = None if posted.is_accepted else next_try(posting, posted, self.policy, now)

        def left_alone_until(failures: int) -> datetime:
            return now + wait(webhook.wanted.name, failures, posted, self.policy)

        await self.store.settle_posting(posting, posted, next_at, left_alone_until, now)
        self._count(posting, posted, counts, has_ended=next_at is None)

    def _count(self, posting: Posting, posted: Posted, counts: PostingCounts, *, has_ended: bool) -> None:
        self.on_posted(posting.webhook, posted.is_accepted)
        if posted.is_accepted:
            counts.accepted += 1
        elif has_ended:
            counts.failed += 1
            logger.error("webhook.given_up", webhook=posting.webhook, posting=posting.id, reason=posted.fault)
        else:
            counts.refused += 1
            logger.warning("webhook.refused", webhook=posting.webhook, posting=posting.id, reason=posted.fault)
