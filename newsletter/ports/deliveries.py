"""Where issues, deliveries and the ledger are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import date, datetime, timedelta

    from newsletter.model import (
        Attempt,
        ClaimedDelivery,
        Delivery,
        DeliveryState,
        Digest,
        Lease,
        PlannedDelivery,
        Schedule,
        Subscriber,
        TransactionalMail,
    )


class DeliveryStore(Protocol):
    """Issues, the ledger of who got which paper, and every attempt to deliver."""

    async def schedules(self) -> dict[Schedule, date | None]:
        """Return the distinct schedules of active subscribers: what is due is computed once for each.

        With each the date of the issue that is longest ago of all who had one; None where nobody had one.
        """

    async def due_subscribers(
        self, schedule: Schedule, issue_date: date, after_id: int, limit: int, now: datetime
    ) -> list[Subscriber]:
        """Return active subscribers of this schedule whose newest issue is older than ``issue_date``, by ascending
        id above ``after_id``; who never had an issue is not among them, nor whose address is suppressed at ``now``,
        nor who takes nothing but paused profiles.
        """

    async def new_subscribers(self, after_id: int, limit: int, now: datetime) -> list[Subscriber]:
        """Return active subscribers who never had an issue, by ascending id above ``after_id``, but for whose address
        is suppressed at ``now``, and who takes a paused profile: a first issue waits for all of them.
        """

    async def ended_pauses(self, today: date) -> list[Subscriber]:
        """Return paused subscribers whose ``paused_until`` is not after ``today``."""

    async def last_issue_dates(self, subscriber_ids: Collection[int]) -> dict[int, date]:
        """Return the date of each subscriber's newest issue, whatever became of it."""

    async def last_delivered(self, subscriber_ids: Collection[int]) -> dict[int, tuple[int, datetime]]:
        """Return ``arrival_through`` and the planning time of each subscriber's last accepted digest that left no
        profile out.
        """

    async def sent_papers(
        self, subscriber_ids: Collection[int], paper_ids: Collection[int]
    ) -> dict[int, frozenset[tuple[int, int | None]]]:
        """Return what the ledger holds for these people among these papers: (paper, version noted as an update)
        pairs, with ``None`` for the paper itself. What only a delivery holds that the next issue would supersede
        (planned, or deferred without doubt whether it arrived) does not count: its papers go into that next issue.
        """

    async def open_deliveries(self, subscriber_ids: Collection[int]) -> dict[int, Delivery]:
        """Return each subscriber's newest issue that is not final."""

    def planning(self, subscriber_ids: Collection[int]) -> AbstractAsyncContextManager[set[int]]:
        """Say for which of these people nobody else is planning, and keep others off while the context lasts. It only
        keeps several from doing the same work at once.
        """

    async def plan(
        self, planned: Sequence[PlannedDelivery], updates: Mapping[int, Sequence[tuple[int, int]]], now: datetime
    ) -> int:
        """Store deliveries, their digests and their ledger rows in one transaction; return how many were new.

        An issue that exists already (subscriber, issue date) is left alone, and so is its ledger. A planned or
        deferred older delivery of the same subscriber becomes ``superseded`` and gives its papers back first,
        within the same transaction; if the older one is ``sending``, the new one is not planned. A deferred one
        that may have arrived (the connection was lost after the final dot) keeps its papers and is retried
        alone. A subscriber whose ledger already holds one of the papers is not planned (somebody else was faster; the
        next tick sees it).
        ``updates`` maps a subscriber's id to the (paper, version) pairs listed as updates; such a paper enters the
        ledger too where it is not in it yet.
        """

    async def plan_transactional(self, mails: Sequence[TransactionalMail], now: datetime) -> int:
        """Store mails that are due at once, and wake whoever sends; return how many, without those whose subscribers
        are gone. One of the same kind to the same address that still waits is superseded.
        """

    async def skip(self, subscriber_ids: Sequence[int], issue_date: date) -> None:
        """Remember that these people's issue of this date held nothing, and that nothing shall be sent for it."""

    async def claim(self, owner: str, limit: int, lease: timedelta, now: datetime) -> list[ClaimedDelivery]:
        """Put up to ``limit`` due deliveries (planned, or deferred and due) in ``sending``, under ``owner``'s lease:
        transactional mails before issues, and oldest due first. No delivery is ever under two leases at one time.
        ``lease`` is how long ``owner`` may give no sign of life (:meth:`renew`, and each claim is one).
        """

    async def begin(self, delivery_ids: Collection[int], owner: str, now: datetime) -> frozenset[int]:
        """Note that the messages of these deliveries are about to be handed over, and return those that ``owner`` still
        has under its lease. When their process dies, they end as ``unknown`` instead of coming back. Not to be called
        where what may have arrived is sent again.
        """

    async def renew(self, owner: str) -> bool:
        """Give a sign of life of ``owner``; False when it holds nothing, or its lease was ended and others have it."""

    async def leases(self) -> list[Lease]:
        """Return everybody's lease, with the number of signs of life of its holder."""

    async def end_lease(self, lease: Lease) -> int | None:
        """End the lease of a dead process and return how many deliveries came back; these may have arrived, and are
        marked so. None, and nothing changes, when its holder has given a sign of life since.
        """

    async def record(
        self,
        attempts: Sequence[tuple[Attempt, DeliveryState, datetime | None]],
        now: datetime,
        owner: str | None = None,
    ) -> list[int]:
        """Keep attempts and move their deliveries to the state given, with the time of the next attempt; return those
        that ``owner`` no longer had under its lease. What somebody else sends meanwhile only an acceptance moves.

        ``rejected``, ``expired`` and ``suppressed`` give the papers back to the subscriber's future digests.
        """

    async def release(self, owner: str | None) -> int:
        """End ``owner``'s leases without an attempt; return how many. With ``None`` everybody's, for who holds the
        store alone and finds a dead process's: these may have arrived, and are marked so.
        """

    def sending(self) -> AbstractAsyncContextManager[None]:
        """Say, for as long as the context lasts, that this process holds leases: nobody else takes them over then."""

    def wakes(self) -> AsyncIterator[None]:
        """Yield when somebody else may have made deliveries ready; it ends at once where nobody else can. What it
        misses is found at the next tick.
        """

    async def take_over(self) -> int:
        """Release what killed processes held, as ``release(None)`` does, unless another process is sending; return how
        many that was.
        """

    async def digest(self, digest_id: int) -> Digest:
        """Return a stored digest; NotFoundError when unknown."""

    async def count_deliveries(self, since: datetime | None = None) -> dict[DeliveryState, int]:
        """Return how many deliveries are in each state, of those planned since then."""

    async def next_due_at(self) -> datetime | None:
        """Return when the next open delivery may be tried, or None when all are final."""

    async def list_deliveries(
        self,
        *,
        state: DeliveryState | None = None,
        subscriber_id: int | None = None,
        issue_date: date | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first."""

    async def delivery(self, delivery_id: int) -> Delivery:
        """Return one delivery; NotFoundError when unknown."""

    async def attempts(self, delivery_id: int) -> list[Attempt]:
        """Return every attempt at a delivery, first to last."""

    async def retry(self, delivery_ids: Sequence[int], now: datetime) -> int:
        """Make rejected, expired or deferred deliveries due at once, taking their papers back into the ledger, and
        unknown ones, which have kept theirs; return how many were moved. One whose papers have meanwhile gone out in
        another digest is left alone.
        """

    async def find_delivery_of(self, subscriber_id: int, paper_id: int) -> Delivery | None:
        """Return the delivery whose ledger row holds this paper for this subscriber."""
