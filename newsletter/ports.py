"""Every seam of the program on one page: who provides what, and what the caller may rely on.

Methods that change the store are transactions: when one returns, its change is committed; when it raises, nothing
changed. All times are aware and in UTC. A store raises only :class:`newsletter.errors.StoreError` and its kin,
:class:`newsletter.errors.NotFoundError` and :class:`newsletter.errors.ConflictError`. ``tests/contract/`` holds one
suite per protocol, run over every implementation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import date, datetime, timedelta

    from newsletter.model import (
        Alert,
        Attempt,
        ClaimedDelivery,
        CollectionCounts,
        Consent,
        Delivery,
        DeliveryState,
        Digest,
        EmailAddress,
        Entry,
        FetchResult,
        Notice,
        Origin,
        Outcome,
        Paper,
        PaperVersion,
        PlannedDelivery,
        Readings,
        Schedule,
        Sighting,
        SourceState,
        Subscriber,
        SubscriberDraft,
        SubscriberStatus,
    )


class Source(Protocol):
    """Somewhere papers come from."""

    @property
    def name(self) -> str:
        """The name that the configuration gave it."""

    async def fetch(self, previous: SourceState) -> FetchResult:
        """Return what the source says now. Never raises for remote faults; never blocks the event loop."""


class Transport(Protocol):
    """Somewhere messages go."""

    async def send(self, message: bytes, sender: str, recipient: EmailAddress) -> Outcome:
        """Hand over one finished message (CRLF lines) and classify the answer. Never retries, never raises for it."""

    async def aclose(self) -> None:
        """End all connections politely."""


class Prepared(Protocol):
    """A digest rendered once, ready to become any number of messages."""

    @property
    def subject(self) -> str:
        """The subject, as people read it."""

    def compose(self, subscriber: Subscriber, message_id: str, now: datetime) -> bytes:
        """Return the finished message for one recipient: CRLF lines, no bare CR or LF, equal on every attempt but
        for its Date.
        """


class Renderer(Protocol):
    """Turns digests into mail."""

    def prepare(self, digest: Digest, papers: Mapping[int, Paper]) -> Prepared:
        """Render a digest; TemplateError when a template cannot be filled. ``papers`` holds every id in it."""


class PaperStore(Protocol):
    """Papers, what was said about them, and the state of the sources that said it."""

    async def source_states(self) -> Mapping[str, SourceState]:
        """Return the state of every source ever checked, by name."""

    async def save_collection(self, state: SourceState, entries: Sequence[Entry], now: datetime) -> CollectionCounts:
        """Store ``state`` and everything that ``entries`` add, in one transaction, and say what that was.

        Entries are joined to known papers by their keys (:mod:`newsletter.core.identity`), strongest first. Where
        the keys name two papers, these become one. Arrivals are numbered in the order of the commits. When papers
        are new, the state's ``last_new_paper_at`` becomes ``now`` and its health fresh. On the source's first fetch
        (as the *stored* state says) new papers are marked ``backlog``. Saving the same entries again changes nothing
        but ``last_seen_at``.
        """

    async def last_arrival(self) -> int:
        """Return the newest arrival, 0 when there is none."""

    async def arrived_papers(self, after_arrival: int, seen_since: datetime) -> list[Paper]:
        """Return papers with ``arrival`` or ``version_arrival`` after ``after_arrival``, first seen since then, or
        with such a version, oldest arrival first.
        """

    async def papers(self, paper_ids: Collection[int]) -> dict[int, Paper]:
        """Return the papers by the ids asked for; a paper that became part of another is returned under both ids."""

    async def find_papers(self, reference: str) -> list[Paper]:
        """Return what a person may mean by an id, arXiv id (any version or URL), DOI, link, or part of a title."""

    def all_papers(self) -> AsyncIterator[Paper]:
        """Yield every paper, newest arrival first, without holding them all in memory."""

    async def sightings(self, paper_id: int) -> list[Sighting]:
        """Return what each source said of a paper, oldest first."""

    async def versions(self, paper_id: int) -> list[PaperVersion]:
        """Return the versions seen of a paper, lowest first."""


class SubscriberStore(Protocol):
    """People."""

    async def add_subscriber(
        self, draft: SubscriberDraft, consent: Consent, origin: Origin, now: datetime
    ) -> Subscriber:
        """Add somebody; ConflictError when the address is known."""

    async def edit_subscriber(self, address_key: str, draft: SubscriberDraft, now: datetime) -> Subscriber:
        """Change what ``draft`` says and return the result; NotFoundError when unknown, ConflictError when the
        draft's address belongs to somebody else.
        """

    async def set_status(
        self, subscriber_id: int, status: SubscriberStatus, reason: str, now: datetime, paused_until: date | None = None
    ) -> Subscriber:
        """Move somebody to ``status``; the same status again changes nothing. NotFoundError when unknown."""

    async def remove_subscriber(self, address_key: str) -> None:
        """Forget somebody and everything about them; NotFoundError when unknown."""

    async def find_subscriber(self, address_key: str) -> Subscriber:
        """Return who has this address (its ``key``); NotFoundError when nobody has."""

    async def find_subscribers(self, address_keys: Collection[str]) -> dict[str, Subscriber]:
        """Return those who have these addresses, by ``key``; addresses that nobody has are left out."""

    async def subscriber(self, subscriber_id: int) -> Subscriber:
        """Return somebody by id; NotFoundError when unknown."""

    async def list_subscribers(
        self,
        *,
        status: SubscriberStatus | None = None,
        profile: str | None = None,
        origin: Origin | None = None,
        text: str | None = None,
        after_id: int = 0,
        limit: int | None = None,
    ) -> list[Subscriber]:
        """Return subscribers by ascending id above ``after_id``; ``text`` is part of an address."""

    async def count_subscribers(self) -> dict[SubscriberStatus, int]:
        """Return how many subscribers are in each status; those that nobody is in are left out."""

    async def count_readers(self) -> dict[str, int]:
        """Return how many active subscribers take each profile, whether or not a file defines it still."""

    async def apply_drafts(
        self, drafts: Sequence[SubscriberDraft], consent: Consent, origin: Origin, now: datetime
    ) -> tuple[int, int, int]:
        """Add or edit many in one transaction; return how many were added, changed, left as they were."""

    async def sync_file_subscribers(
        self, drafts: Sequence[SubscriberDraft], now: datetime
    ) -> tuple[int, int, int, int]:
        """Make the subscribers of origin ``file`` be exactly ``drafts``; return added, changed, unchanged, removed.

        Who left the files becomes ``unsubscribed`` with the reason "left the profile files", so that coming back
        neither repeats a paper nor loses history. Somebody who unsubscribed by themselves (any other reason) stays
        so. An address that the store owns (origin ``store``) is left to the store.
        """


class DeliveryStore(Protocol):
    """Issues, the ledger of who got which paper, and every attempt to deliver."""

    async def schedules(self) -> list[Schedule]:
        """Return the distinct schedules of active subscribers: what is due is computed once for each."""

    async def due_subscribers(
        self, schedule: Schedule, issue_date: date, after_id: int, limit: int
    ) -> list[Subscriber]:
        """Return active subscribers of this schedule whose newest issue is older than ``issue_date``, by ascending
        id above ``after_id``; who never had an issue is not among them.
        """

    async def new_subscribers(self, after_id: int, limit: int) -> list[Subscriber]:
        """Return active subscribers who never had an issue, by ascending id above ``after_id``."""

    async def ended_pauses(self, today: date) -> list[Subscriber]:
        """Return paused subscribers whose ``paused_until`` is not after ``today``."""

    async def last_issue_dates(self, subscriber_ids: Collection[int]) -> dict[int, date]:
        """Return the date of each subscriber's newest issue, whatever became of it."""

    async def last_delivered(self, subscriber_ids: Collection[int]) -> dict[int, tuple[int, datetime]]:
        """Return ``arrival_through`` and the planning time of each subscriber's last accepted digest."""

    async def sent_papers(
        self, subscriber_ids: Collection[int], paper_ids: Collection[int]
    ) -> dict[int, frozenset[tuple[int, int | None]]]:
        """Return what the ledger holds for these people among these papers: (paper, version noted as an update)
        pairs, with ``None`` for the paper itself. What only a delivery holds that the next issue would supersede
        (planned, or deferred without doubt whether it arrived) does not count: its papers go into that next issue.
        """

    async def open_deliveries(self, subscriber_ids: Collection[int]) -> dict[int, Delivery]:
        """Return each subscriber's newest delivery that is not final."""

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

    async def skip(self, subscriber_ids: Sequence[int], issue_date: date) -> None:
        """Remember that these people's issue of this date held nothing, and that nothing shall be sent for it."""

    async def claim(self, owner: str, limit: int, lease: timedelta, now: datetime) -> list[ClaimedDelivery]:
        """Put up to ``limit`` due deliveries (planned, deferred and due, or under an expired lease) in ``sending``,
        under ``owner``'s lease, oldest due first. No delivery is ever under two leases at one time.
        """

    async def record(self, attempts: Sequence[tuple[Attempt, DeliveryState, datetime | None]], now: datetime) -> None:
        """Keep attempts and move their deliveries to the state given, with the time of the next attempt.

        ``rejected``, ``expired`` and ``suppressed`` give the papers back to the subscriber's future digests.
        """

    async def release(self, owner: str | None) -> int:
        """End ``owner``'s leases without an attempt; return how many. With ``None`` everybody's, for who holds the
        store alone and finds a dead process's: these may have arrived, and are marked so.
        """

    def sending(self) -> AbstractAsyncContextManager[None]:
        """Say, for as long as the context lasts, that this process holds leases: nobody else takes them over then."""

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
        """Make rejected, expired or deferred deliveries due at once, taking their papers back into the ledger; return
        how many were moved. One whose papers have meanwhile gone out in another digest is left alone.
        """

    async def find_delivery_of(self, subscriber_id: int, paper_id: int) -> Delivery | None:
        """Return the delivery whose ledger row holds this paper for this subscriber."""


class WatchStore(Protocol):
    """What is asked by those who watch: figures, the schema, and which alerts have been told."""

    async def readings(self, since: datetime, now: datetime) -> Readings:
        """Return the figures of one moment, cheaply; deliveries are counted of those planned since then, and a
        delivery is ready when it might be sent at ``now``.
        """

    async def check_schema(self) -> None:
        """Return when the database answers and its schema is this program's; StoreError and kin otherwise."""

    async def alerts(self) -> list[Alert]:
        """Return every alert that is remembered, by condition and channel."""

    async def save_alerts(self, changed: Collection[Alert], over: Collection[Alert]) -> None:
        """Remember ``changed`` in place of what was known of the same condition and channel, and forget ``over``."""


class Announcer(Protocol):
    """A way to tell the operator."""

    @property
    def channel(self) -> str:
        """Its name, under which it is remembered what was told."""

    async def announce(self, notices: Sequence[Notice], now: datetime) -> str | None:
        """Tell all of it in one message; return None, or in one line why that was not possible. Never raises for it."""


class Store(PaperStore, SubscriberStore, DeliveryStore, WatchStore, Protocol):
    """All of it, in one database; each consumer declares the part that it needs."""

    async def aclose(self) -> None:
        """End all connections."""
