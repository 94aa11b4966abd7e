from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import ConflictError, NotFoundError
from newsletter.model import (
    Consent,
    DeliveryState,
    EmailAddress,
    Field,
    Frequency,
    Keyword,
    Origin,
    Subscriber,
    SubscriberDraft,
    SubscriberStatus,
    Weekday,
)
from tests.support.stored import (
    CONSENT,
    NOW,
    add_papers,
    add_people,
    address,
    at,
    digest_of,
    draft,
    planned,
    settle,
)

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore


async def test_somebody_new_gets_defaults_where_nothing_was_said(store: SqlStore) -> None:
    added = await store.add_subscriber(draft("Ada"), CONSENT, Origin.STORE, NOW)
    assert added == Subscriber(
        id=added.id,
        address=address("Ada"),
        status=SubscriberStatus.ACTIVE,
        zone="UTC",
        send_at_local=time(7, 0),
        frequency=Frequency.DAILY,
        weekday=Weekday.MONDAY,
        profiles=(),
        keywords=(),
        language="en",
        template="digest",
        origin=Origin.STORE,
        consent=CONSENT,
        created_at=NOW,
        updated_at=NOW,
    )
    assert await store.subscriber(added.id) == added
    assert await store.find_subscriber("ada@example.org") == added


async def test_somebody_comes_back_as_they_were_said_to_be(store: SqlStore) -> None:
    said = SubscriberDraft(
        EmailAddress(
            "jürgen@bücher.example", "jürgen@xn--bcher-kva.example", "jürgen@bücher.example", needs_smtputf8=True
        ),
        SubscriberStatus.PENDING,
        "Europe/Berlin",
        time(6, 30),
        Frequency.WEEKLY,
        Weekday.FRIDAY,
        ("zeta", "alpha", "zeta"),
        (Keyword('"RAG"', 2.5, Field.TITLE), Keyword("diffus*")),
        "de",
        "short",
    )
    found = await store.add_subscriber(said, CONSENT, Origin.FILE, NOW)
    assert found.profiles == ("zeta", "alpha")  # in the order in which they were given
    assert (found.address, found.keywords, found.send_at_local) == (said.address, said.keywords, time(6, 30))
    assert (found.zone, found.frequency, found.weekday) == ("Europe/Berlin", Frequency.WEEKLY, Weekday.FRIDAY)
    assert (found.status, found.language, found.template) == (SubscriberStatus.PENDING, "de", "short")


async def test_an_address_is_there_once(store: SqlStore) -> None:
    await add_people(store, "ada")
    with pytest.raises(ConflictError, match=r"ada@example\.org is there already"):
        await store.add_subscriber(draft("ada"), CONSENT, Origin.STORE, NOW)
    assert len(await store.list_subscribers()) == 1


async def test_an_edit_changes_what_it_speaks_of(store: SqlStore) -> None:
    await store.add_subscriber(draft("ada", profiles=("a", "b"), zone="Asia/Tokyo"), CONSENT, Origin.STORE, NOW)
    edited = await store.edit_subscriber("ada@example.org", draft("ada", profiles=("b", "c")), at(1))
    assert (edited.profiles, edited.zone, edited.updated_at) == (("b", "c"), "Asia/Tokyo", at(1))
    same = await store.edit_subscriber("ada@example.org", draft("ada", profiles=("b", "c")), at(2))
    assert same == edited
    emptied = await store.edit_subscriber("ada@example.org", draft("ada", profiles=(), keywords=()), at(3))
    assert emptied.profiles == ()


async def test_an_edit_may_change_the_address_to_a_free_one(store: SqlStore) -> None:
    await add_people(store, "ada", "bob")
    moved = await store.edit_subscriber("ada@example.org", draft("countess"), at(1))
    assert (moved.address, (await store.find_subscriber("countess@example.org")).id) == (address("countess"), moved.id)
    with pytest.raises(ConflictError, match=r"bob@example\.org belongs to another"):
        await store.edit_subscriber("countess@example.org", draft("bob"), at(2))
    with pytest.raises(NotFoundError, match=r"ada@example\.org"):
        await store.edit_subscriber("ada@example.org", draft("ada"), at(2))


async def test_a_status_is_set_once(store: SqlStore) -> None:
    (who,) = await add_people(store, "ada")
    paused = await store.set_status(who, SubscriberStatus.PAUSED, "holidays", at(1), date(2026, 2, 1))
    assert (paused.status, paused.status_reason, paused.paused_until) == ("paused", "holidays", date(2026, 2, 1))
    assert await store.set_status(who, SubscriberStatus.PAUSED, "again", at(2), date(2026, 2, 1)) == paused
    active = await store.set_status(who, SubscriberStatus.ACTIVE, "", at(3))
    assert (active.paused_until, active.updated_at) == (None, at(3))
    with pytest.raises(NotFoundError, match="with id 999"):
        await store.set_status(999, SubscriberStatus.ACTIVE, "", NOW)


async def test_an_edit_that_sets_a_status_drops_the_old_reason(store: SqlStore) -> None:
    (who,) = await add_people(store, "ada")
    await store.set_status(who, SubscriberStatus.BOUNCED, "no such user", at(1))
    back = await store.edit_subscriber("ada@example.org", draft("ada", status=SubscriberStatus.ACTIVE), at(2))
    assert (back.status, back.status_reason) == (SubscriberStatus.ACTIVE, "")


async def test_removing_somebody_leaves_nothing_of_them(store: SqlStore) -> None:
    ids = await add_papers(store, 2)
    ada, bob = await add_people(store, "ada", "bob")
    digest = digest_of(*ids)
    await store.plan([planned(ada, digest), planned(bob, digest)], {ada: [(ids[0], 2)]}, NOW)
    deliveries = await settle(store, DeliveryState.ACCEPTED)
    await store.remove_subscriber("ada@example.org")
    assert [who.address.key for who in await store.list_subscribers()] == ["bob@example.org"]
    assert [delivery.subscriber_id for delivery in await store.list_deliveries()] == [bob]
    assert await store.sent_papers([ada, bob], ids) == {bob: frozenset((paper_id, None) for paper_id in ids)}
    assert sorted([len(await store.attempts(each)) for each in deliveries]) == [0, 1]
    with pytest.raises(NotFoundError, match=r"no subscriber ada@example\.org"):
        await store.remove_subscriber("ada@example.org")
    with pytest.raises(NotFoundError):
        await store.subscriber(ada)
    (again,) = await add_people(store, "ada")
    assert again > bob  # an id never means another person


async def test_a_list_is_filtered_and_paged(store: SqlStore) -> None:
    for name, profiles in (("ada", ("ml",)), ("bob", ("ml", "bio")), ("50%_off", ())):
        await store.add_subscriber(draft(name, profiles=profiles), CONSENT, Origin.STORE, NOW)
    await store.add_subscriber(draft("Eve", status=SubscriberStatus.PENDING), CONSENT, Origin.FILE, NOW)

    async def names(**filters: object) -> list[str]:
        return [who.address.text.split("@")[0] for who in await store.list_subscribers(**filters)]  # type: ignore[arg-type]

    assert await names() == ["ada", "bob", "50%_off", "Eve"]
    assert await names(profile="ml") == ["ada", "bob"]
    assert await names(profile="bio", status=SubscriberStatus.ACTIVE) == ["bob"]
    assert await names(status=SubscriberStatus.PENDING) == ["Eve"]
    assert await names(origin=Origin.FILE) == ["Eve"]
    assert await names(text="EVE@") == ["Eve"]
    assert await names(text="%_") == ["50%_off"]
    assert await names(text="nobody") == []
    first = await store.list_subscribers(limit=2)
    assert await names(after_id=first[-1].id, limit=1) == ["50%_off"]


async def test_many_drafts_are_applied_once(store: SqlStore) -> None:
    await store.add_subscriber(draft("ada", profiles=("ml",)), CONSENT, Origin.STORE, NOW)
    imported = Consent("import", NOW, "people.csv")
    drafts = [draft("ada", zone="Asia/Tokyo"), draft("bob", profiles=("bio",)), draft("bob", profiles=("ml", "bio"))]
    assert await store.apply_drafts(drafts, imported, Origin.STORE, at(1)) == (1, 1, 1)
    assert await store.apply_drafts(drafts, imported, Origin.STORE, at(2)) == (0, 0, 3)
    ada, bob = await store.list_subscribers()
    assert (ada.zone, ada.profiles, ada.consent, ada.updated_at) == ("Asia/Tokyo", ("ml",), CONSENT, at(1))
    assert (bob.profiles, bob.consent) == (("ml", "bio"), imported)


async def test_thousands_of_drafts_are_applied(store: SqlStore) -> None:
    drafts = [draft(f"reader{number}", profiles=("ml",)) for number in range(1200)]
    assert await store.apply_drafts(drafts, CONSENT, Origin.STORE, NOW) == (1200, 0, 0)
    people = await store.list_subscribers(profile="ml")
    assert [who.address.text for who in people] == [each.address.text for each in drafts]


async def test_no_drafts_change_nothing(store: SqlStore) -> None:
    assert await store.apply_drafts([], CONSENT, Origin.STORE, NOW) == (0, 0, 0)
    assert await store.sync_file_subscribers([], NOW) == (0, 0, 0, 0)


async def test_the_files_are_followed_exactly(store: SqlStore) -> None:
    both = [draft("ada", profiles=("ml",)), draft("bob")]
    assert await store.sync_file_subscribers(both, NOW) == (2, 0, 0, 0)
    assert await store.sync_file_subscribers(both, at(1)) == (0, 0, 2, 0)
    assert await store.sync_file_subscribers([draft("ada", profiles=("bio",))], at(2)) == (0, 1, 0, 1)
    assert await store.sync_file_subscribers([draft("ada", profiles=("bio",))], at(3)) == (0, 0, 1, 0)
    gone = await store.find_subscriber("bob@example.org")
    assert (gone.status, gone.status_reason) == (SubscriberStatus.UNSUBSCRIBED, "left the profile files")
    assert gone.consent.method == "file"
    assert await store.sync_file_subscribers([draft("ada", profiles=("bio",)), draft("bob")], at(4)) == (0, 1, 1, 0)
    back = await store.find_subscriber("bob@example.org")
    assert (back.id, back.status, back.status_reason) == (gone.id, SubscriberStatus.ACTIVE, "")


async def test_who_paused_until_a_day_is_still_paused_when_they_come_back(store: SqlStore) -> None:
    await store.sync_file_subscribers([draft("ada")], NOW)
    who = (await store.find_subscriber("ada@example.org")).id
    await store.set_status(who, SubscriberStatus.PAUSED, "holidays", at(1), date(2026, 2, 1))
    await store.sync_file_subscribers([], at(2))
    await store.sync_file_subscribers([draft("ada")], at(3))
    back = await store.subscriber(who)
    assert (back.status, back.paused_until) == (SubscriberStatus.PAUSED, date(2026, 2, 1))


@pytest.mark.parametrize("status", ["unsubscribed", "bounced", "suppressed"])
async def test_the_files_bring_nobody_back_who_is_out_for_another_reason(store: SqlStore, status: str) -> None:
    await store.sync_file_subscribers([draft("ada")], NOW)
    who = (await store.find_subscriber("ada@example.org")).id
    await store.set_status(who, SubscriberStatus(status), "their own wish", at(1))
    for drafts in ([draft("ada", status=SubscriberStatus.ACTIVE)], [], [draft("ada")]):
        await store.sync_file_subscribers(drafts, at(2))
        found = await store.subscriber(who)
        assert (found.status, found.status_reason) == (status, "their own wish")


async def test_the_files_leave_the_stores_own_people_alone(store: SqlStore) -> None:
    (who,) = await add_people(store, "ada")
    before = await store.subscriber(who)
    assert await store.sync_file_subscribers([draft("ada", zone="Asia/Tokyo")], at(1)) == (0, 0, 1, 0)
    await store.sync_file_subscribers([], at(2))
    assert await store.subscriber(who) == before
