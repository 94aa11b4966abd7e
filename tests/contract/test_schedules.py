"""Who is due: the questions that every tick asks."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import TYPE_CHECKING

from newsletter.model import Frequency, Keyword, Origin, Pause, PauseScope, Schedule, SubscriberStatus, Weekday
from tests.support.samples import NOW, make_consent, make_draft

if TYPE_CHECKING:
    from newsletter.model import Subscriber
    from newsletter.store.sql import SqlStore

TODAY = date(2026, 11, 24)
AT_SEVEN = Schedule("UTC", time(7, 0))


async def subscribe(store: SqlStore, name: str, **said: object) -> Subscriber:
    return await store.add_subscriber(make_draft(f"{name}@example.org", **said), make_consent(), Origin.STORE, NOW)


async def test_schedules_are_those_of_active_people_each_once(store: SqlStore) -> None:
    await subscribe(store, "ada")
    await subscribe(store, "bob")
    await subscribe(store, "eve", frequency=Frequency.WEEKLY, weekday=Weekday.FRIDAY, zone="Europe/Berlin")
    await subscribe(store, "gone", zone="Asia/Tokyo", status=SubscriberStatus.UNSUBSCRIBED)
    assert set(await store.schedules()) == {
        AT_SEVEN,
        Schedule("Europe/Berlin", time(7, 0), Frequency.WEEKLY, Weekday.FRIDAY),
    }


async def test_with_each_schedule_comes_the_oldest_of_its_people_s_newest_issues(store: SqlStore) -> None:
    ada, bob, _ = [await subscribe(store, name) for name in ("ada", "bob", "new")]
    assert await store.schedules() == {AT_SEVEN: None}
    await store.skip([bob.id], TODAY)
    assert await store.schedules() == {AT_SEVEN: TODAY}
    await store.skip([ada.id], TODAY - timedelta(days=3))
    assert await store.schedules() == {AT_SEVEN: TODAY - timedelta(days=3)}


async def test_due_are_active_people_of_the_schedule_whose_issue_is_older(store: SqlStore) -> None:
    ada, bob, new = [await subscribe(store, name) for name in ("ada", "bob", "new")]
    other = await subscribe(store, "other", send_at_local=time(8, 0))
    paused = await subscribe(store, "paused", status=SubscriberStatus.PAUSED)
    await store.skip([ada.id, other.id, paused.id], TODAY - timedelta(days=1))
    await store.skip([bob.id], TODAY)
    assert [each.id for each in await store.due_subscribers(AT_SEVEN, TODAY, 0, 10, NOW)] == [ada.id]
    assert [each.id for each in await store.due_subscribers(AT_SEVEN, TODAY + timedelta(days=1), 0, 10, NOW)] == [
        ada.id,
        bob.id,
    ]
    assert [each.id for each in await store.new_subscribers(0, 10, NOW)] == [new.id]


async def test_pages_go_on_after_the_last_id(store: SqlStore) -> None:
    ids = [(await subscribe(store, f"reader{number}")).id for number in range(5)]
    assert [each.id for each in await store.new_subscribers(0, 2, NOW)] == ids[:2]
    assert [each.id for each in await store.new_subscribers(ids[1], 10, NOW)] == ids[2:]


async def test_pauses_that_ended_and_counts(store: SqlStore) -> None:
    ada, bob, eve = [await subscribe(store, name) for name in ("ada", "bob", "eve")]
    await store.set_status(ada.id, SubscriberStatus.PAUSED, "vacation", NOW, TODAY)
    await store.set_status(bob.id, SubscriberStatus.PAUSED, "vacation", NOW, TODAY + timedelta(days=1))
    await store.set_status(eve.id, SubscriberStatus.PAUSED, "until further notice", NOW)
    assert [each.id for each in await store.ended_pauses(TODAY)] == [ada.id]
    assert await store.count_subscribers() == {SubscriberStatus.PAUSED: 3}


async def test_unsubscribing_after_leaving_the_files_is_remembered(store: SqlStore) -> None:
    await store.sync_file_subscribers([make_draft("ada@example.org")], NOW)
    await store.sync_file_subscribers([], NOW)
    ada = await store.find_subscriber("ada@example.org")
    await store.set_status(ada.id, SubscriberStatus.UNSUBSCRIBED, "one click", NOW)
    await store.sync_file_subscribers([make_draft("ada@example.org")], NOW)
    assert (await store.find_subscriber("ada@example.org")).status is SubscriberStatus.UNSUBSCRIBED


async def test_readers_of_a_profile_are_counted_while_they_are_active(store: SqlStore) -> None:
    both = make_draft("ada@example.org", profiles=("vision", "robots"))
    await store.sync_file_subscribers([both, make_draft("bob@example.org", profiles=("vision",))], NOW)
    bob = await store.find_subscriber("bob@example.org")
    assert await store.count_readers() == {"robots": 1, "vision": 2}
    await store.set_status(bob.id, SubscriberStatus.PAUSED, "vacation", NOW)
    assert await store.count_readers() == {"robots": 1, "vision": 1}


async def test_who_waits_for_paused_profiles_is_not_read_while_they_are_paused(store: SqlStore) -> None:
    taken = {"only": ("vision",), "both": ("vision", "robots"), "other": ("robots",), "nothing": ()}
    had = [await subscribe(store, name, profiles=profiles) for name, profiles in taken.items()]
    keyed = await subscribe(store, "keyed", profiles=("vision",), keywords=(Keyword("images"),))
    ids = {each.address.wire.partition("@")[0]: each.id for each in (*had, keyed)}
    await store.skip(list(ids.values()), TODAY - timedelta(days=1))
    new = {name: (await subscribe(store, f"new-{name}", profiles=each)).id for name, each in taken.items()}
    new["keyed"] = (await subscribe(store, "new-keyed", profiles=("vision",), keywords=(Keyword("images"),))).id

    async def read() -> tuple[set[int], set[int]]:
        due = await store.due_subscribers(AT_SEVEN, TODAY, 0, 10, NOW)
        return {each.id for each in due}, {each.id for each in await store.new_subscribers(0, 10, NOW)}

    everybody = set(ids.values()), set(new.values())
    assert await read() == everybody
    await store.pause(Pause(PauseScope.RELAY, "vision", "a relay of that name", NOW))
    assert await read() == everybody
    await store.pause(Pause(PauseScope.PROFILE, "vision", "", NOW))
    assert await read() == (
        everybody[0] - {ids["only"]},
        {new["other"], new["nothing"]},  # a first issue waits for every profile
    )
    await store.pause(Pause(PauseScope.PROFILE, "robots", "", NOW))
    assert await read() == ({ids["nothing"], ids["keyed"]}, {new["nothing"]})
    await store.unpause(PauseScope.PROFILE, "vision")
    await store.unpause(PauseScope.PROFILE, "robots")
    assert await read() == everybody
