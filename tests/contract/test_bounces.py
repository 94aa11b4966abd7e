"""Bounces and suppressions, over each kind of store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import NotFoundError
from newsletter.model import (
    Bounce,
    BounceKind,
    BounceScore,
    DeliveryState,
    IssueKind,
    Standing,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
    Verdict,
)
from tests.support.stored import NOW, TODAY, add_papers, add_people, address, at, digest_of, planned, settle

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

ADDRESS, DOMAIN = SuppressionKind.ADDRESS, SuppressionKind.DOMAIN


def bounce(key: str = "one", **said: object) -> Bounce:
    values: dict[str, object] = {"kind": BounceKind.SOFT, "source": "lmtp", "recorded_at": NOW, "event_key": key}
    return Bounce(**(values | said))  # type: ignore[arg-type]


def suppression(value: str = "ada@example.org", kind: SuppressionKind = ADDRESS, **said: object) -> Suppression:
    plain = Suppression(kind, value, SuppressionReason.MANUAL, "asked by telephone", "command-line", NOW)
    return replace(plain, **said)  # type: ignore[arg-type]


def counted(standing: Standing) -> Verdict:
    return Verdict(BounceScore((standing.score.value if standing.score else 0) + 1, NOW))


async def test_a_bounce_is_kept_once_and_changes_something_once(store: SqlStore) -> None:
    [ada] = await add_people(store, "ada")
    assert await store.record_bounce(bounce(subscriber_id=ada, text="full"), counted) == Verdict(BounceScore(1, NOW))
    assert await store.record_bounce(bounce(subscriber_id=ada, text="full"), counted) is None
    assert await store.record_bounce(bounce("two", subscriber_id=ada), counted) == Verdict(BounceScore(2, NOW))
    assert await store.scores([ada, 999]) == {ada: BounceScore(2, NOW)}
    listed = await store.list_bounces()
    assert [each.event_key for each in listed] == ["two", "one"]
    assert (await store.bounce(listed[1].id or 0)).text == "full"


async def test_the_same_report_from_many_readers_at_once_counts_once(store: SqlStore) -> None:
    [ada] = await add_people(store, "ada")
    found = await asyncio.gather(*(store.record_bounce(bounce(subscriber_id=ada), counted) for _ in range(8)))
    assert sum(verdict is not None for verdict in found) == 1
    assert (await store.scores([ada]))[ada].value == 1


async def test_different_bounces_at_once_all_count(store: SqlStore) -> None:
    [ada] = await add_people(store, "ada")
    await asyncio.gather(*(store.record_bounce(bounce(str(n), subscriber_id=ada), counted) for n in range(8)))
    assert (await store.scores([ada]))[ada].value == 8


async def test_what_came_back_long_ago_is_forgotten_and_what_followed_stays(store: SqlStore) -> None:
    [ada] = await add_people(store, "ada")
    for hours in range(4):
        await store.record_bounce(bounce(str(hours), subscriber_id=ada, recorded_at=at(60 * hours)), counted)
    assert await store.forget_bounces(at(0)) == 0
    assert await store.forget_bounces(at(120)) == 2
    assert [each.event_key for each in await store.list_bounces()] == ["3", "2"]
    assert (await store.scores([ada]))[ada].value == 4


async def test_a_verdict_is_applied_with_the_bounce(store: SqlStore) -> None:
    [ada] = await add_people(store, "ada")
    await store.record_bounce(bounce("earlier", subscriber_id=ada), counted)
    verdict = Verdict(None, SubscriberStatus.BOUNCED, "5.1.1 gone", suppression(reason=SuppressionReason.HARD_BOUNCE))
    assert await store.record_bounce(bounce(subscriber_id=ada), lambda _: verdict) == verdict
    subscriber = await store.subscriber(ada)
    assert (subscriber.status, subscriber.status_reason) == (SubscriberStatus.BOUNCED, "5.1.1 gone")
    assert await store.scores([ada]) == {}
    assert list(await store.suppressed([address("ada")], NOW)) == ["ada@example.org"]


async def test_a_judge_that_fails_leaves_nothing_behind(store: SqlStore) -> None:
    [ada] = await add_people(store, "ada")

    def fails(_: Standing) -> Verdict:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.record_bounce(bounce(subscriber_id=ada), fails)
    assert await store.list_bounces() == []
    assert await store.record_bounce(bounce(subscriber_id=ada), counted) is not None


async def test_what_is_about_nobody_is_kept_and_asks_nobody(store: SqlStore) -> None:
    def never(_: Standing) -> Verdict:
        raise AssertionError

    assert await store.record_bounce(bounce(), never) == Verdict()
    assert await store.record_bounce(bounce("gone", subscriber_id=77, delivery_id=88), never) == Verdict()
    assert {(each.subscriber_id, each.delivery_id) for each in await store.list_bounces()} == {(None, None)}


async def test_the_standing_tells_of_a_probe(store: SqlStore) -> None:
    people = await add_people(store, "ada", "bob")
    await store.plan([planned(people[0], digest_of(kind=IssueKind.PROBE)), planned(people[1], digest_of())], {}, NOW)
    deliveries = {each.subscriber_id: each.id for each in await store.list_deliveries()}
    seen: list[bool] = []

    def look(standing: Standing) -> Verdict:
        seen.append(standing.is_probe)
        return Verdict()

    for who in people:
        await store.record_bounce(bounce(str(who), subscriber_id=who, delivery_id=deliveries[who]), look)
    assert seen == [True, False]


async def test_bounces_are_filtered(store: SqlStore) -> None:
    ada, bob = await add_people(store, "ada", "bob")
    await store.record_bounce(bounce("a", subscriber_id=ada), counted)
    await store.record_bounce(bounce("b", subscriber_id=bob, kind=BounceKind.HARD), counted)
    assert [each.event_key for each in await store.list_bounces(kind=BounceKind.HARD)] == ["b"]
    assert [each.event_key for each in await store.list_bounces(subscriber_id=ada)] == ["a"]
    assert len(await store.list_bounces(limit=1)) == 1
    with pytest.raises(NotFoundError):
        await store.bounce(4711)


async def test_a_delivery_is_found_by_its_message_id_and_its_subscriber(store: SqlStore) -> None:
    ada, bob = await add_people(store, "ada", "bob")
    await add_papers(store, 1)
    await store.plan([planned(ada, digest_of())], {}, NOW)
    message_id = f"{ada}.{TODAY}.digest@example.org"
    found = await store.find_by_message_id(ada, [f"{ada}.nonsense", message_id])
    assert found is not None
    assert found.message_id == f"<{message_id}>"
    assert await store.find_by_message_id(ada, [f"<{message_id}>"]) == found
    assert await store.find_by_message_id(ada, [str(found.id)]) == found
    assert await store.find_by_message_id(bob, [str(found.id)]) is None
    assert await store.find_by_message_id(ada, ["9" * 30, "-1", "x"]) is None
    assert await store.find_by_message_id(bob, [message_id]) is None
    assert await store.find_by_message_id(ada, []) is None


async def test_the_newest_probe_is_found(store: SqlStore) -> None:
    ada, bob = await add_people(store, "ada", "bob")
    await store.plan([planned(ada, digest_of(kind=IssueKind.PROBE))], {}, NOW)
    await settle(store, DeliveryState.ACCEPTED)
    tomorrow = digest_of(day=TODAY + timedelta(days=1), kind=IssueKind.PROBE)
    await store.plan([planned(ada, tomorrow), planned(bob, digest_of())], {}, at(60))
    probes = await store.probes([ada, bob])
    assert list(probes) == [ada]
    assert probes[ada].issue_date == tomorrow.issue_date


async def test_scores_can_be_forgotten(store: SqlStore) -> None:
    ada, bob = await add_people(store, "ada", "bob")
    for who in (ada, bob):
        await store.record_bounce(bounce(str(who), subscriber_id=who), lambda _: Verdict(BounceScore(6, NOW, NOW)))
    assert await store.forget_scores([ada, 999]) == 1
    assert await store.scores([ada, bob]) == {bob: BounceScore(6, NOW, NOW)}


async def test_bounces_leave_with_their_subscriber(store: SqlStore) -> None:
    [ada] = await add_people(store, "ada")
    await store.record_bounce(bounce(subscriber_id=ada), counted)
    await store.remove_subscriber("ada@example.org")
    assert await store.list_bounces() == []


async def test_addresses_and_domains_are_suppressed_until_they_expire(store: SqlStore) -> None:
    assert await store.suppress([suppression(), suppression("example.net", DOMAIN, expires_at=at(60))]) == 2
    elsewhere = replace(address("bob"), wire="bob@example.net", key="bob@example.net")
    people = [address("ada"), address("eve"), elsewhere]
    assert set(await store.suppressed(people, NOW)) == {"ada@example.org", "bob@example.net"}
    assert set(await store.suppressed(people, at(60))) == {"ada@example.org"}
    assert await store.suppressed([], NOW) == {}
    assert await store.count_suppressions(NOW) == {ADDRESS: 1, DOMAIN: 1, SuppressionKind.HASH: 0}
    assert await store.count_suppressions(at(60)) == {ADDRESS: 1, DOMAIN: 0, SuppressionKind.HASH: 0}


async def test_what_is_said_last_of_an_address_stands(store: SqlStore) -> None:
    assert await store.suppress([suppression()]) == 1
    assert await store.suppress([suppression(detail="again", expires_at=at(5)), suppression("bob@example.org")]) == 1
    [ada, bob] = await store.list_suppressions()
    assert (ada.detail, ada.expires_at, bob.value) == ("again", at(5), "bob@example.org")
    assert await store.unsuppress([(ADDRESS, "ada@example.org"), (DOMAIN, "bob@example.org")]) == 1
    assert [each.value for each in await store.list_suppressions()] == ["bob@example.org"]


async def test_suppressions_are_listed_in_pages(store: SqlStore) -> None:
    given = [suppression(f"reader{n}@example.org") for n in range(5)] + [suppression("example.net", DOMAIN)]
    await store.suppress(given)
    first = await store.list_suppressions(limit=4)
    rest = await store.list_suppressions(after=(first[-1].kind, first[-1].value))
    assert first + rest == given
    assert [each.value for each in await store.list_suppressions(text="Reader3")] == ["reader3@example.org"]


async def test_nothing_is_planned_for_who_is_suppressed(store: SqlStore) -> None:
    ada, bob, eve = await add_people(store, "ada", "bob", "eve")
    await store.suppress([suppression(), suppression("bob@example.org", expires_at=at(10))])
    assert [each.id for each in await store.new_subscribers(0, 10, NOW)] == [eve]
    assert [each.id for each in await store.new_subscribers(0, 10, at(10))] == [bob, eve]
    await store.skip([ada, bob, eve], TODAY - timedelta(days=1))
    [schedule] = await store.schedules()
    assert [each.id for each in await store.due_subscribers(schedule, TODAY, 0, 10, NOW)] == [eve]
    await store.suppress([suppression("example.org", DOMAIN)])
    assert await store.due_subscribers(schedule, TODAY, 0, 10, at(10)) == []


async def test_suppressions_are_found_by_kind_and_value_expired_or_not(store: SqlStore) -> None:
    old = suppression("example.com", DOMAIN, expires_at=at(-1))
    await store.suppress([suppression(), old])
    wanted = [(ADDRESS, "ada@example.org"), (DOMAIN, "example.com"), (ADDRESS, "example.com"), (DOMAIN, "x.test")]
    assert await store.find_suppressions(wanted) == {wanted[0]: suppression(), wanted[1]: old}
    assert await store.find_suppressions([]) == {}
