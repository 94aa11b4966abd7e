"""A newsletter of several processes on one PostgreSQL, whose clock a test moves: schedulers, workers, what arrived."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.core.selection import Limits
from newsletter.model import Entry, Origin, Outcome, OutcomeKind, SourceState
from newsletter.service.deliver import Deliverer, DeliveryPolicy
from newsletter.service.issue import IssuePolicy, Issuer
from newsletter.service.leases import LeaseKeeper
from newsletter.store.sql import SqlStore, open_store
from tests.support.samples import make_consent, make_draft, make_profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from newsletter.model import Digest, EmailAddress, Paper, Subscriber, SubscriberDraft
    from newsletter.ports.mail import Begin

SENDER = "digest@news.example"
LEASE = timedelta(minutes=5)
DAY = timedelta(days=1)
GREYLISTED = 0.1


@dataclass
class Clock:
    """The time of all processes, moved by the test alone."""

    time: datetime

    def __call__(self) -> datetime:
        return self.time

    def seconds(self) -> float:
        """The same as a clock that nobody sets."""
        return self.time.timestamp()


@dataclass(frozen=True)
class Arrived:
    """A mail that the relay took."""

    address: str
    issue_date: date
    papers: tuple[int, ...]
    at: datetime


@dataclass(frozen=True)
class BareDigest:
    """Implements :class:`newsletter.ports.Prepared`: a message that says which issue and which papers it holds."""

    digest: Digest
    subject: str = "a digest"

    def compose(self, subscriber: Subscriber, message_id: str, now: datetime, reference: int | None = None) -> bytes:
        del subscriber, message_id, now, reference
        papers = ",".join(map(str, self.digest.paper_ids))
        return f"{self.digest.issue_date} {papers}".encode()


class BareRenderer:
    """Implements :class:`newsletter.ports.Renderer`."""

    def prepare(self, digest: Digest, papers: Mapping[int, Paper]) -> BareDigest:
        assert set(papers) >= set(digest.paper_ids)
        return BareDigest(digest)


@dataclass
class Relay:
    """Implements :class:`newsletter.ports.Transport`: keeps what it takes, and asks some to come again."""

    clock: Clock
    chances: random.Random
    arrived: list[Arrived] = field(default_factory=list)
    turned_away: set[str] = field(default_factory=set)

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        del sender
        await asyncio.sleep(0)  # others come in between
        if begin is not None and not await begin():
            return Outcome(OutcomeKind.DEFERRED, None, "not begun")
        if self.chances.random() < GREYLISTED and envelope_id not in self.turned_away:
            self.turned_away.add(envelope_id)
            return Outcome(OutcomeKind.DEFERRED, 450, "4.2.0 greylisted, come again")
        day, _, papers = message.decode().partition(" ")
        listed = tuple(map(int, papers.split(","))) if papers else ()
        self.arrived.append(Arrived(recipient.wire, date.fromisoformat(day), listed, self.clock.time))
        return Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0 Ok")

    async def aclose(self) -> None:
        """There is nothing to end."""


class Simulation:
    """Processes with a store each, which do at every tick what the daemon does."""

    def __init__(self, url: str, start: datetime, schedulers: int, workers: int, seed: int = 1) -> None:
        self.clock = Clock(start)
        self.chances = random.Random(seed)  # noqa: S311 (no secret)
        self.relay = Relay(self.clock, self.chances)
        self.stores = [open_store(url) for _ in range(schedulers + workers)]
        self.schedulers = [self._scheduler(store) for store in self.stores[:schedulers]]
        self.workers = [self._worker(store, f"w{number}") for number, store in enumerate(self.stores[schedulers:])]
        self.papers = 0
        self.died = 0

    def _scheduler(self, store: SqlStore) -> Issuer:
        limits = Limits(lookback=7 * DAY, staleness=14 * DAY)
        profile = make_profile()
        return Issuer(store, {profile.name: profile}, ("arxiv",), IssuePolicy(limits, 2 * DAY, False, "news.example"))  # noqa: FBT003

    def _worker(self, store: SqlStore, owner: str) -> Deliverer:
        policy = DeliveryPolicy(lambda _: SENDER, owner, connections=2, lease=LEASE, batch=3)
        keeper = LeaseKeeper(store, owner, LEASE, self.clock.seconds, self.clock.seconds)
        return Deliverer(store, BareRenderer(), self.relay, policy, self.clock, keeper)

    async def subscribe(self, drafts: Iterable[SubscriberDraft]) -> None:
        """Add people."""
        await self.stores[0].apply_drafts(list(drafts), make_consent(), Origin.STORE, self.clock())

    async def papers_arrive(self, number: int) -> None:
        """Let papers arrive, stored by one of the schedulers."""
        store = self.chances.choice(self.stores[: len(self.schedulers)])
        known = (await store.source_states()).get("arxiv") or SourceState("arxiv")
        entries = []
        for _ in range(number):
            self.papers += 1
            name = f"{self.clock():%y%m}.{self.papers:05}"
            entries.append(
                Entry(
                    f"oai:arXiv.org:{name}v1",
                    f"Paper {self.papers} on diffusion models",
                    "We study diffusion models at length.",
                    url=f"https://arxiv.org/abs/{name}",
                    published_at=self.clock(),
                    arxiv_id=name,
                    version=1,
                )
            )
        await store.save_collection(
            SourceState("arxiv", last_success_at=self.clock(), last_new_paper_at=known.last_new_paper_at),
            entries,
            self.clock(),
        )

    async def tick(self, at: datetime) -> None:
        """Let every process do what it does at a tick: half of the workers at once, half when they are woken by it."""
        self.clock.time = at
        early, woken = self.workers[::2], self.workers[1::2]
        await asyncio.gather(
            *(scheduler.issue(at) for scheduler in self.schedulers), *(worker.deliver_due() for worker in early)
        )
        await asyncio.gather(*(worker.deliver_due() for worker in woken))

    async def deliver(self, at: datetime) -> None:
        """Let all workers work at once, and nobody plan."""
        self.clock.time = at
        await asyncio.gather(*(worker.deliver_due() for worker in self.workers))

    async def deadly_tick(self, at: datetime) -> None:
        """Let a worker claim a delivery that was just planned, and never be heard of again, in the middle of a tick."""
        self.clock.time = at
        await asyncio.gather(*(scheduler.issue(at) for scheduler in self.schedulers))
        self.died += len(await self.stores[-1].claim(f"dead at {at}", 1, LEASE, at))
        for minutes in (0, 1, 7):  # it is seen, is silent for the length of its lease, and is taken for dead
            await self.tick(at + timedelta(minutes=minutes))

    async def aclose(self) -> None:
        """End all connections."""
        for store in self.stores:
            await store.aclose()


def reader(number: int, zone: str, send_at: str) -> SubscriberDraft:
    """Return somebody who takes the papers every day at ``send_at``, in ``zone``."""
    at = datetime.strptime(send_at, "%H:%M").replace(tzinfo=UTC).time()
    return make_draft(f"reader{number}@example.org", zone=zone, send_at_local=at)
