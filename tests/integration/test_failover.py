"""Several relays, each a real SMTP server on loopback: who steps in when one fails, and how it comes back."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Self

import pytest
from sqlalchemy import event

from newsletter.core.alerts import AlertPolicy, Observation, observed
from newsletter.core.routing import DomainPlan, Fleet, RelayPlan
from newsletter.mail.fleet import FleetTransport
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import (
    Circuit,
    CircuitCause,
    CircuitScope,
    Consent,
    DeliveryState,
    Digest,
    IssueKind,
    Origin,
    PlannedDelivery,
    Window,
)
from newsletter.service.deliver import Deliverer, DeliveryCounts, DeliveryPolicy
from tests.support.deliveries import PLANNED_AT, SENDER, PlainRenderer, draft, make_store
from tests.support.smtp_server import Script, SmtpServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from newsletter.store.sql import SqlStore

CONNECTIONS = 2
MAIN_AND_SPARE = Fleet((RelayPlan("main", connections=CONNECTIONS), RelayPlan("spare", 1, connections=CONNECTIONS)))


class Clock:
    def __init__(self) -> None:
        self.time = PLANNED_AT

    def __call__(self) -> datetime:
        return self.time


class Scene:
    """A store, a server for each relay of a fleet, and a worker over them."""

    def __init__(self, store: SqlStore, fleet: Fleet, scripts: dict[str, Script]) -> None:
        self.store, self.fleet, self.clock = store, fleet, Clock()
        self.servers = {relay.name: SmtpServer(scripts.get(relay.name)) for relay in fleet.relays}
        self.day = 0

    async def __aenter__(self) -> Self:
        for server in self.servers.values():
            await server.start()
        self.ways = {
            name: SmtpTransport(
                Relay(port=server.port, name=name, tls=Tls.NONE, connections=CONNECTIONS, local_hostname="x")
            )
            for name, server in self.servers.items()
        }
        self.worker = self.new_worker()
        return self

    async def __aexit__(self, *_: object) -> None:
        for way in self.ways.values():
            await way.aclose()
        for server in self.servers.values():
            await server.stop()

    def new_worker(
        self, owner: str = "first", fleet: Fleet | None = None, patience: timedelta = timedelta()
    ) -> Deliverer:
        fleet = fleet or self.fleet
        policy = DeliveryPolicy(
            lambda _: SENDER,
            owner=owner,
            connections=fleet.connections,
            batch=20,
            fleet=fleet,
            patience=patience,  # none, as the clock stands still while a run goes on
        )
        return Deliverer(self.store, PlainRenderer(), self.ways, policy, self.clock)

    async def plan(self, *names: str) -> None:
        """Plan an issue for everybody named, and nobody else."""
        self.day += 1
        await self.store.apply_drafts(
            [draft(name) for name in names], Consent("test", PLANNED_AT), Origin.STORE, PLANNED_AT
        )
        day = date(2026, 3, self.day)
        digest = Digest(IssueKind.DIGEST, day, (), considered=1)
        people = [each for each in await self.store.list_subscribers() if each.address.text in names]
        planned = [
            PlannedDelivery(each.id, digest, self.clock(), f"<{self.day}.{each.id}@news.example>", 0) for each in people
        ]
        assert await self.store.plan(planned, {}, self.clock()) == len(names)

    async def deliver(
        self, worker: Deliverer | None = None, on_progress: Callable[[DeliveryCounts], None] = lambda _: None
    ) -> DeliveryCounts:
        counts = await (worker or self.worker).deliver_due(on_progress=on_progress)
        assert counts.is_closed
        return counts

    def took(self) -> dict[str, int]:
        """Return how many mails each relay has taken."""
        return {name: len(server.received) for name, server in self.servers.items()}

    async def circuits(self) -> dict[str, Circuit]:
        return {each.name: each for each in await self.store.circuits()}


def readers(number: int, domain: str = "example.org") -> list[str]:
    return [f"reader{index}@{domain}" for index in range(number)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    yield store
    await store.aclose()


async def test_one_relay_dies_in_the_middle_another_takes_over_and_the_first_comes_back_by_a_probe(
    store: SqlStore,
) -> None:
    dying: list[asyncio.Task[None]] = []
    async with Scene(store, MAIN_AND_SPARE, {}) as scene:
        main = scene.servers["main"]

        def kill(counts: DeliveryCounts) -> None:
            if counts.planned >= 20 and not dying:
                dying.append(asyncio.create_task(main.break_off()))

        await scene.plan(*readers(60))
        counts = await scene.deliver(on_progress=kill)
        await asyncio.gather(*dying)
        assert counts.doubtful <= CONNECTIONS  # lost after the final dot: they wait, for they may have arrived
        assert counts.accepted + counts.doubtful == 60
        assert scene.took()["spare"] >= 30
        away = (await scene.circuits())["main"]
        assert (away.cause, away.failures) == (CircuitCause.UNREACHABLE, 1)

        scene.clock.time = away.retry_at  # it is tried, still gone, and left alone for longer
        await scene.plan(*readers(10))
        assert (await scene.deliver()).accepted == 10
        again = (await scene.circuits())["main"]
        assert again.failures == 2
        assert again.retry_at - scene.clock.time > 1.5 * (away.retry_at - PLANNED_AT)

        await main.start(main.port)
        before = scene.took()["main"]
        await scene.plan(*readers(10))
        scene.clock.time = again.retry_at - timedelta(seconds=1)
        assert (await scene.deliver()).accepted == 10
        assert scene.took()["main"] == before
        scene.clock.time = again.retry_at
        await scene.plan(*readers(10))
        assert (await scene.deliver()).accepted == 10
        assert scene.took()["main"] > before
        assert await scene.circuits() == {}

        scene.clock.time += timedelta(hours=1)
        assert (await scene.deliver()).accepted == counts.doubtful
        first_issue = [mail.message_id for server in scene.servers.values() for mail in server.received]
        mails = Counter(each for each in first_issue if each.startswith("<1."))
        assert len(mails) == 60
        assert mails.total() - 60 <= CONNECTIONS


async def test_421_closes_the_connection_and_slows_that_relay_alone(store: SqlStore) -> None:
    script = Script(replies={"mail": ["421 4.3.2 too many connections+drop"]})
    async with Scene(store, MAIN_AND_SPARE, {"main": script}) as scene:
        await scene.plan(*readers(20))
        counts = await scene.deliver()
        assert (counts.accepted, counts.deferred, counts.rejected) == (20, 1, 0)
        assert scene.took() == {"main": 0, "spare": 20}
        assert scene.servers["main"].connections == 1
        slowed = (await scene.circuits())["main"]
        assert slowed.cause is CircuitCause.THROTTLED
        scene.clock.time = slowed.retry_at
        await scene.plan(*readers(20))
        assert (await scene.deliver()).accepted == 20
        assert scene.took()["main"] > 0
        assert await scene.circuits() == {}


async def test_mail_that_is_refused_for_what_it_is_burns_no_list_and_alarms(store: SqlStore) -> None:
    script = Script(always={"dot": "554 5.7.1 looks like spam"})
    fleet = Fleet((RelayPlan("main", connections=CONNECTIONS),))
    async with Scene(store, fleet, {"main": script}) as scene:
        await scene.plan(*readers(30))
        counts = await scene.deliver()
        assert (counts.accepted, counts.rejected, counts.bounced) == (0, 0, 0)
        assert counts.deferred == 1  # one went ahead, and the rest never left
        assert "looks like spam" in str(counts.fault)
        assert await scene.deliver() == replace(DeliveryCounts(), fault=counts.fault)
        circuit = (await scene.circuits())["main"]
        assert (circuit.cause, circuit.retry_at - PLANNED_AT >= timedelta(minutes=15)) == (CircuitCause.POLICY, True)
        [alarm] = observed(Observation(relays=(circuit,)), AlertPolicy(), scene.clock())
        assert (alarm.name, alarm.after) == ("relay:main", timedelta())
        assert "554 5.7.1 looks like spam" in alarm.summary
        script.always.clear()
        scene.clock.time = circuit.retry_at
        assert (await scene.deliver()).accepted == 30
        assert await store.count_deliveries() == {DeliveryState.ACCEPTED: 30}


async def test_what_one_relay_refuses_for_what_it_is_another_may_take(store: SqlStore) -> None:
    script = Script(always={"dot": "554 5.7.1 looks like spam"})
    async with Scene(store, MAIN_AND_SPARE, {"main": script}) as scene:
        await scene.plan(*readers(30))
        counts = await scene.deliver()
        assert (counts.accepted, counts.rejected) == (30, 0)
        assert scene.took() == {"main": 0, "spare": 30}
        assert scene.servers["main"].commands.count("DATA") == 1


async def test_a_domain_that_is_overrun_waits_alone(store: SqlStore) -> None:
    slow, quick = readers(30, "gmail.com"), readers(30)
    script = Script(recipients=dict.fromkeys(slow, "450 4.7.28 unusual rate of mail"))
    fleet = Fleet((RelayPlan("main", connections=CONNECTIONS),))
    async with Scene(store, fleet, {"main": script}) as scene:
        await scene.plan(*slow, *quick)
        counts = await scene.deliver()
        assert counts.accepted == 30
        assert 5 <= counts.deferred <= 5 + CONNECTIONS
        assert counts.deferred + counts.postponed == 30
        circuit = (await scene.circuits())["gmail.com"]
        assert (circuit.scope, circuit.cause) == (CircuitScope.DOMAIN, CircuitCause.THROTTLED)
        script.recipients.clear()
        scene.clock.time += timedelta(hours=1)
        assert (await scene.deliver()).accepted == 30
        assert await scene.circuits() == {}


async def test_the_limits_of_a_domain_hold_up_nobody_else(store: SqlStore) -> None:
    fleet = Fleet(MAIN_AND_SPARE.relays, {"gmail.com": DomainPlan(limits={Window.MINUTE: 3})})
    async with Scene(store, fleet, {}) as scene:
        await scene.plan(*readers(10, "gmail.com"), *readers(30))
        counts = await scene.deliver()
        assert (counts.accepted, counts.postponed) == (33, 7)
        assert {each.attempts for each in await store.list_deliveries(limit=50)} == {0, 1}
        scene.clock.time += timedelta(minutes=1)
        assert (await scene.deliver()).accepted == 0  # not before a whole minute is over, and the slot of the token
        scene.clock.time += timedelta(seconds=2)
        assert (await scene.deliver()).accepted == 3


async def test_a_domain_takes_the_relay_that_is_for_it_and_others_when_that_is_gone(store: SqlStore) -> None:
    fleet = Fleet((*MAIN_AND_SPARE.relays, RelayPlan("campus", domains=("example.edu", "*.example.edu"))))
    async with Scene(store, fleet, {}) as scene:
        await scene.plan(*readers(5, "maths.example.edu"), *readers(5))
        assert (await scene.deliver()).accepted == 10
        assert scene.took() == {"main": 5, "spare": 0, "campus": 5}
        await scene.servers["campus"].break_off()
        await scene.plan(*readers(5, "maths.example.edu"))
        assert (await scene.deliver()).accepted == 5
        assert scene.took() == {"main": 10, "spare": 0, "campus": 5}


async def test_what_one_worker_has_found_out_no_other_tries_again(store: SqlStore) -> None:
    script = Script(always={"connect": "554 5.7.1 your network is listed"})
    async with Scene(store, MAIN_AND_SPARE, {"main": script}) as scene:
        await scene.plan(*readers(10))
        await scene.deliver()
        knocked = scene.servers["main"].connections
        await scene.plan(*readers(10))
        assert (await scene.deliver(scene.new_worker("second"))).accepted == 10
        assert scene.servers["main"].connections == knocked == 1


async def test_who_waits_for_a_relay_stops_waiting_when_others_have_taken_what_there_was(store: SqlStore) -> None:
    def left_alone(_: Circuit | None) -> Circuit:
        now = scene.clock()
        retry_at = now + timedelta(seconds=3)
        return Circuit(CircuitScope.RELAY, "main", CircuitCause.UNREACHABLE, 1, "it is gone", now, retry_at)

    fleet = Fleet((RelayPlan("main", connections=CONNECTIONS),))
    async with Scene(store, fleet, {}) as scene:
        await scene.plan("ada@example.org")
        await store.turn_circuit(CircuitScope.RELAY, "main", left_alone)
        waiting = asyncio.create_task(scene.deliver(scene.new_worker(patience=timedelta(seconds=10))))
        await asyncio.sleep(0.2)  # it looks once a second whether the three are over
        assert not waiting.done()
        scene.clock.time += timedelta(seconds=4)
        assert await store.claim("second", 1, timedelta(minutes=5), scene.clock())
        await store.turn_circuit(CircuitScope.RELAY, "main", left_alone)
        async with asyncio.timeout(30):
            counts = await waiting
    assert (counts.planned, counts.fault) == (0, None)


async def test_a_changed_configuration_keeps_what_is_left_alone_and_the_tokens_that_are_out(store: SqlStore) -> None:
    def limited(most: int) -> Fleet:
        main, spare = MAIN_AND_SPARE.relays
        return Fleet((main, replace(spare, limits={Window.HOUR: most})))

    script = Script(always={"connect": "554 5.7.1 your network is listed"})
    async with Scene(store, limited(6), {"main": script}) as scene:
        await scene.plan(*readers(20))
        assert (await scene.deliver()).accepted == 6
        knocked = scene.servers["main"].connections
        changed = scene.new_worker(fleet=limited(10))
        changed.take_over(scene.worker)
        assert (await scene.deliver(changed)).accepted == 4
        assert scene.servers["main"].connections == knocked


async def test_an_alert_leaves_by_a_relay_that_takes_mail(store: SqlStore) -> None:
    script = Script(always={"dot": "554 5.7.1 looks like spam"})
    async with Scene(store, MAIN_AND_SPARE, {"main": script}) as scene:
        await scene.plan(*readers(3))
        await scene.deliver()
        told = len(scene.servers["main"].commands)
        another_process = scene.new_worker("schedule")  # which has sent nothing, and asks the store
        transport = FleetTransport(scene.ways, scene.fleet.relays, another_process.closed_relays)
        operator = draft("operator@example.org").address
        outcome = await transport.send(b"Subject: relay:main\r\n\r\nIt refuses us.\r\n", SENDER, operator)
        assert outcome.code == 250
        assert scene.servers["spare"].received[-1].recipient == "operator@example.org"
        assert len(scene.servers["main"].commands) == told


async def test_where_no_limit_is_set_and_all_goes_well_nothing_is_written_for_it(store: SqlStore) -> None:
    written: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            written.append(statement)

    async with Scene(store, MAIN_AND_SPARE, {}) as scene:
        await scene.plan(*readers(20))
        event.listen(store.database.engine.sync_engine, "before_cursor_execute", note)
        assert (await scene.deliver()).accepted == 20
    assert any("attempts" in statement for statement in written)
    assert [statement for statement in written if "buckets" in statement or "circuits" in statement] == []
