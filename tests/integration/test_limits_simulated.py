"""Ten simulated minutes of sending under every kind of limit: no window of a relay or domain holds a mail too many."""

import asyncio
import random
from bisect import bisect_left
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest

from newsletter.core.limits import LENGTHS
from newsletter.core.routing import DomainPlan, Fleet, RelayPlan, WarmUp
from newsletter.model import (
    Consent,
    DeliveryState,
    Digest,
    EmailAddress,
    IssueKind,
    Origin,
    Outcome,
    OutcomeKind,
    PlannedDelivery,
    Step,
    Window,
)
from newsletter.ports import Begin
from newsletter.service.deliver import Deliverer, DeliveryCounts, DeliveryPolicy
from newsletter.store.sql import SqlStore, open_store
from tests.support.databases import migrated_file, postgres, postgres_url, sqlite_url
from tests.support.deliveries import PLANNED_AT, SENDER, PlainRenderer, draft

__all__ = ["migrated_file", "postgres", "postgres_url", "sqlite_url"]

END = PLANNED_AT + timedelta(minutes=10)
TODAY = PLANNED_AT.date()


@dataclass(frozen=True)
class Scene:
    """Who is written to, by what, and the most that the tightest limits let through in ten minutes; more is wanted."""

    fleet: Fleet
    readers: dict[str, int]
    most: dict[str, int]


RELAYS = Scene(
    Fleet(
        (
            RelayPlan("a", weight=2, limits={Window.SECOND: 3, Window.MINUTE: 30, Window.HOUR: 180, Window.DAY: 1000}),
            RelayPlan(
                "new",
                limits={Window.SECOND: 2, Window.MINUTE: 25, Window.HOUR: 1000, Window.DAY: 5000},
                warm_up=WarmUp(TODAY - timedelta(days=1), 100),  # so that today it is 150
            ),
            RelayPlan("spare", priority=1, limits={Window.SECOND: 4, Window.MINUTE: 20}),
            RelayPlan("campus", domains=("*.edu",), limits={Window.MINUTE: 5}),
        ),
        {"gmail.com": DomainPlan(2, {Window.SECOND: 1, Window.MINUTE: 6}), "*": DomainPlan(4, {Window.MINUTE: 40})},
    ),
    {"gmail.com": 160, "maths.edu": 200, "example.org": 250, "example.com": 250},
    {"a": 180, "new": 150, "spare": 200, "campus": 50},
)
DOMAINS = Scene(
    Fleet(
        (RelayPlan("a"), RelayPlan("b")),
        {
            "gmail.com": DomainPlan(2, {Window.SECOND: 2, Window.MINUTE: 20, Window.HOUR: 150, Window.DAY: 1000}),
            "*": DomainPlan(4, {Window.MINUTE: 12, Window.DAY: 100}),
        },
    ),
    {"gmail.com": 260, "example.org": 60, "example.com": 160},
    {"gmail.com": 150, "example.com": 100, "example.org": 60},
)


class Clock:
    def __init__(self) -> None:
        self.time = PLANNED_AT

    def __call__(self) -> datetime:
        return self.time


class Relays:
    """Every relay's server: notes when, on the simulated clock, it was given a mail to whom."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.given: dict[str, list[datetime]] = defaultdict(list)
        self.to: dict[str, list[datetime]] = defaultdict(list)
        self.envelope_ids: list[str] = []

    def way(self, name: str) -> "Way":
        return Way(self, name)


class Way:
    """Implements :class:`newsletter.ports.Transport`."""

    def __init__(self, relays: Relays, name: str) -> None:
        self.relays = relays
        self.name = name

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        del message, sender, begin
        self.relays.given[self.name].append(self.relays.clock())
        self.relays.to[recipient.wire.rpartition("@")[2]].append(self.relays.clock())
        self.relays.envelope_ids.append(envelope_id)
        await asyncio.sleep(0)
        return Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0 Ok", step=Step.DOT)

    async def aclose(self) -> None:
        pass


class Worker:
    """One process: its own connections to the store, replaced when it is killed."""

    def __init__(self, url: str, relays: Relays, clock: Clock, fleet: Fleet, name: str) -> None:
        self.url, self.relays, self.clock, self.fleet, self.name = url, relays, clock, fleet, name
        self.lives = 0
        self.start()

    def start(self) -> None:
        self.lives += 1
        self.store = open_store(self.url)
        policy = DeliveryPolicy(
            lambda _: SENDER,
            owner=f"{self.name}-{self.lives}",
            connections=self.fleet.connections,
            batch=60,
            fleet=self.fleet,
            patience=timedelta(),
        )
        ways = {relay.name: self.relays.way(relay.name) for relay in self.fleet.relays}
        self.deliverer = Deliverer(self.store, PlainRenderer(), ways, policy, self.clock)

    async def run(self) -> DeliveryCounts:
        counts = await self.deliverer.deliver_due()
        assert counts.is_closed
        assert counts.fault is None
        return counts

    async def killed(self, chance: random.Random) -> None:
        """Run, be killed in the middle of it, and start anew; what it held is taken over."""
        running = asyncio.create_task(self.deliverer.deliver_due())
        for _ in range(chance.randrange(200)):
            await asyncio.sleep(0)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await self.store.release(f"{self.name}-{self.lives}")
        await self.store.aclose()
        self.start()


async def plan_readers(store: SqlStore, readers: dict[str, int]) -> None:
    names = [f"reader{number}@{domain}" for domain, count in readers.items() for number in range(count)]
    drafts = [draft(name) for name in random.Random(7).sample(names, len(names))]  # noqa: S311
    await store.apply_drafts(drafts, Consent("test", PLANNED_AT), Origin.STORE, PLANNED_AT)
    day = date(2026, 3, 2)
    digest = Digest(IssueKind.DIGEST, day, (), considered=1)
    people = await store.list_subscribers(limit=10_000)
    planned = [PlannedDelivery(each.id, digest, PLANNED_AT, f"<{each.id}@news.example>", 0) for each in people]
    assert await store.plan(planned, {}, PLANNED_AT) == len(names)


def most_in_any_window(times: list[datetime], length: timedelta) -> int:
    """Slide a half-open window over all mails: the fullest begins at one of them."""
    times = sorted(times)
    return max((bisect_left(times, start + length) - index for index, start in enumerate(times)), default=0)


async def simulate(workers: list[Worker], clock: Clock, chance: random.Random) -> int:
    """Run the workers side by side until ten minutes have passed; return how often one was killed."""
    kills = 0
    while clock.time < END:
        is_kill = chance.random() < 0.05
        kills += is_kill
        struck = chance.choice(workers) if is_kill else None
        ran = [each.killed(chance) if each is struck else each.run() for each in workers]
        counts = [found for found in await asyncio.gather(*ran) if isinstance(found, DeliveryCounts)]
        step = timedelta(seconds=chance.choice([0.02, 1, 4, 8, 12]))
        if not any(each.planned for each in counts):  # idle until something is ready again, or some time later
            ready_at = await workers[0].store.next_due_at()
            step = min(max(step, (ready_at or clock.time) - clock.time), timedelta(seconds=15))
        clock.time += step
    return kills


@pytest.mark.timeout(900)  # some hundred runs, which on a laptop take half a minute
@pytest.mark.parametrize(
    ("database", "number", "scene"),
    [
        pytest.param("sqlite_url", 1, RELAYS, id="sqlite-relays"),
        pytest.param("sqlite_url", 1, DOMAINS, id="sqlite-domains"),
        pytest.param("postgres_url", 3, RELAYS, id="postgresql-3-workers-relays"),
        pytest.param("postgres_url", 2, DOMAINS, id="postgresql-2-workers-domains"),
    ],
)
async def test_no_window_is_exceeded_over_restarts_and_workers(
    database: str, number: int, scene: Scene, request: pytest.FixtureRequest
) -> None:
    url, clock, fleet = request.getfixturevalue(database), Clock(), scene.fleet
    relays = Relays(clock)
    workers = [Worker(url, relays, clock, fleet, f"worker{index}") for index in range(number)]
    try:
        await plan_readers(workers[0].store, scene.readers)
        assert await simulate(workers, clock, random.Random(20260302)) > 3  # noqa: S311
        states = await workers[0].store.count_deliveries()
    finally:
        for each in workers:
            await each.store.aclose()
    for relay in fleet.relays:
        for limit in relay.limits_on(TODAY):
            assert most_in_any_window(relays.given[relay.name], LENGTHS[limit.window]) <= limit.most, limit
    for domain in scene.readers:
        for limit in fleet.limits_of_domain(domain):
            assert most_in_any_window(relays.to[domain], LENGTHS[limit.window]) <= limit.most, limit
    went = {name: len(relays.to[name] if "." in name else relays.given[name]) for name in scene.most}
    assert {name: count for name, count in went.items() if count < 0.8 * scene.most[name]} == {}
    assert set(states) <= {DeliveryState.ACCEPTED, DeliveryState.PLANNED}
    assert sum(states.values()) == sum(scene.readers.values())
    assert states[DeliveryState.ACCEPTED] <= len(set(relays.envelope_ids))
