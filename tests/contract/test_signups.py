"""Sign-ups: with their mail or not at all, applied once, and forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from newsletter.core.deliveries import holds_back
from newsletter.core.signups import answer_to
from newsletter.errors import NotFoundError
from newsletter.model import (
    DeliveryState,
    IssueKind,
    Keyword,
    Origin,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
    Weekday,
)
from tests.support.stored import CONSENT, NOW, TODAY, address, at, digest_of, draft, planned

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.store.sql import SqlStore

CHOICES = replace(
    draft("ada", zone="Europe/Berlin", send_at_local=time(6, 30), weekday=Weekday.FRIDAY, language="de"),
    profiles=("ml", "vision"),
    keywords=(Keyword("protein folding", 2.0),),
)
DAY = timedelta(days=1)


async def sign_up(store: SqlStore, now: datetime = NOW, *, most: int = 2, **said: object) -> IssueKind | None:
    choices = replace(CHOICES, **said)  # type: ignore[arg-type]
    return await store.sign_up(
        choices, "asked", "<x@example.org>", partial(answer_to, most_confirmations=most, now=now), now
    )


async def newest(store: SqlStore) -> int:
    (delivery, *_) = await store.list_deliveries()
    assert delivery.reference is not None
    return delivery.reference


async def test_who_is_new_is_pending_until_the_address_confirms(store: SqlStore) -> None:
    assert await sign_up(store) is IssueKind.CONFIRMATION
    who = await store.find_subscriber("ada@example.org")
    assert (who.status, who.consent.method) == (SubscriberStatus.PENDING, "sign-up")
    assert await store.new_subscribers(0, 10, NOW) == [], "no digest is due to who has not confirmed"
    (delivery,) = await store.list_deliveries()
    assert (delivery.kind, delivery.state, delivery.subscriber_id) == (
        IssueKind.CONFIRMATION,
        DeliveryState.PLANNED,
        who.id,
    )
    assert (await store.digest(delivery.digest_id)).language == "de"
    assert await store.confirm_signup(await newest(store), "confirmed", at(5))
    who = await store.find_subscriber("ada@example.org")
    assert (who.status, who.profiles, who.keywords) == (SubscriberStatus.ACTIVE, CHOICES.profiles, CHOICES.keywords)
    assert (who.zone, who.send_at_local, who.language) == ("Europe/Berlin", time(6, 30), "de")
    assert (who.consent.method, who.consent.given_at) == ("confirmed sign-up", at(5))
    assert who.consent.proof == "asked\nconfirmed"
    assert [each.id for each in await store.new_subscribers(0, 10, at(6))] == [who.id]


async def test_who_was_erased_may_sign_up_and_is_let_back_by_confirming(store: SqlStore) -> None:
    await sign_up(store)
    await store.erase_subscriber((await store.find_subscriber("ada@example.org")).id, NOW)
    assert await sign_up(store) is IssueKind.CONFIRMATION
    (left,) = await store.list_suppressions()
    assert left.kind is SuppressionKind.HASH
    assert holds_back(left, IssueKind.DIGEST)
    assert not holds_back(left, IssueKind.CONFIRMATION)
    assert await store.confirm_signup(await newest(store), "confirmed", at(5))
    assert await store.list_suppressions() == []


async def test_confirming_again_changes_nothing(store: SqlStore) -> None:
    await sign_up(store)
    number = await newest(store)
    assert await store.confirm_signup(number, "first", NOW)
    who = await store.find_subscriber("ada@example.org")
    await store.set_status(who.id, SubscriberStatus.UNSUBSCRIBED, "left", at(1))
    assert not await store.confirm_signup(number, "second", at(2))
    assert (await store.subscriber(who.id)).status is SubscriberStatus.UNSUBSCRIBED


async def test_who_left_comes_back_by_a_new_confirmation_alone(store: SqlStore) -> None:
    who = await store.add_subscriber(draft("ada", profiles=("old",)), CONSENT, Origin.FILE, NOW)
    await store.set_status(who.id, SubscriberStatus.UNSUBSCRIBED, "left the profile files", NOW)
    assert await sign_up(store) is IssueKind.CONFIRMATION
    before = await store.subscriber(who.id)
    assert (before.status, before.profiles) == (SubscriberStatus.UNSUBSCRIBED, ("old",)), "anybody may type an address"
    assert await store.confirm_signup(await newest(store), "confirmed", at(1))
    after = await store.subscriber(who.id)
    assert (after.status, after.profiles, after.origin) == (SubscriberStatus.ACTIVE, ("ml", "vision"), Origin.STORE)
    await store.sync_file_subscribers([], at(2))
    assert (await store.subscriber(who.id)).status is SubscriberStatus.ACTIVE


@pytest.mark.parametrize("days", [0, 1, 40])
async def test_who_comes_back_gets_a_digest_at_once_but_no_second_of_a_day(store: SqlStore, days: int) -> None:
    who = await store.add_subscriber(draft("ada"), CONSENT, Origin.STORE, NOW)
    await store.plan([planned(who.id, digest_of())], {}, NOW)
    await store.set_status(who.id, SubscriberStatus.UNSUBSCRIBED, "unsubscribed by page", NOW)
    back_at = NOW + days * DAY
    await sign_up(store, back_at, zone="UTC")
    assert await store.new_subscribers(0, 10, back_at) == [], "nothing before the address has agreed"
    assert await store.confirm_signup(await newest(store), "confirmed", back_at)
    assert [each.id for each in await store.new_subscribers(0, 10, back_at)] == ([who.id] if days else [])


async def test_who_is_subscribed_is_reminded_once_a_day(store: SqlStore) -> None:
    who = await store.add_subscriber(draft("ada", profiles=("old",)), CONSENT, Origin.STORE, NOW)
    assert [await sign_up(store, at(minutes)) for minutes in (0, 1, 1439, 1440)] == [
        *(IssueKind.REMINDER, None, None, IssueKind.REMINDER)
    ]
    assert (await store.subscriber(who.id)).profiles == ("old",)


async def test_an_address_gets_few_confirmations_a_day(store: SqlStore) -> None:
    asked = [await sign_up(store, at(minutes)) for minutes in (0, 1, 2, 1441)]
    assert asked == [IssueKind.CONFIRMATION, IssueKind.CONFIRMATION, None, IssueKind.CONFIRMATION]


@pytest.mark.parametrize(
    ("kind", "value"), [(SuppressionKind.ADDRESS, "ada@example.org"), (SuppressionKind.DOMAIN, "example.org")]
)
async def test_who_is_suppressed_gets_nothing_and_leaves_no_trace(
    store: SqlStore, kind: SuppressionKind, value: str
) -> None:
    await store.suppress([Suppression(kind, value, SuppressionReason.COMPLAINT, "", "x", NOW)])
    assert await sign_up(store) is None
    assert await store.find_subscribers(["ada@example.org"]) == {}
    assert await store.list_deliveries() == []


async def test_who_was_suppressed_meanwhile_is_not_subscribed(store: SqlStore) -> None:
    await sign_up(store)
    reason = SuppressionReason.COMPLAINT
    await store.suppress([Suppression(SuppressionKind.ADDRESS, "ada@example.org", reason, "", "x", NOW)])
    assert not await store.confirm_signup(await newest(store), "confirmed", at(1))
    assert (await store.find_subscriber("ada@example.org")).status is SubscriberStatus.PENDING


async def test_who_never_confirms_is_forgotten_and_counted(store: SqlStore) -> None:
    for name in ("ada", "bob", "eve"):
        await sign_up(store, address=address(name))
    await store.confirm_signup(await newest(store), "confirmed", NOW)
    await store.add_subscriber(draft("cyd", status=SubscriberStatus.PENDING), CONSENT, Origin.STORE, NOW)
    await sign_up(store, NOW + DAY, address=address("bob"))
    assert await store.forget_signups(NOW) == 0
    assert await store.forget_signups(NOW + timedelta(hours=1)) == 1
    assert set(await store.find_subscribers([f"{name}@example.org" for name in ("ada", "bob", "cyd", "eve")])) == {
        *("bob@example.org", "cyd@example.org", "eve@example.org")
    }
    with pytest.raises(NotFoundError):
        await store.signup(1)
    assert [sums.is_closed for sums in await store.issue_sums(TODAY)] == [True, True]
    assert (await store.issue_sums(TODAY))[0].forgotten == 1
    assert await store.forget_signups(NOW + 2 * DAY) == 1, "bob, whose last one is old by now"


async def test_nothing_is_kept_when_the_mail_cannot_be(store: SqlStore) -> None:
    def fails(_: object) -> IssueKind:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.sign_up(CHOICES, "asked", "<x@example.org>", fails, NOW)
    assert await store.find_subscribers(["ada@example.org"]) == {}
