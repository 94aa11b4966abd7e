"""What is suppressed after planning is not sent, and what the relay says at once is a bounce like any other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.core.verp import ReturnPaths
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import (
    BounceKind,
    DeliveryState,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
)
from newsletter.service.deliver import Deliverer, DeliveryCounts, DeliveryPolicy
from newsletter.wiring.bounces import sender_of
from tests.support.deliveries import PLANNED_AT, SENDER, PlainRenderer, make_store, plan
from tests.support.smtp_server import Script, SmtpServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from newsletter.store.sql import SqlStore

import pytest

POLICY = DeliveryPolicy(lambda _: SENDER, owner="test", connections=1)
PATHS = ReturnPaths("a secret of sixteen", "bounces", "news.example")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    yield store
    await store.aclose()


class Clock:
    def __init__(self) -> None:
        self.time = PLANNED_AT

    def __call__(self) -> datetime:
        return self.time


def suppression(value: str, kind: SuppressionKind = SuppressionKind.ADDRESS) -> Suppression:
    return Suppression(kind, value, SuppressionReason.COMPLAINT, "called a mail of ours spam", "ses", PLANNED_AT)


async def deliver(
    store: SqlStore, server: SmtpServer, clock: Clock, policy: DeliveryPolicy = POLICY, **hooks: object
) -> DeliveryCounts:
    relay = Relay(port=server.port, tls=Tls.NONE, connections=1, timeout_s=5, local_hostname="x")
    transport = SmtpTransport(relay)
    try:
        return await Deliverer(store, PlainRenderer(), transport, policy, clock).deliver_due(**hooks)  # type: ignore[arg-type]
    finally:
        await transport.aclose()


async def test_a_suppressed_address_gets_nothing_and_the_reason_is_kept(store: SqlStore) -> None:
    await plan(store, 3)
    await store.suppress([suppression("reader1@example.org")])
    async with SmtpServer() as server:
        counts = await deliver(store, server, Clock())
    assert counts == DeliveryCounts(planned=3, accepted=2, suppressed=1)
    [delivery] = await store.list_deliveries(state=DeliveryState.SUPPRESSED)
    assert delivery.reply_text == "not sent: the address is suppressed: complaint, called a mail of ours spam"
    assert sorted(mail.recipient for mail in server.received) == ["reader0@example.org", "reader2@example.org"]


async def test_a_suppressed_domain_gets_nothing(store: SqlStore) -> None:
    await plan(store, 3)
    await store.suppress([suppression("example.org", SuppressionKind.DOMAIN)])
    async with SmtpServer() as server:
        counts = await deliver(store, server, Clock())
    assert counts == DeliveryCounts(planned=3, suppressed=3)
    assert server.received == []


async def test_a_suppression_that_has_expired_keeps_nothing(store: SqlStore) -> None:
    await plan(store, 1)
    await store.suppress([replace(suppression("reader0@example.org"), expires_at=PLANNED_AT)])
    async with SmtpServer() as server:
        assert await deliver(store, server, Clock()) == DeliveryCounts(planned=1, accepted=1)


async def test_who_is_suppressed_between_claim_and_sending_gets_nothing(store: SqlStore) -> None:
    await plan(store, 2)
    clock, tasks = Clock(), []

    def on_progress(_: DeliveryCounts) -> None:
        clock.time += POLICY.recheck_after * 2  # the claims grow old

    class SlowRenderer(PlainRenderer):
        def prepare(self, *args: object) -> object:  # type: ignore[override]
            tasks.append(asyncio.create_task(store.suppress([suppression("example.org", SuppressionKind.DOMAIN)])))
            return super().prepare(*args)  # type: ignore[arg-type]

    async with SmtpServer(Script(delay_s=0.1)) as server:
        relay = Relay(port=server.port, tls=Tls.NONE, connections=1, timeout_s=5, local_hostname="x")
        transport = SmtpTransport(relay)
        deliverer = Deliverer(store, SlowRenderer(), transport, POLICY, clock)  # type: ignore[arg-type]
        counts = await deliverer.deliver_due(on_progress=on_progress)
        await transport.aclose()
    assert counts == DeliveryCounts(planned=2, accepted=1, suppressed=1)
    assert len(tasks) == 1


async def test_a_refusal_at_rcpt_is_a_hard_bounce_with_a_suppression(store: SqlStore) -> None:
    [reader] = await plan(store, 1)
    async with SmtpServer(Script(always={"rcpt": "550 5.1.1 no such user"})) as server:
        counts = await deliver(store, server, Clock())
    assert counts == DeliveryCounts(planned=1, rejected=1, bounced=1)
    subscriber = await store.subscriber(reader)
    assert subscriber.status is SubscriberStatus.BOUNCED
    [bounce] = await store.list_bounces()
    assert (bounce.kind, bounce.source, bounce.subscriber_id) == (BounceKind.HARD, "smtp", reader)
    [kept] = await store.list_suppressions()
    assert (kept.value, kept.reason, kept.source) == (subscriber.address.key, SuppressionReason.HARD_BOUNCE, "smtp")


async def expire(store: SqlStore, script: Script) -> None:
    """Try until the only delivery expires."""
    clock = Clock()
    async with SmtpServer(script) as server:
        while (due := await store.next_due_at()) is not None:
            clock.time = max(clock.time, due)
            await deliver(store, server, clock)
    [delivery] = await store.list_deliveries()
    assert delivery.state is DeliveryState.EXPIRED


async def test_a_mailbox_that_never_took_the_mail_counts_as_one_soft_bounce(store: SqlStore) -> None:
    [reader] = await plan(store, 1)
    await expire(store, Script(always={"rcpt": "452 4.2.2 mailbox full"}))
    assert (await store.scores([reader]))[reader].value == 1
    assert [bounce.kind for bounce in await store.list_bounces()] == [BounceKind.SOFT]
    assert (await store.subscriber(reader)).status is SubscriberStatus.ACTIVE


async def test_what_the_relay_is_to_blame_for_counts_for_nothing(store: SqlStore) -> None:
    [reader] = await plan(store, 1)
    replies = ["452 4.2.2 mailbox full"] * 2
    await expire(store, Script(replies={"rcpt": replies}, always={"rcpt": "421 4.7.0 slow down"}))
    assert await store.scores([reader]) == {}
    assert await store.list_bounces() == []


async def test_each_mail_has_a_return_path_of_its_own(store: SqlStore) -> None:
    await plan(store, 2)
    policy = replace(POLICY, envelope_sender=sender_of(PATHS, SENDER))
    script = Script(replies={"rcpt": ["451 4.7.1 greylisted"]})
    clock = Clock()
    async with SmtpServer(script) as server:
        await deliver(store, server, clock, policy)
        clock.time += timedelta(minutes=30)
        await deliver(store, server, clock, policy)
    deliveries = {each.message_id: each.id for each in await store.list_deliveries()}
    assert len(server.received) == 2
    for mail in server.received:
        returned = PATHS.read(mail.sender)
        assert returned is not None
        assert returned.delivery_id == deliveries[mail.message_id]


async def test_without_an_address_for_bounces_mail_comes_back_to_the_sender(store: SqlStore) -> None:
    await plan(store, 1)
    async with SmtpServer() as server:
        await deliver(store, server, Clock(), replace(POLICY, envelope_sender=sender_of(None, SENDER)))
    assert [mail.sender for mail in server.received] == [SENDER]
