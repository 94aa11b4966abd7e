"""With a real OpenSMTPD, which offers little and reports in its own way: sending through it, and what comes back."""

from __future__ import annotations

import asyncio
import smtplib
from typing import TYPE_CHECKING

import pytest

from newsletter.bounces.lmtp import LmtpReader, Place
from newsletter.core.address import parse_address
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import BounceKind, OutcomeKind, SubscriberStatus
from newsletter.service.deliver import Deliverer, DeliveryPolicy
from newsletter.wiring.bounces import sender_of
from tests.support.deliveries import PLANNED_AT, SENDER, PlainRenderer, make_store, plan
from tests.support.opensmtpd import OpenSmtpd, opensmtpd
from tests.support.returned import PATHS, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from newsletter.store.sql import SqlStore

READER = parse_address("reader@example.net")
DATED = "Date: Tue, 24 Nov 2026 06:00:00 +0000\r\nFrom: digest@news.example\r\nTo: reader@example.net\r\n"
MESSAGES = {
    f"<{number}@news.example>": f"{DATED}Message-ID: <{number}@news.example>\r\n\r\n.dot\r\n{number}\r\n"
    for number in range(5)
}


@pytest.fixture(scope="module")
def judge() -> Iterator[OpenSmtpd]:
    with opensmtpd() as judge:
        yield judge


def way_to(judge: OpenSmtpd) -> SmtpTransport:
    return SmtpTransport(Relay(host="127.0.0.1", port=judge.port, tls=Tls.NONE, local_hostname="x.example"))


async def test_mail_goes_through_a_server_that_takes_one_command_at_a_time(judge: OpenSmtpd) -> None:
    with smtplib.SMTP("127.0.0.1", judge.port, timeout=30) as client:
        client.ehlo("x.example")
        assert {"size", "8bitmime"} <= set(client.esmtp_features)
        assert not {"pipelining", "smtputf8"} & set(client.esmtp_features)
    way = way_to(judge)
    outcomes = [await way.send(message.encode(), SENDER, READER) for message in MESSAGES.values()]
    await way.aclose()
    assert {(each.kind, each.code) for each in outcomes} == {(OutcomeKind.ACCEPTED, 250)}
    async with asyncio.timeout(60):
        while judge.behind.messages.keys() < MESSAGES.keys():  # noqa: ASYNC110 (another process works)
            await asyncio.sleep(0.05)
    for message_id, message in MESSAGES.items():
        assert judge.behind.messages[message_id].endswith(message.encode())


async def test_an_address_that_needs_smtputf8_is_not_tried_there(judge: OpenSmtpd) -> None:
    way = way_to(judge)
    outcome = await way.send(b"Subject: Papers\r\n\r\nHello\r\n", SENDER, parse_address("论文@example.net"))
    await way.aclose()
    assert (outcome.kind, outcome.is_unknown) == (OutcomeKind.DEFERRED, False)
    assert "SMTPUTF8" in outcome.text


async def test_its_report_is_read_though_it_gives_the_code_in_words_alone(judge: OpenSmtpd, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    desk, reader = Desk(store), LmtpReader(Place(port=judge.lmtp_port), PATHS.is_ours)
    await reader.read(desk)
    judge.behind.answer = "550 5.1.1 no such user here"
    try:
        await comes_back(store, judge, desk)
    finally:
        judge.behind.answer = ""
        await reader.aclose()
    [delivery], [bounce] = await store.list_deliveries(), await store.list_bounces()
    assert (bounce.kind, bounce.enhanced_code) == (BounceKind.HARD, "5.1.1")
    assert (bounce.delivery_id, bounce.source) == (delivery.id, "lmtp")
    [subscriber] = await store.list_subscribers()
    assert subscriber.status is SubscriberStatus.BOUNCED
    await store.aclose()


async def comes_back(store: SqlStore, judge: OpenSmtpd, desk: Desk) -> None:
    """Send one mail that the next server refuses, and wait for the report."""
    await plan(store, 1)
    way = way_to(judge)
    policy = DeliveryPolicy(sender_of(PATHS, SENDER), owner="test", connections=1)
    counts = await Deliverer(store, PlainRenderer(), way, policy, lambda: PLANNED_AT).deliver_due()
    await way.aclose()
    assert counts.accepted == 1
    async with asyncio.timeout(60):
        await desk.arrived.wait()
