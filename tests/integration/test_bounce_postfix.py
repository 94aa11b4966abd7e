"""The whole way with a real mail server: Postfix cannot deliver, and hands its report to our listener."""

from __future__ import annotations

import asyncio
import re
import smtplib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newsletter.bounces.lmtp import LmtpReader, Place
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import BounceKind, SubscriberStatus
from newsletter.service.deliver import Deliverer, DeliveryPolicy
from newsletter.wiring.bounces import sender_of
from tests.support.deliveries import PLANNED_AT, SENDER, PlainRenderer, make_store, plan
from tests.support.postfix import free_port, postfix, smtp_sink
from tests.support.returned import PATHS, Desk, path_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from newsletter.service.bounces import Taken
    from newsletter.store.sql import SqlStore

ROOT = Path(__file__).resolve().parents[2]


def documented(lmtp_port: int) -> dict[str, str]:
    """Return the settings that docs/bounces.md has for the listener, for our domain and this port."""
    text = (ROOT / "docs" / "bounces.md").read_text()
    [block] = [block for block in re.findall(r"```ini\n(.*?)```", text, re.DOTALL) if "lmtp:" in block]
    block = block.replace("bounces.example.org", "news.example").replace("8024", str(lmtp_port))
    lines = [line.partition(" = ") for line in block.splitlines() if not line.startswith("#")]
    assert len(lines) > 3
    return {name: value for name, _, value in lines}


async def comes_back(store: SqlStore, answer: str) -> Taken:
    """Send one mail through a Postfix whose next server refuses its recipient so, and return what comes of it."""
    await plan(store, 1)
    lmtp_port = free_port()
    desk = Desk(store)
    reader = LmtpReader(Place(port=lmtp_port), PATHS.is_ours)
    try:
        await reader.read(desk)
        with smtp_sink("-f", "rcpt", "-B", answer) as sink:
            route = f"{{ example.org = smtp:[127.0.0.1]:{sink} }}"
            settings = documented(lmtp_port) | {"mynetworks": "127.0.0.0/8", "virtual_mailbox_domains": ""}
            settings["smtpd_relay_restrictions"] = "permit_mynetworks,reject"
            settings["transport_maps"] = settings["transport_maps"].replace("inline:{", f"inline:{{ {route},")
            with postfix(settings) as port:
                await send(store, port)
                async with asyncio.timeout(60):
                    await desk.arrived.wait()
    finally:
        await reader.aclose()
    return desk.taken[0]


async def send(store: SqlStore, port: int) -> None:
    policy = DeliveryPolicy(sender_of(PATHS, SENDER), owner="test", connections=1)
    way = SmtpTransport(Relay(host="127.0.0.1", port=port, tls=Tls.NONE, connections=1, local_hostname="x.example"))
    counts = await Deliverer(store, PlainRenderer(), way, policy, lambda: PLANNED_AT).deliver_due()
    await way.aclose()
    assert counts.accepted == 1


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    yield store
    await store.aclose()


async def test_what_the_next_server_refuses_comes_back_to_our_listener(store: SqlStore) -> None:
    taken = await comes_back(store, "552 5.2.2 mailbox full")
    [delivery] = await store.list_deliveries()
    assert (taken.kind, taken.delivery_id, taken.source) == (BounceKind.SOFT, delivery.id, "lmtp")
    assert (await store.scores([delivery.subscriber_id]))[delivery.subscriber_id].value == 1


async def test_an_address_that_the_next_server_does_not_know_is_suppressed(store: SqlStore) -> None:
    taken = await comes_back(store, "550 5.1.1 no such user here")
    assert taken.kind is BounceKind.HARD
    [subscriber] = await store.list_subscribers()
    assert subscriber.status is SubscriberStatus.BOUNCED
    [suppression] = await store.list_suppressions()
    assert (suppression.value, suppression.source) == (subscriber.address.key, "lmtp")


async def test_postfix_refuses_a_forged_return_path_at_the_door(store: SqlStore) -> None:
    await plan(store, 1)
    lmtp_port = free_port()
    reader = LmtpReader(Place(port=lmtp_port), PATHS.is_ours)
    [delivery] = await store.list_deliveries()
    real = path_of(delivery.id)
    try:
        await reader.read(Desk(store))
        with postfix(documented(lmtp_port) | {"address_verify_poll_delay": "1s"}) as port:
            answers = await asyncio.to_thread(offer, port, [real, real.replace("+d", "+p"), "x@news.example"])
    finally:
        await reader.aclose()
    assert answers == [250, 550, 550]


def offer(port: int, recipients: list[str]) -> list[int]:
    """Return what the server says to each recipient, once it has asked around."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="mx.elsewhere.test") as client:
        client.ehlo()
        client.mail("")
        found = []
        for recipient in recipients:
            code = 450
            while code == 450:  # it is still asking
                code = client.rcpt(recipient)[0]
            found.append(code)
        return found
