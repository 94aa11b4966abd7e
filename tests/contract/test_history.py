"""Days gone by: who came and left, how sources were, when issues were sent; and logins that were ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import insert

from newsletter.model import (
    Aspect,
    Bounce,
    BounceKind,
    DeliveryState,
    Health,
    Origin,
    ProfileVoices,
    SubscriberStatus,
    Verdict,
    VoteValue,
)
from newsletter.store.schema import clicks
from tests.support.stored import (
    CONSENT,
    NOW,
    TODAY,
    add_papers,
    add_people,
    arxiv_entry,
    at,
    digest_of,
    draft,
    planned,
    settle,
    succeeded,
)

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

DAY = 24 * 60


async def growth_of(store: SqlStore, first: date, last: date) -> list[tuple[int, int, int, int]]:
    days = await store.growth(first, last)
    assert [each.day for each in days] == [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [(each.subscribed, each.confirmed, each.left, each.readers) for each in days]


async def test_growth_tells_who_came_confirmed_and_left_each_day(store: SqlStore) -> None:
    await add_people(store, "ada", "bob")
    pending = draft("eve", status=SubscriberStatus.PENDING)
    eve = await store.add_subscriber(pending, CONSENT, Origin.STORE, NOW)
    await store.set_status(eve.id, SubscriberStatus.ACTIVE, "confirmed", at(DAY))
    bob = await store.find_subscriber("bob@example.org")
    await store.set_status(bob.id, SubscriberStatus.PAUSED, "vacation", at(DAY))
    await store.set_status(bob.id, SubscriberStatus.UNSUBSCRIBED, "by page", at(2 * DAY))
    await store.set_status(bob.id, SubscriberStatus.UNSUBSCRIBED, "again", at(2 * DAY))
    last = TODAY + timedelta(days=3)
    assert await growth_of(store, TODAY - timedelta(days=1), last) == [
        (0, 0, 0, 0),
        (3, 2, 0, 2),
        (0, 1, 0, 3),
        (0, 0, 1, 2),
        (0, 0, 0, 2),
    ]
    await store.set_status(bob.id, SubscriberStatus.ACTIVE, "came back", at(3 * DAY))
    assert (await growth_of(store, last, last)) == [(0, 1, 0, 3)]
    assert (await growth_of(store, TODAY, TODAY)) == [(3, 2, 0, 2)]


async def test_who_is_removed_has_left_and_nothing_names_them(store: SqlStore) -> None:
    await add_people(store, "ada", "bob")
    ada = await store.find_subscriber("ada@example.org")
    await store.set_status(ada.id, SubscriberStatus.BOUNCED, "hard bounce", at(1))
    for name in ("ada", "bob"):
        await store.remove_subscriber(f"{name}@example.org")
    far = await store.growth(TODAY, date(2100, 1, 1))
    assert sum(each.left for each in far) == 2
    assert (far[0].readers, far[-1].readers) == (1, 0) or far[0].left == 2


async def test_each_check_of_a_source_counts_for_its_day_and_health(store: SqlStore) -> None:
    fresh = replace(succeeded(), health=Health.FRESH)
    broken = replace(succeeded(minutes=60), health=Health.BROKEN)
    await store.save_collection(fresh, [arxiv_entry(1), arxiv_entry(2)], NOW)
    await store.save_collection(broken, [], at(60))
    await store.save_collection(broken, [], at(120))
    await store.save_collection(replace(succeeded(minutes=DAY), health=Health.QUIET), [arxiv_entry(1)], at(DAY))
    await store.save_collection(replace(succeeded("journal"), health=Health.QUIET), [arxiv_entry(3)], NOW)
    found = await store.source_days(TODAY)
    assert [(each.source, each.day, dict(each.checks), each.papers) for each in found] == [
        ("arxiv", TODAY, {Health.FRESH: 1, Health.BROKEN: 2}, 2),
        ("arxiv", TODAY + timedelta(days=1), {Health.QUIET: 1}, 0),
        ("journal", TODAY, {Health.FRESH: 1}, 1),
    ]
    assert [each.source for each in await store.source_days(TODAY + timedelta(days=1))] == ["arxiv"]


async def test_an_issue_tells_when_it_was_planned_and_accepted(store: SqlStore) -> None:
    people, papers = await add_people(store, "ada", "bob", "eve"), await add_papers(store, 1)
    await store.plan([planned(who, digest_of(*papers)) for who in people[:2]], {}, NOW)
    await settle(store, DeliveryState.ACCEPTED, minutes=59)
    await store.plan([planned(people[2], digest_of(*papers))], {}, at(60))
    await settle(store, DeliveryState.ACCEPTED, minutes=61)
    (run,) = await store.issue_runs(TODAY)
    assert (run.issue_date, run.first_planned_at, run.last_planned_at) == (TODAY, NOW, at(60))
    assert await store.issue_runs(TODAY + timedelta(days=1)) == []
    assert await store.accepted_by_hour(TODAY) == [(NOW, 2), (at(60), 1)]
    assert await store.accepted_by_hour(TODAY - timedelta(days=1)) == []


async def test_a_session_that_was_ended_is_remembered_until_it_would_have_expired(store: SqlStore) -> None:
    await store.end_session("one", at(10), NOW)
    await store.end_session("one", at(10), NOW)
    assert await store.is_session_ended("one")
    assert not await store.is_session_ended("two")
    await store.end_session("two", at(30), at(11))
    assert not await store.is_session_ended("one")
    assert await store.is_session_ended("two")


async def test_bounces_are_counted_by_day_and_kind(store: SqlStore) -> None:
    for number, (kind, minutes) in enumerate(
        ((BounceKind.HARD, 0), (BounceKind.HARD, 17 * 60), (BounceKind.SOFT, DAY))
    ):
        await store.record_bounce(Bounce(kind, "lmtp", at(minutes), str(number)), lambda _: Verdict())
    tomorrow = TODAY + timedelta(days=1)
    assert await store.bounces_by_day(TODAY) == {(TODAY, BounceKind.HARD): 2, (tomorrow, BounceKind.SOFT): 1}
    assert await store.bounces_by_day(tomorrow) == {(tomorrow, BounceKind.SOFT): 1}


async def test_what_readers_said_counts_for_the_profile_whose_mail_brought_the_paper(store: SqlStore) -> None:
    ada, bob, eve = await add_people(store, "ada", "bob", "eve")
    one, two, three = await add_papers(store, 3)
    own = replace(digest_of(three).sections[0], profile="personal:x\x1e1.0")
    both = replace(digest_of(one, two), sections=(*digest_of(one, two).sections, own))
    await store.plan([planned(ada, both), planned(bob, digest_of(one))], {}, NOW)
    for who, paper, value in ((ada, one, VoteValue.GOOD), (ada, two, VoteValue.GOOD), (bob, one, VoteValue.NOT_FOR_ME)):
        await store.cast_vote(who, paper, value, at(5))
    await store.cast_vote(eve, one, VoteValue.GOOD, at(5))  # no mail brought it to her
    await store.save_paper(ada, three, at(5))
    assert await store.profile_voices(TODAY) == [
        ProfileVoices("ml", mails=2, good=2, not_for_me=1, saved=0),
        ProfileVoices("personal:", mails=1, good=0, not_for_me=0, saved=1),
    ]
    assert await store.profile_voices(TODAY + timedelta(days=1)) == []
    async with store.database.write() as connection:
        for day, paper, count in (
            (TODAY, one, 3),
            (TODAY, two, 1),
            (TODAY, three, 7),
            (TODAY - timedelta(days=1), one, 9),
        ):
            await connection.execute(insert(clicks).values(issue_date=day, paper_id=paper, count=count))
    assert [(each.profile, each.clicks) for each in await store.profile_voices(TODAY)] == [("ml", 4), ("personal:", 0)]
    shares = await store.shares(Aspect.PROFILE, TODAY)
    assert {(each.value, each.count) for each in shares} == {("ml", 2), ("personal:x\x1e1.0", 1)}
