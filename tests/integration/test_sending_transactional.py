"""Transactional mails on their way: to whom they may go, by what they are, and what comes back of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from newsletter.core.deliveries import may_get
from newsletter.model import (
    DeliveryState,
    IssueKind,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
    TransactionalMail,
)
from newsletter.service.deliver import Deliverer, DeliveryCounts, DeliveryPolicy
from tests.support.deliveries import PLANNED_AT, SENDER, PlainRenderer, make_store, plan
from tests.support.returned import Desk, path_of, returned
from tests.support.smtp_server import Script, SmtpServer
from tests.support.stored import address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from newsletter.store.sql import SqlStore

from newsletter.mail.smtp import Relay, SmtpTransport, Tls

POLICY = DeliveryPolicy(lambda _: SENDER, owner="test", connections=1)
CONFIRMATION = IssueKind.CONFIRMATION


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    yield store
    await store.aclose()


async def deliver(store: SqlStore, server: SmtpServer) -> DeliveryCounts:
    transport = SmtpTransport(Relay(port=server.port, tls=Tls.NONE, connections=1, timeout_s=5, local_hostname="x"))
    try:
        return await Deliverer(store, PlainRenderer(), transport, POLICY, lambda: PLANNED_AT).deliver_due()
    finally:
        await transport.aclose()


def mail(who: int, kind: IssueKind, **said: object) -> TransactionalMail:
    return TransactionalMail(who, kind, f"<{who}.{kind}@news.example>", **said)  # type: ignore[arg-type]


async def readers(store: SqlStore, count: int) -> list[int]:
    await plan(store, count)
    await store.record([], PLANNED_AT)
    return sorted({each.subscriber_id for each in await store.list_deliveries()})


@pytest.mark.parametrize("kind", [kind for kind in IssueKind if kind.is_transactional])
async def test_a_status_is_sent_what_is_meant_for_it_and_no_digest_but_to_active_ones(
    store: SqlStore, kind: IssueKind
) -> None:
    people = await readers(store, len(SubscriberStatus))
    for who, status in zip(people, SubscriberStatus, strict=True):
        await store.set_status(who, status, "", PLANNED_AT)
        await store.plan_transactional([mail(who, kind)], PLANNED_AT)
    async with SmtpServer() as server:
        await deliver(store, server)
    sent = {each.subscriber_id: each.kind for each in await store.list_deliveries(state=DeliveryState.ACCEPTED)}
    meant = [who for who, status in zip(people, SubscriberStatus, strict=True) if may_get(kind, status)]
    digest_to = people[list(SubscriberStatus).index(SubscriberStatus.ACTIVE)]
    assert sorted(sent) == sorted({*meant, digest_to})
    assert len(server.received) == len(meant) + 1
    refused = await store.list_deliveries(state=DeliveryState.SUPPRESSED)
    assert all("not sent: the subscriber is" in each.reply_text for each in refused)


async def test_a_suppressed_recipient_gets_nothing_whoever_the_subscriber_is(store: SqlStore) -> None:
    (who,) = await readers(store, 1)
    reason = SuppressionReason.COMPLAINT
    await store.suppress(
        [Suppression(SuppressionKind.ADDRESS, "new@example.org", reason, "called it spam", "x", PLANNED_AT)]
    )
    for name in ("new", "other"):
        change = mail(who, IssueKind.ADDRESS_CHANGE, recipient=address(name))
        await store.plan_transactional([change], PLANNED_AT)
    async with SmtpServer() as server:
        await deliver(store, server)
    assert [each.recipient for each in server.received] == ["other@example.org", "reader0@example.org"]


async def test_who_was_erased_is_asked_and_gets_nothing_else(store: SqlStore) -> None:
    who, pending = await readers(store, 2)
    await store.set_status(pending, SubscriberStatus.PENDING, "", PLANNED_AT)
    await store.plan_transactional([mail(pending, CONFIRMATION)], PLANNED_AT)
    for each in (who, pending):
        value = store.fingerprints.of((await store.subscriber(each)).address.key)
        await store.suppress([Suppression(SuppressionKind.HASH, value, SuppressionReason.ERASED, "", "x", PLANNED_AT)])
    async with SmtpServer() as server:
        await deliver(store, server)
    assert [each.kind for each in await store.list_deliveries(state=DeliveryState.ACCEPTED)] == [CONFIRMATION]
    refused = {each.reply_text for each in await store.list_deliveries(state=DeliveryState.SUPPRESSED)}
    assert "not sent: the hash is suppressed: erased" in refused


async def test_a_bad_new_address_says_nothing_of_the_old_one(store: SqlStore) -> None:
    (who,) = await readers(store, 1)
    await store.plan_transactional([mail(who, IssueKind.ADDRESS_CHANGE, recipient=address("new"))], PLANNED_AT)
    async with SmtpServer(Script(always={"rcpt": "550 5.1.1 No such user"})) as server:
        await deliver(store, server)
    (bounced,) = [each for each in await store.list_bounces() if each.subscriber_id is None]
    assert bounced.text == "550 5.1.1 No such user"


async def test_a_report_about_a_new_address_leaves_the_subscriber_alone(store: SqlStore) -> None:
    (who,) = await readers(store, 1)
    await store.plan_transactional([mail(who, IssueKind.ADDRESS_CHANGE, recipient=address("new"))], PLANNED_AT)
    (delivery,) = [each for each in await store.list_deliveries() if each.kind.is_transactional]
    desk = Desk(store)
    await desk(returned(path_of(delivery.id)), (), "maildir")
    assert (desk.taken[0].subscriber_id, desk.taken[0].delivery_id) == (None, delivery.id)
    assert (await store.subscriber(who)).status is SubscriberStatus.ACTIVE
