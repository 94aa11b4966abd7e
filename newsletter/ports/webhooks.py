"""Where events wait for the webhooks that are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from newsletter.model import Posted, Posting, PostingState, WantedWebhook, WebhookStanding


class WebhookStore(Protocol):
    """The outbox. What it tells of people and bounces is written with them, in their transaction, whoever changes them;
    nothing is written for a webhook that :meth:`sync_webhooks` has not named.
    """

    async def sync_webhooks(self, wanted: Sequence[WantedWebhook], now: datetime) -> bool:
        """Tell those of ``wanted`` from now on, and no others; return whether that changed anything. What still waits
        for one that is gone ends as failed.
        """

    async def tell_issues(self, now: datetime) -> int:
        """Write for each issue date of which nothing is on its way any more, and of which mails were planned since it
        was last told; return how many dates.
        """

    async def claim_postings(self, webhook: str, limit: int, length: timedelta, now: datetime) -> list[Posting]:
        """Return up to ``limit`` postings that are ready, oldest first, and keep others off them for ``length``; none
        while the webhook is left alone, and one where its last try failed.
        """

    async def settle_posting(
        self,
        posting: Posting,
        posted: Posted,
        next_at: datetime | None,
        left_alone_until: Callable[[int], datetime],
        now: datetime,
    ) -> None:
        """Keep what a try came to: it is tried again at ``next_at``, or has ended. A webhook that did not take it is
        left alone, by the number of its failures before; what fails at the same time counts once.
        """

    async def list_postings(
        self, *, webhook: str | None = None, state: PostingState | None = None, limit: int = 100
    ) -> list[Posting]:
        """Return postings, newest first."""

    async def retry_postings(self, choose: Callable[[Posting], bool], now: datetime) -> int:
        """Make postings that failed or wait ready at once, with a new deadline, and their webhooks too; return how
        many.
        """

    async def put_test(self, webhook: str, now: datetime) -> Posting:
        """Write a test for a webhook; NotFoundError when it is none."""

    async def webhook_standings(self) -> list[WebhookStanding]:
        """Return how each webhook stands, by name."""

    async def forget_postings(self, ended_before: datetime) -> int:
        """Forget postings that ended before then; return how many."""
