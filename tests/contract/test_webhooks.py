"""The outbox: what happens is told in the transaction in which it happens, and nothing else is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import NotFoundError
from newsletter.model import (
    Bounce,
    BounceKind,
    DeliveryState,
    EventKind,
    Origin,
    Posted,
    PostingState,
    SubscriberStatus,
    Verdict,
    WantedWebhook,
)
from newsletter.store.sql import open_store
from tests.support.stored import CONSENT, NOW, TODAY, add_papers, add_people, at, digest_of, draft, planned, settle

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import Posting
    from newsletter.store.sql import SqlStore

EVERYTHING = frozenset(EventKind) - {EventKind.TEST}
CRM = WantedWebhook("crm", EVERYTHING, with_address=True)
SHOP = WantedWebhook("shop", frozenset({EventKind.UNSUBSCRIBED}))
CLAIM = timedelta(seconds=30)
REFUSED = Posted(500, "refused")


def later(failures: int) -> datetime:
    return at(failures + 1)


async def told(store: SqlStore, webhook: str = "crm") -> list[tuple[str, int | None, str | None]]:
    found = await store.list_postings(webhook=webhook)
    return [(each.kind.value.partition(".")[2], each.subscriber_id, each.address) for each in reversed(found)]


async def waiting(store: SqlStore, count: int = 1) -> list[Posting]:
    await store.sync_webhooks([CRM], NOW)
    return [await store.put_test("crm", at(number / 100)) for number in range(count)]


async def test_a_subscription_is_told_from_its_beginning_to_its_end(store: SqlStore) -> None:
    await store.sync_webhooks([CRM, SHOP], NOW)
    pending = draft("ada", status=SubscriberStatus.PENDING)
    ada = (await store.add_subscriber(pending, CONSENT, Origin.STORE, at(1))).id
    for status in (SubscriberStatus.ACTIVE, SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED, SubscriberStatus.ACTIVE):
        await store.set_status(ada, status, "", at(2))
    await store.set_status(ada, SubscriberStatus.UNSUBSCRIBED, "by page", at(3))
    assert (await store.list_postings())[0].data == {"status": "unsubscribed", "reason": "by page"}
    await store.set_status(ada, SubscriberStatus.ACTIVE, "undone", at(4))
    await store.edit_subscriber("ada@example.org", draft("ada", zone="Asia/Tokyo"), at(5))
    await store.remove_subscriber("ada@example.org")
    whom = (ada, "ada@example.org")
    expected = ["subscribed", "confirmed", "unsubscribed", "subscribed", "unsubscribed"]
    assert await told(store) == [*((name, ada, None) for name in expected[:-1]), (expected[-1], *whom)]
    assert await told(store, "shop") == [("unsubscribed", ada, None)] * 2
    first, second = await store.list_postings(webhook="shop")
    assert (second.data, second.occurred_at) == ({}, at(3))
    assert first.data["reason"] == "removed"
    ids = {each.event_id for each in await store.list_postings()}
    assert len(ids) == 7


async def test_bounces_and_complaints_are_told_once(store: SqlStore) -> None:
    await store.sync_webhooks([CRM], NOW)
    [ada] = await add_people(store, "ada")
    for kind, key in ((BounceKind.SOFT, "1"), (BounceKind.SOFT, "1"), (BounceKind.COMPLAINT, "2")):
        bounce = Bounce(kind, "dsn", at(1), key, ada, enhanced_code="4.2.2")
        await store.record_bounce(bounce, lambda _: Verdict())
    await store.record_bounce(Bounce(BounceKind.HARD, "dsn", at(1), "of nobody"), lambda _: Verdict())
    assert [each[0] for each in await told(store)] == ["subscribed", "bounced", "complained"]
    bounced = (await store.list_postings())[1]
    assert {"kind": "soft", "enhanced_code": "4.2.2", "source": "dsn"}.items() <= bounced.data.items()


async def test_what_is_undone_was_never_told(store: SqlStore) -> None:
    await store.sync_webhooks([CRM], NOW)

    def refuse(_: object) -> Verdict:
        raise ZeroDivisionError

    [ada] = await add_people(store, "ada")
    with pytest.raises(ZeroDivisionError):
        await store.record_bounce(Bounce(BounceKind.HARD, "dsn", at(1), "1", ada), refuse)
    assert [each[0] for each in await told(store)] == ["subscribed"]


async def test_nobody_is_told_who_is_not_wanted(store: SqlStore) -> None:
    await add_people(store, "before")
    assert await store.sync_webhooks([SHOP], NOW)
    assert not await store.sync_webhooks([SHOP], at(1))
    await add_people(store, "ada")
    await store.remove_subscriber("ada@example.org")
    assert [each[0] for each in await told(store, "shop")] == ["unsubscribed"]
    assert await store.sync_webhooks([], at(2))
    await store.remove_subscriber("before@example.org")
    [left] = await store.list_postings()
    assert (left.state, left.fault) == (PostingState.FAILED, "the webhook is no longer in the configuration")
    with pytest.raises(NotFoundError):
        await store.put_test("shop", NOW)


async def test_an_issue_is_told_once_nothing_of_it_is_on_its_way(store: SqlStore) -> None:
    await store.sync_webhooks([CRM], NOW)
    papers, people = await add_papers(store, 2), await add_people(store, "ada", "bob")
    await store.plan([planned(each, digest_of(papers[0])) for each in people], {}, NOW)
    assert await store.tell_issues(NOW) == 0
    await settle(store, DeliveryState.DEFERRED)
    assert await store.tell_issues(at(2)) == 0
    await settle(store, DeliveryState.ACCEPTED, minutes=20, number=2)
    assert await store.tell_issues(at(21)) == 1
    assert await store.tell_issues(at(22)) == 0
    issue = (await store.list_postings())[0]
    assert issue.kind is EventKind.ISSUE_SENT
    assert issue.data["issue_date"] == TODAY.isoformat()
    assert (issue.data["planned"], issue.data["accepted"], issue.data["forgotten"]) == (2, 2, 0)
    [eve] = await add_people(store, "eve")  # whose hour comes later
    await store.plan([planned(eve, digest_of(papers[1]))], {}, at(30))
    await settle(store, DeliveryState.REJECTED, minutes=31)
    assert await store.tell_issues(at(32)) == 1
    data = (await store.list_postings())[0].data
    assert data["planned"] == 3 == data["accepted"] + data["rejected"]


async def test_an_issue_from_before_a_webhook_is_not_told_to_it(store: SqlStore) -> None:
    papers, people = await add_papers(store, 1), await add_people(store, "ada")
    await store.plan([planned(people[0], digest_of(papers[0]))], {}, NOW)
    await settle(store, DeliveryState.ACCEPTED)
    await store.sync_webhooks([CRM], at(5))
    assert await store.tell_issues(at(6)) == 0


async def test_what_is_claimed_is_nobody_elses_until_its_time_is_over(store: SqlStore, store_url: str) -> None:
    await waiting(store, 6)
    other = open_store(store_url)
    both = await asyncio.gather(*(each.claim_postings("crm", 3, CLAIM, at(1)) for each in (store, other)))
    ids = [posting.id for claimed in both for posting in claimed]
    assert len(ids) == len(set(ids)) >= 3
    assert not {each.id for each in await other.claim_postings("crm", 9, CLAIM, at(1.2))} & set(ids)
    again = await other.claim_postings("crm", 9, CLAIM, at(2))  # as after a kill -9
    assert len(again) == 6
    await other.aclose()


async def test_what_was_taken_is_over_and_forgets_the_address(store: SqlStore) -> None:
    await store.sync_webhooks([CRM], NOW)
    await add_people(store, "ada")
    [posting] = await store.claim_postings("crm", 9, CLAIM, at(1))
    assert posting.address == "ada@example.org"
    await store.settle_posting(posting, Posted(204), None, later, at(1))
    await store.settle_posting(posting, REFUSED, at(9), later, at(2))  # whoever was late changes nothing of it
    [kept] = await store.list_postings()
    assert (kept.state, kept.attempts, kept.address, kept.ready_at) == (PostingState.ACCEPTED, 1, None, None)


async def test_a_webhook_that_fails_is_left_alone_and_then_tried_by_one(store: SqlStore) -> None:
    await waiting(store, 4)
    claimed = await store.claim_postings("crm", 3, CLAIM, at(1))
    for each in claimed:
        await store.settle_posting(each, REFUSED, at(1.1), lambda failures: at(5 + failures), at(1))
    [standing] = await store.webhook_standings()
    assert (standing.failures, standing.retry_at, standing.failing_since) == (1, at(5), at(1))  # once for all three
    assert (standing.waiting, standing.failed, standing.fault) == (4, 0, "refused")
    assert await store.claim_postings("crm", 9, CLAIM, at(4)) == []
    [one] = await store.claim_postings("crm", 9, CLAIM, at(5))
    await store.settle_posting(one, Posted(200), None, later, at(5))
    [standing] = await store.webhook_standings()
    assert (standing.failures, standing.retry_at, standing.accepted_at) == (0, None, at(5))
    assert len(await store.claim_postings("crm", 9, CLAIM, at(6))) == 3


async def test_what_came_too_late_is_kept_and_told_again_when_somebody_says_so(store: SqlStore) -> None:
    [test] = await waiting(store)
    await store.claim_postings("crm", 1, CLAIM, at(1))
    await store.settle_posting(test, REFUSED, None, later, at(1))
    [failed] = await store.list_postings(state=PostingState.FAILED)
    assert (failed.fault, failed.finished_at) == ("refused", at(1))
    assert await store.retry_postings(lambda each: each.id == failed.id, at(1.5)) == 1
    [again] = await store.claim_postings("crm", 1, CLAIM, at(1.5))
    assert (again.event_id, again.since) == (failed.event_id, at(1.5))


async def test_who_is_gone_is_forgotten_with_what_could_not_be_told(store: SqlStore) -> None:
    await store.sync_webhooks([WantedWebhook("crm", frozenset({EventKind.SUBSCRIBED}), with_address=True)], NOW)
    await add_people(store, "ada", "bob")
    await store.remove_subscriber("ada@example.org")
    for posting in await store.claim_postings("crm", 9, CLAIM, at(1)):
        await store.settle_posting(posting, REFUSED, None, later, at(1))
    assert [each.address for each in await store.list_postings()] == ["bob@example.org", None]
    assert await store.forget_postings(at(1)) == 0
    assert await store.forget_postings(at(2)) == 2
