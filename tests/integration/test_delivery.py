"""The deliverer over a real SQLite store and a real SMTP server on loopback."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import insert

from newsletter.core.retry import RetryPolicy
from newsletter.errors import StoreBusyError, StoreFullError, TemplateError
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import (
    Attempt,
    ClaimedDelivery,
    Consent,
    DeliveryState,
    Digest,
    IssueKind,
    Origin,
    OutcomeKind,
    Paper,
    Pause,
    PauseScope,
    PlannedDelivery,
    Section,
    Subscriber,
    SubscriberStatus,
)
from newsletter.service.deliver import Deliverer, DeliveryCounts, DeliveryPolicy
from newsletter.service.leases import LeaseKeeper
from newsletter.store.schema import seals
from newsletter.store.sql import SqlStore
from tests.support.deliveries import PLANNED_AT, SENDER, PlainDigest, PlainRenderer, draft, make_store, plan
from tests.support.smtp_server import Script, SmtpServer

POLICY = DeliveryPolicy(lambda _: SENDER, owner="test", connections=3, batch=5)


class Clock:
    def __init__(self) -> None:
        self.time = PLANNED_AT

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    yield store
    await store.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Setting:
    """A server, a transport to it, and a deliverer over both."""

    def __init__(
        self,
        store: SqlStore,
        clock: Clock,
        script: Script,
        policy: DeliveryPolicy = POLICY,
        leases: LeaseKeeper | None = None,
    ) -> None:
        self.leases = leases
        self.server = SmtpServer(script)
        self.store = store
        self.clock = clock
        self.policy = policy
        self.renderer = PlainRenderer()

    async def __aenter__(self) -> Self:
        await self.server.start()
        self.transport = SmtpTransport(
            Relay(
                port=self.server.port,
                tls=Tls.NONE,
                connections=self.policy.connections,
                timeout_s=5,
                final_timeout_s=0.2,
                local_hostname="x",
            )
        )
        self.deliverer = Deliverer(self.store, self.renderer, self.transport, self.policy, self.clock, self.leases)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.transport.aclose()
        await self.server.stop()

    async def deliver(
        self, stop: asyncio.Event | None = None, on_progress: Callable[[DeliveryCounts], None] = lambda _: None
    ) -> DeliveryCounts:
        counts = await self.deliverer.deliver_due(stop, on_progress)
        assert counts.is_closed
        return counts


async def states(store: SqlStore) -> dict[DeliveryState, int]:
    return dict(await store.count_deliveries())


async def test_everything_due_is_sent_once_and_recorded(store: SqlStore, clock: Clock) -> None:
    await plan(store, 23, digests=2)
    seen: list[int] = []
    async with Setting(store, clock, Script()) as setting:
        counts = await setting.deliver(on_progress=lambda counts: seen.append(counts.planned))
        again = await setting.deliver()
    assert counts == DeliveryCounts(planned=23, accepted=23)
    assert again == DeliveryCounts()
    assert await states(store) == {DeliveryState.ACCEPTED: 23}
    assert len({mail.message_id for mail in setting.server.received}) == 23
    assert setting.server.open_most <= 3
    assert setting.renderer.prepared == 2
    assert seen == sorted(seen)
    [delivery] = await store.list_deliveries(limit=1)
    [attempt] = await store.attempts(delivery.id)
    assert (attempt.number, attempt.outcome.kind, attempt.outcome.code) == (1, OutcomeKind.ACCEPTED, 250)


async def test_each_reply_ends_where_it_belongs(store: SqlStore, clock: Clock) -> None:
    subscribers = await plan(store, 6)
    script = Script(
        recipients={
            "reader0@example.org": "451 4.7.1 greylisted",
            "reader1@example.org": "550 5.1.1 no such user",
            "reader2@example.org": "550 5.7.1 policy",
        }
    )
    async with Setting(store, clock, script) as setting:
        counts = await setting.deliver()
        assert counts == DeliveryCounts(planned=6, accepted=3, deferred=2, rejected=1, bounced=1)
        assert await setting.deliver() == DeliveryCounts()
        script.recipients.clear()
        clock.time += timedelta(minutes=7)
        assert await setting.deliver() == DeliveryCounts(planned=2, accepted=2)
    statuses = [(await store.subscriber(subscriber)).status for subscriber in subscribers[:3]]
    assert statuses == [SubscriberStatus.ACTIVE, SubscriberStatus.BOUNCED, SubscriberStatus.ACTIVE]
    assert "550 5.1.1 no such user" in (await store.subscriber(subscribers[1])).status_reason
    ids = [mail.message_id for mail in setting.server.received]
    assert len(ids) == len(set(ids)) == 5


async def test_a_deferred_mail_expires_at_its_deadline(store: SqlStore, clock: Clock) -> None:
    await plan(store, 1)
    attempts, counts = 0, DeliveryCounts()
    async with Setting(store, clock, Script(always={"rcpt": "451 4.7.1 never"})) as setting:
        while (due := await store.next_due_at()) is not None:
            clock.time = max(clock.time, due)
            counts = await setting.deliver()
            attempts += counts.planned
    assert counts == DeliveryCounts(planned=1, expired=1)
    assert clock.time <= PLANNED_AT + timedelta(hours=23)
    [delivery] = await store.list_deliveries()
    assert (delivery.state, delivery.attempts) == (DeliveryState.EXPIRED, attempts)


async def test_who_left_after_planning_gets_nothing(store: SqlStore, clock: Clock) -> None:
    subscribers = await plan(store, 4)
    for subscriber, status in zip(subscribers, ("unsubscribed", "paused", "bounced"), strict=False):
        await store.set_status(subscriber, SubscriberStatus(status), "test", PLANNED_AT)
    async with Setting(store, clock, Script()) as setting:
        counts = await setting.deliver()
    assert counts == DeliveryCounts(planned=4, accepted=1, suppressed=3)
    assert [mail.recipient for mail in setting.server.received] == ["reader3@example.org"]


async def test_who_leaves_between_claim_and_sending_gets_nothing(store: SqlStore, clock: Clock) -> None:
    subscribers = await plan(store, 3)
    leaving = subscribers[1:]
    tasks = []

    def on_progress(_: DeliveryCounts) -> None:
        clock.time += POLICY.recheck_after * 2  # the claims grow old

    class LeavingRenderer(PlainRenderer):
        def prepare(self, digest: Digest, papers: Mapping[int, Paper]) -> PlainDigest:
            tasks.append(asyncio.create_task(leave()))
            return super().prepare(digest, papers)

    async def leave() -> None:
        await store.set_status(leaving[0], SubscriberStatus.UNSUBSCRIBED, "test", PLANNED_AT)
        await store.remove_subscriber("reader2@example.org")

    setting = Setting(store, clock, Script(delay_s=0.1), replace(POLICY, connections=1))
    setting.renderer = LeavingRenderer()
    async with setting:
        counts = await setting.deliver(on_progress=on_progress)
    assert counts == DeliveryCounts(planned=3, accepted=1, suppressed=2)
    assert [mail.recipient for mail in setting.server.received] == ["reader0@example.org"]
    assert len(tasks) == 1


async def test_claims_that_grew_old_are_read_again_together(store: SqlStore, clock: Clock) -> None:
    subscribers = await plan(store, 12)
    asked: list[int] = []

    class Counted(SqlStore):
        async def subscribers(self, subscriber_ids: Collection[int]) -> dict[int, Subscriber]:
            asked.append(len(subscriber_ids))
            return await super().subscribers(subscriber_ids)

        async def record(self, *arguments: Any) -> list[int]:
            if not asked:
                clock.time += POLICY.recheck_after * 2
                await store.set_status(subscribers[-1], SubscriberStatus.UNSUBSCRIBED, "test", PLANNED_AT)
            return await super().record(*arguments)

    policy = replace(POLICY, connections=1, batch=20)
    async with Setting(Counted(store.database), clock, Script(), policy) as setting:
        assert await setting.deliver() == DeliveryCounts(planned=12, accepted=11, suppressed=1)
    assert asked == [11]


async def test_the_next_mail_is_asked_for_while_the_last_is_recorded_and_begun_only_then(
    store: SqlStore, clock: Clock
) -> None:
    await plan(store, 3)
    is_full, recording = asyncio.Event(), asyncio.Event()

    class Slow(SqlStore):
        async def record(self, attempts: Any, *arguments: Any) -> list[int]:
            if attempts[0][0].delivery_id == 2:
                recording.set()
                await is_full.wait()
                raise StoreFullError("the disk is full")
            return await super().record(attempts, *arguments)

    async with Setting(Slow(store.database), clock, Script(), replace(POLICY, connections=1)) as setting:
        delivering = asyncio.create_task(setting.deliver())
        async with asyncio.timeout(30):
            await recording.wait()
            while sum(command.startswith("DATA") for command in setting.server.commands) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(setting.server.received) == 2  # the server waits for the third one's text
        is_full.set()
        with pytest.raises(StoreFullError):
            await delivering
        assert len(setting.server.received) == 2
    assert await states(store) == {DeliveryState.ACCEPTED: 1, DeliveryState.SENDING: 2}


async def test_a_closed_door_is_knocked_at_once_and_nothing_is_burned(store: SqlStore, clock: Clock) -> None:
    await plan(store, 20)
    async with Setting(store, clock, Script()) as setting:
        await setting.server.stop()
        counts = await setting.deliver()
        await setting.server.start(setting.server.port)
        assert counts.fault is not None
        assert "relay" in counts.fault
        assert replace(counts, fault=None) == DeliveryCounts(planned=1, deferred=1, released=4)
        assert await states(store) == {DeliveryState.PLANNED: 19, DeliveryState.DEFERRED: 1}
        assert await setting.deliver() == DeliveryCounts(fault=counts.fault)  # left alone for some seconds
        clock.time += timedelta(seconds=15)
        assert (await setting.deliver()).accepted == 19
        clock.time += timedelta(minutes=10)
        assert (await setting.deliver()).accepted == 1


@pytest.mark.parametrize("step", ["ehlo", "mail"])
async def test_a_refusal_of_us_rejects_nobody(store: SqlStore, clock: Clock, step: str) -> None:
    await plan(store, 5)
    async with Setting(store, clock, Script(always={step: "550 5.7.1 not you", "helo": "550 not you"})) as setting:
        counts = await setting.deliver()
    assert (counts.planned, counts.deferred) == (1, 1)
    assert counts.fault is not None
    assert "550" in counts.fault


async def test_a_server_that_only_drops_connections_pauses_the_run(store: SqlStore, clock: Clock) -> None:
    await plan(store, 40)
    async with Setting(store, clock, Script(always={"data": "drop"})) as setting:
        counts = await setting.deliver()
    assert counts.fault is not None
    assert counts.planned <= 3 + POLICY.connections


async def test_a_mail_whose_answer_was_lost_goes_out_again_with_the_same_message_id(
    store: SqlStore, clock: Clock
) -> None:
    await plan(store, 2)
    async with Setting(store, clock, Script(replies={"dot": ["drop-after"]})) as setting:
        counts = await setting.deliver()
        assert counts == DeliveryCounts(planned=2, accepted=1, deferred=1, doubtful=1)
        clock.time += timedelta(minutes=10)
        assert (await setting.deliver()).accepted == 1
    ids = Counter(mail.message_id for mail in setting.server.received)
    assert sorted(ids.values()) == [1, 2]


async def test_stopping_ends_what_is_in_flight_and_gives_the_rest_back(store: SqlStore, clock: Clock) -> None:
    await plan(store, 20)
    stop = asyncio.Event()
    async with Setting(store, clock, Script(delay_s=0.02)) as setting:
        counts = await setting.deliver(stop, lambda counts: stop.set() if counts.planned >= 4 else None)
        sent = len(setting.server.received)
        assert counts.accepted == counts.planned == sent < 20
        assert await states(store) == {DeliveryState.ACCEPTED: sent, DeliveryState.PLANNED: 20 - sent}
        assert (await setting.deliver()).accepted == 20 - sent
    assert len({mail.message_id for mail in setting.server.received}) == len(setting.server.received) == 20


async def test_a_broken_template_defers_its_own_digest_only_and_is_reported(store: SqlStore, clock: Clock) -> None:
    await plan(store, 10, digests=2)

    class HalfBroken(PlainRenderer):
        def prepare(self, digest: Digest, papers: Mapping[int, Paper]) -> PlainDigest:
            prepared = super().prepare(digest, papers)
            if digest.considered == 1:
                raise TemplateError("digest.mjml:7: 'papers' is undefined")
            return prepared

    setting = Setting(store, clock, Script())
    setting.renderer = HalfBroken()
    async with setting:
        counts = await setting.deliver()
        assert (counts.planned, counts.accepted, counts.deferred) == (10, 5, 5)
        assert len(counts.problems) == 1
        assert "digest.mjml:7" in counts.problems[0]
        assert setting.renderer.prepared == 2
    [deferred, *_] = await store.list_deliveries(state=DeliveryState.DEFERRED)
    assert "digest.mjml:7" in deferred.reply_text


async def test_a_mail_with_bare_line_feeds_is_held_back(store: SqlStore, clock: Clock) -> None:
    await plan(store, 1)
    setting = Setting(store, clock, Script())
    setting.renderer = PlainRenderer(b"bare\n")
    async with setting:
        counts = await setting.deliver()
    assert (counts.deferred, setting.server.received) == (1, [])
    assert "bare CR or LF" in counts.problems[0]


async def test_a_full_disk_ends_the_run_and_makes_no_doubles_afterwards(tmp_path: Path, clock: Clock) -> None:
    class FullStore(SqlStore):
        is_full = False

        async def record(self, attempts: object, now: datetime, owner: str | None = None) -> list[int]:
            if self.is_full:
                raise StoreFullError("the disk is full")
            return await super().record(attempts, now, owner)  # type: ignore[arg-type]

    plain = make_store(tmp_path)
    store = FullStore(plain.database)
    await plan(store, 12)
    async with Setting(store, clock, Script()) as setting:
        store.is_full = True
        with pytest.raises(StoreFullError):
            await setting.deliverer.deliver_due()
        doubtful = len(setting.server.received)
        assert 1 <= doubtful <= POLICY.connections
        with pytest.raises(StoreFullError):
            await setting.deliverer.deliver_due()
        assert len(setting.server.received) == doubtful
        store.is_full = False
        counts = await setting.deliver()
    assert counts.accepted == 12 - doubtful
    assert await states(store) == {DeliveryState.ACCEPTED: 12}
    assert len({mail.message_id for mail in setting.server.received}) == len(setting.server.received) == 12
    await store.aclose()


async def test_a_store_that_was_busy_delays_and_loses_nothing(tmp_path: Path, clock: Clock) -> None:
    class BusyStore(SqlStore):
        claims = 0

        async def claim(self, owner: str, limit: int, lease: timedelta, now: datetime) -> list[ClaimedDelivery]:
            self.claims += 1
            if self.claims == 2:
                raise StoreBusyError("locked by somebody else")
            return await super().claim(owner, limit, lease, now)

    store = BusyStore(make_store(tmp_path).database)
    await plan(store, 12)
    async with Setting(store, clock, Script()) as setting:
        with pytest.raises(StoreBusyError):
            await setting.deliverer.deliver_due()
        first = len(setting.server.received)
        assert (await setting.deliver()).accepted == 12 - first
    assert await states(store) == {DeliveryState.ACCEPTED: 12}
    assert len({mail.message_id for mail in setting.server.received}) == len(setting.server.received) == 12
    await store.aclose()


async def test_an_unforeseen_error_ends_what_is_in_flight_and_loses_nothing(store: SqlStore, clock: Clock) -> None:
    await plan(store, 12)

    def on_progress(counts: DeliveryCounts) -> None:
        if counts.planned == 4:
            raise RuntimeError("the terminal is gone")

    async with Setting(store, clock, Script(delay_s=0.01)) as setting:
        with pytest.raises(RuntimeError):
            await setting.deliverer.deliver_due(on_progress=on_progress)
        recorded = (await states(store))[DeliveryState.ACCEPTED]
        assert recorded == len(setting.server.received)
        assert (await setting.deliver()).accepted == 12 - recorded
    assert len({mail.message_id for mail in setting.server.received}) == len(setting.server.received) == 12


class Boot:
    """The seconds since the machine was started."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_process_that_is_slow_but_alive_keeps_its_work(store: SqlStore, clock: Clock) -> None:
    await plan(store, 5)
    boot = Boot()
    keeper = LeaseKeeper(store, POLICY.owner, POLICY.lease, boot)

    def on_progress(_: DeliveryCounts) -> None:
        boot.seconds += POLICY.lease.total_seconds() - 1

    async with Setting(store, clock, Script(), replace(POLICY, connections=1), leases=keeper) as setting:
        assert (await setting.deliver(on_progress=on_progress)).accepted == 5
    assert await store.leases() == []


async def test_a_process_that_lost_its_lease_begins_nothing_it_no_longer_holds(store: SqlStore, clock: Clock) -> None:
    await plan(store, 5)
    boot = Boot()
    taken: list[ClaimedDelivery] = []
    keeper = LeaseKeeper(store, POLICY.owner, POLICY.lease, boot)

    class TakenOver(SqlStore):
        async def record(self, *arguments: Any) -> list[int]:
            if not taken:  # the machine slept, and another process took the silent one's work over
                boot.seconds += 3600
                (lease,) = await store.leases()
                assert await store.end_lease(lease) == 5
                taken.extend(await store.claim("another", 10, POLICY.lease, clock()))
            return await super().record(*arguments)

    policy = replace(POLICY, connections=1)
    async with Setting(TakenOver(store.database), clock, Script(), policy, leases=keeper) as setting:
        counts = await setting.deliver()
        assert counts.accepted == counts.planned == len(setting.server.received) == 1
    assert len(taken) == 5
    assert await states(store) == {DeliveryState.ACCEPTED: 1, DeliveryState.SENDING: 4}
    assert [lease.owner for lease in await store.leases()] == ["another"]


async def test_a_process_that_sleeps_in_the_middle_of_a_dialogue_begins_no_text_that_is_anothers_by_now(
    store: SqlStore, clock: Clock
) -> None:
    await plan(store, 3)
    boot = Boot()
    taken: list[ClaimedDelivery] = []

    class TakenOver(SqlStore):
        async def renew(self, owner: str) -> bool:
            if not taken:
                (lease,) = await store.leases()
                assert await store.end_lease(lease) == 3
                taken.extend(await store.claim("another", 10, POLICY.lease, clock()))
            return await super().renew(owner)

    class Slept(PlainDigest):
        def compose(self, *arguments: Any) -> bytes:  # it is asked for its text once the claim was found to be ours
            boot.seconds += 3600
            return super().compose(*arguments)

    class Sleepy(PlainRenderer):
        def prepare(self, digest: Digest, papers: Mapping[int, Paper]) -> PlainDigest:
            super().prepare(digest, papers)
            return Slept(self._body)

    asleep = TakenOver(store.database)
    keeper = LeaseKeeper(asleep, POLICY.owner, POLICY.lease, boot)
    setting = Setting(asleep, clock, Script(), replace(POLICY, connections=1), leases=keeper)
    setting.renderer = Sleepy()
    async with setting:
        assert await setting.deliver() == DeliveryCounts(planned=1, deferred=1)
    assert setting.server.received == []
    assert "DATA" in [command.partition(" ")[0] for command in setting.server.commands]
    assert await states(store) == {DeliveryState.SENDING: 3}
    assert [lease.owner for lease in await store.leases()] == ["another"]
    (attempt,) = await store.attempts(taken[0].delivery.id)
    assert attempt.outcome.text == "not sent: it is no longer ours to send"


async def test_a_digest_gone_stale_before_its_first_attempt_expires_unsent(store: SqlStore, clock: Clock) -> None:
    await plan(store, 2)
    clock.time += timedelta(days=3)
    async with Setting(store, clock, Script(), replace(POLICY, staleness=timedelta(days=2))) as setting:
        counts = await setting.deliver()
    assert counts == DeliveryCounts(planned=2, expired=2)
    assert setting.server.received == []


async def test_attempts_tell_the_whole_story(store: SqlStore, clock: Clock) -> None:
    await plan(store, 1)
    script = Script(replies={"rcpt": ["451 4.7.1 wait", "451 4.7.1 wait more"]})
    async with Setting(store, clock, script) as setting:
        for _ in range(3):
            await setting.deliver()
            clock.time += timedelta(minutes=15)
    [delivery] = await store.list_deliveries()
    story: list[Attempt] = await store.attempts(delivery.id)
    assert [(attempt.number, attempt.outcome.code) for attempt in story] == [(1, 451), (2, 451), (3, 250)]


async def test_nothing_is_sent_while_sending_is_paused_and_all_of_it_afterwards(store: SqlStore, clock: Clock) -> None:
    await plan(store, 7)
    await store.pause(Pause(PauseScope.ALL, "", "moving", PLANNED_AT))
    async with Setting(store, clock, Script()) as setting:
        counts = await setting.deliver()
        assert counts.refusal == "sending is paused since 2026-03-02 07:00 UTC (moving); `newsletter unpause` goes on"
        assert (counts.planned, setting.server.received) == (0, [])
        assert await states(store) == {DeliveryState.PLANNED: 7}
        await store.unpause(PauseScope.ALL, "")
        clock.time += timedelta(seconds=10)
        assert (await setting.deliver()).accepted == 7


async def test_a_pause_stops_a_run_that_has_begun(store: SqlStore, clock: Clock) -> None:
    await plan(store, 40)
    pausing: list[asyncio.Task[bool]] = []

    def on_progress(counts: DeliveryCounts) -> None:
        clock.time += timedelta(seconds=1)
        if counts.planned >= 3 and not pausing:
            pause = Pause(PauseScope.ALL, "", "", PLANNED_AT)
            pausing.append(asyncio.get_running_loop().create_task(store.pause(pause)))

    async with Setting(store, clock, Script(delay_s=0.02)) as setting:
        counts = await setting.deliver(on_progress=on_progress)
    assert "sending is paused" in counts.refusal
    assert 3 <= counts.accepted < 40
    assert await states(store) == {
        DeliveryState.ACCEPTED: counts.accepted,
        DeliveryState.PLANNED: 40 - counts.accepted,
    }


async def test_a_store_from_elsewhere_sends_nothing_until_it_is_told(store: SqlStore, clock: Clock) -> None:
    await plan(store, 3)
    async with store.database.write() as connection:
        connection_row = {"id": 1, "fingerprint": "of another machine", "place": "there", "sealed_at": PLANNED_AT}
        await connection.execute(insert(seals), connection_row)
    async with Setting(store, clock, Script()) as setting:
        counts = await setting.deliver()
        assert "the store is sealed" in counts.refusal
        assert setting.server.received == []
        await store.settle_here(clock.time, moving=True)
        clock.time += timedelta(seconds=10)
        assert (await setting.deliver()).accepted == 3


async def test_digests_with_a_paused_profile_wait_and_the_others_go(store: SqlStore, clock: Clock) -> None:
    people = await store.apply_drafts(
        [draft(f"{name}@example.org") for name in ("ada", "bob", "eve")],
        Consent("test", PLANNED_AT),
        Origin.STORE,
        PLANNED_AT,
    )
    assert people[0] == 3
    held = [("vision",), ("robots",), ("vision", "robots")]
    planned = [
        PlannedDelivery(
            person.id,
            Digest(IssueKind.DIGEST, PLANNED_AT.date(), tuple(Section(name, name, "all", ()) for name in names), 0),
            PLANNED_AT,
            f"<{person.id}@news.example>",
            0,
        )
        for person, names in zip(await store.list_subscribers(), held, strict=True)
    ]
    assert await store.plan(planned, {}, PLANNED_AT) == 3
    await store.pause(Pause(PauseScope.PROFILE, "vision", "", PLANNED_AT))
    policy = replace(POLICY, batch=1)  # the first batch waits as a whole, and does not end the run
    async with Setting(store, clock, Script(), policy) as setting:
        counts = await setting.deliver()
        assert (counts.accepted, counts.held) == (1, 2)
        assert [mail.recipient for mail in setting.server.received] == ["bob@example.org"]
        waiting = await store.list_deliveries(state=DeliveryState.PLANNED)
        assert [item.attempts for item in waiting] == [0, 0]
        assert await setting.deliver() == DeliveryCounts()
        await store.unpause(PauseScope.PROFILE, "vision")
        clock.time += timedelta(seconds=10)
        assert (await setting.deliver()).accepted == 2


NEVER = replace(POLICY, retry=RetryPolicy(resend_unknown=False))


async def test_what_may_have_arrived_is_never_sent_again_where_that_is_the_choice(
    store: SqlStore, clock: Clock
) -> None:
    await plan(store, 5)
    async with Setting(store, clock, Script(replies={"dot": ["250 ok", "drop-after"]}), NEVER) as setting:
        counts = await setting.deliver()
        clock.time += timedelta(hours=1)
        assert await setting.deliver() == DeliveryCounts()
    assert counts == DeliveryCounts(planned=5, accepted=4, unknown=1)
    assert await states(store) == {DeliveryState.ACCEPTED: 4, DeliveryState.UNKNOWN: 1}
    assert len(setting.server.received) == len({mail.message_id for mail in setting.server.received}) == 5


async def test_a_refused_recipient_costs_no_beginning_and_a_full_disk_begins_nothing(
    store: SqlStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plan(store, 2)
    begun: list[list[int]] = []
    begin = store.begin

    async def counted(ids: Collection[int], owner: str, now: datetime) -> frozenset[int]:
        begun.append(sorted(ids))
        if len(begun) == 2:
            raise StoreFullError("the disk is full")
        return await begin(ids, owner, now)

    monkeypatch.setattr(store, "begin", counted)
    script = Script(recipients={"reader0@example.org": "451 4.2.0 greylisted"})
    async with Setting(store, clock, script, replace(NEVER, connections=1)) as setting:
        await setting.deliver()
        assert begun == [[2]]
        script.recipients.clear()
        clock.time += timedelta(minutes=7)
        with pytest.raises(StoreFullError):
            await setting.deliver()
        assert len(setting.server.received) == 1
        assert await setting.deliver() == DeliveryCounts(planned=1, accepted=1)
    assert [mail.recipient for mail in setting.server.received] == ["reader1@example.org", "reader0@example.org"]


async def test_beginnings_of_many_senders_share_a_commit(
    store: SqlStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plan(store, 60)
    commits: list[int] = []
    begin = store.begin

    async def counted(ids: Collection[int], owner: str, now: datetime) -> frozenset[int]:
        commits.append(len(ids))
        return await begin(ids, owner, now)

    monkeypatch.setattr(store, "begin", counted)
    async with Setting(store, clock, Script(), replace(NEVER, connections=10)) as setting:
        assert await setting.deliver() == DeliveryCounts(planned=60, accepted=60)
    assert sum(commits) == 60
    assert max(commits) > 1
