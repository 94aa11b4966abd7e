"""Whom a report is about: believed by what only we can have signed, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from newsletter.bounces.returned import read_returned
from newsletter.core.verp import MailKind, ReturnPaths
from newsletter.model import BounceKind, Report, SubscriberStatus
from tests.support.deliveries import make_store, plan
from tests.support.returned import LINKS, Desk, path_of, returned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from newsletter.model import Delivery
    from newsletter.store.sql import SqlStore

PLAIN = "bounces@news.example"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    yield store
    await store.aclose()


@pytest.fixture
async def deliveries(store: SqlStore) -> list[Delivery]:
    await plan(store, 3)
    return sorted(await store.list_deliveries(), key=lambda delivery: delivery.subscriber_id)


async def status_of(store: SqlStore, delivery: Delivery) -> SubscriberStatus:
    return (await store.subscriber(delivery.subscriber_id)).status


async def test_a_signed_return_path_tells_which_mail_came_back(store: SqlStore, deliveries: list[Delivery]) -> None:
    desk = Desk(store)
    await desk(returned(path_of(deliveries[1].id).upper()), (), "maildir")
    [taken] = desk.taken
    assert (taken.kind, taken.delivery_id, taken.is_new) == (BounceKind.HARD, deliveries[1].id, True)
    assert [await status_of(store, each) for each in deliveries] == [
        SubscriberStatus.ACTIVE,
        SubscriberStatus.BOUNCED,
        SubscriberStatus.ACTIVE,
    ]


async def test_forged_return_paths_are_refused(store: SqlStore, deliveries: list[Delivery]) -> None:
    good = path_of(deliveries[0].id)
    local = good.partition("@")[0]
    other = path_of(deliveries[1].id).partition("@")[0]
    stranger = ReturnPaths("the secret of another", "bounces", "news.example")
    forged = [
        f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@news.example",
        f"{local[:-4]}@news.example",
        f"{other[:-24]}{local[-24:]}@news.example",
        good.replace("+d", "+p"),
        good.replace("news.example", "evil.example"),
        stranger.make(MailKind.ISSUE, deliveries[0].id),
        f"bounces+{deliveries[0].id}@news.example",
        "bounces+reader0=example.org@news.example",
    ]
    desk = Desk(store)
    for address in forged:
        await desk(returned(address), (), "maildir")
    assert [taken.is_identified for taken in desk.taken] == [False] * len(forged)
    assert len(await store.list_bounces()) == len(forged)  # counted, and nothing else
    assert {await status_of(store, each) for each in deliveries} == {SubscriberStatus.ACTIVE}
    assert await store.list_suppressions() == []


async def test_our_signed_unsubscribe_link_in_a_returned_mail_tells_whose_it_was(
    store: SqlStore, deliveries: list[Delivery]
) -> None:
    mail = deliveries[2]
    link = LINKS.unsubscribe_url(mail.subscriber_id)
    original = f"Message-ID: {mail.message_id}\nList-Unsubscribe: <{link}>\n"
    desk = Desk(store)
    await desk(returned(PLAIN, original=original), (), "imap")
    [taken] = desk.taken
    assert (taken.subscriber_id, taken.delivery_id) == (mail.subscriber_id, mail.id)
    assert await status_of(store, mail) is SubscriberStatus.BOUNCED


async def test_a_forged_unsubscribe_link_tells_nothing(store: SqlStore, deliveries: list[Delivery]) -> None:
    link = LINKS.unsubscribe_url(deliveries[0].subscriber_id)
    forged = link[:-2] + ("AA" if not link.endswith("AA") else "BB")
    desk = Desk(store)
    await desk(returned(PLAIN, original=f"List-Unsubscribe: <{forged}>\n"), (), "imap")
    assert not desk.taken[0].is_identified


async def test_a_message_id_counts_only_with_the_address_that_it_went_to(
    store: SqlStore, deliveries: list[Delivery]
) -> None:
    desk = Desk(store)
    for delivery in (deliveries[1], deliveries[0]):  # the report is about reader0
        await desk(returned(PLAIN, code="5.1.1", original=f"Message-ID: {delivery.message_id}\n"), (), "imap")
    assert [taken.delivery_id for taken in desk.taken] == [None, deliveries[0].id]


async def test_an_address_alone_tells_nothing_unless_a_provider_signed_it(
    store: SqlStore, deliveries: list[Delivery]
) -> None:
    desk = Desk(store)
    report = Report(BounceKind.HARD, "x", recipients=("reader0@example.org",))
    assert not (await desk.desk.take(report, "maildir")).is_identified
    vouched = replace(report, fingerprint="y", is_vouched=True)
    assert (await desk.desk.take(vouched, "postmark")).subscriber_id == deliveries[0].subscriber_id


async def test_the_same_mail_counts_once_whoever_tells_of_it(store: SqlStore, deliveries: list[Delivery]) -> None:
    desk, path = Desk(store), path_of(deliveries[0].id)
    for source in ("lmtp", "imap", "maildir"):
        await desk(returned(path, code="5.2.2", diagnosis=f"552 5.2.2 full, says {source}"), (), source)
    assert [taken.is_new for taken in desk.taken] == [True, False, False]
    assert (await store.scores([deliveries[0].subscriber_id]))[deliveries[0].subscriber_id].value == 1
    await desk(returned(path), (), "lmtp")  # and then for good
    assert await status_of(store, deliveries[0]) is SubscriberStatus.BOUNCED


async def test_a_complaint_unsubscribes(store: SqlStore, deliveries: list[Delivery]) -> None:
    mail = (
        "From: fbl@provider.example\nTo: x@y.test\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x\nVersion: 1\n"
        f"Original-Mail-From: {path_of(deliveries[0].id)}\n\n--b--\n"
    )
    desk = Desk(store)
    await desk(mail.encode(), (), "imap")
    assert await status_of(store, deliveries[0]) is SubscriberStatus.UNSUBSCRIBED
    [suppression] = await store.list_suppressions()
    assert suppression.reason.value == "complaint"


async def test_what_is_no_failure_is_not_kept(store: SqlStore, deliveries: list[Delivery]) -> None:
    desk = Desk(store)
    await desk(returned(path_of(deliveries[0].id), action="delayed"), (), "lmtp")
    assert desk.taken[0].kind is None
    assert await store.list_bounces() == []


async def test_a_mail_of_somebody_who_was_removed_changes_nothing(store: SqlStore, deliveries: list[Delivery]) -> None:
    await store.remove_subscriber("reader0@example.org")
    desk = Desk(store)
    await desk(returned(path_of(deliveries[0].id)), (), "lmtp")
    assert not desk.taken[0].is_identified


async def test_examining_tells_what_taking_would_do_and_does_nothing(
    store: SqlStore, deliveries: list[Delivery]
) -> None:
    desk = Desk(store).desk
    report = read_returned(returned(path_of(deliveries[0].id)))
    taken = await desk.examine(report, "command-line")
    assert taken.verdict is not None
    assert taken.verdict.status is SubscriberStatus.BOUNCED
    assert await store.list_bounces() == []
    assert await status_of(store, deliveries[0]) is SubscriberStatus.ACTIVE
