from __future__ import annotations

import asyncio
from datetime import date, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from newsletter.core.deliveries import may_move
from newsletter.errors import ConflictError, NotFoundError
from newsletter.model import (
    Attempt,
    DeliveryState,
    Digest,
    Health,
    IssueKind,
    Outcome,
    OutcomeKind,
    Reason,
    Section,
    Selected,
    SourceNote,
    Span,
    SubscriberStatus,
)
from newsletter.store.schema import deliveries, digests
from tests.support.stored import (
    LEASE,
    NOW,
    OUTCOMES,
    TODAY,
    add_papers,
    add_people,
    arxiv_entry,
    at,
    attempt,
    digest_of,
    held,
    planned,
    settle,
    succeeded,
)

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

TOMORROW = TODAY + timedelta(days=1)
ACCEPTED, DEFERRED, REJECTED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.REJECTED


async def plan_one(store: SqlStore) -> tuple[int, list[int], int]:
    """Plan one digest of two papers for one person; return who, the papers, and the delivery."""
    ids = await add_papers(store, 2)
    (who,) = await add_people(store, "ada")
    assert await store.plan([planned(who, digest_of(*ids))], {}, NOW) == 1
    return who, ids, (await store.list_deliveries())[0].id


# --- Planning ---------------------------------------------------------------------------------------------------------


async def test_a_planned_delivery_is_stored_before_anything_is_sent(store: SqlStore) -> None:
    who, ids, delivery_id = await plan_one(store)
    delivery = await store.delivery(delivery_id)
    assert (delivery.state, delivery.attempts, delivery.subscriber_id) == (DeliveryState.PLANNED, 0, who)
    assert (delivery.due_at, delivery.planned_at, delivery.issue_date, delivery.kind) == (NOW, NOW, TODAY, "digest")
    assert delivery.message_id == f"<{who}.2026-01-05.digest@example.org>"
    assert await held(store, [who], ids) == {who: frozenset((paper_id, None) for paper_id in ids)}
    assert await store.open_deliveries([who, 999]) == {who: delivery}
    assert await store.find_delivery_of(who, ids[0]) == delivery
    assert await store.find_delivery_of(who, 999) is None


async def test_a_digest_comes_back_as_it_was_and_is_stored_once(store: SqlStore) -> None:
    ids = await add_papers(store, 2)
    reason = Reason("keyword", "self-supervised*", "title", (Span(0, 4), Span(9, 12)), 1 / 3)
    section = Section(
        "ml", "Maschinelles Lernen", "α", (Selected(ids[0], 0.1 + 0.2, (reason,)), Selected(ids[1], 1)), 7
    )
    digest = Digest(
        IssueKind.DIGEST,
        TODAY,
        (section, Section("bio", "Biology", "all", ())),
        considered=120,
        notes=(SourceNote("arxiv", Health.BROKEN, 0, at(-600)), SourceNote("hf", Health.FRESH, 3)),
        template="short",
        language="de",
    )
    people = await add_people(store, "ada", "bob", "eve")
    await store.plan([planned(who, digest) for who in people], {}, NOW)
    stored = {delivery.digest_id for delivery in await store.list_deliveries()}
    assert len(stored) == 1
    assert await store.digest(stored.pop()) == digest
    with pytest.raises(NotFoundError, match="no digest with id 999"):
        await store.digest(999)


async def test_an_issue_is_planned_once(store: SqlStore) -> None:
    who, ids, delivery_id = await plan_one(store)
    await store.save_collection(succeeded(), [arxiv_entry(3)], NOW)
    other = digest_of(max(ids) + 1)
    assert await store.plan([planned(who, other), planned(who, other)], {}, at(1)) == 0
    assert [each.id for each in await store.list_deliveries()] == [delivery_id]
    assert await held(store, [who], [max(ids) + 1]) == {}


async def test_one_call_plans_one_issue_per_person(store: SqlStore) -> None:
    ids = await add_papers(store, 2)
    (who,) = await add_people(store, "ada")
    assert await store.plan([planned(who, digest_of(ids[0])), planned(who, digest_of(ids[1]))], {}, NOW) == 1
    assert await held(store, [who], ids) == {who: frozenset({(ids[0], None)})}


async def test_nobody_is_planned_a_paper_they_have(store: SqlStore) -> None:
    who, ids, _ = await plan_one(store)
    await settle(store, ACCEPTED)
    (bob,) = await add_people(store, "bob")
    tomorrow = digest_of(ids[1], day=TOMORROW)
    assert await store.plan([planned(who, tomorrow), planned(bob, tomorrow)], {}, at(2)) == 1
    assert [each.subscriber_id for each in await store.list_deliveries(issue_date=TOMORROW)] == [bob]


async def test_a_newer_issue_takes_the_place_of_one_not_sent(store: SqlStore) -> None:
    who, ids, first = await plan_one(store)
    assert await store.plan([planned(who, digest_of(*ids, day=TOMORROW))], {}, at(1440)) == 1
    before = await store.delivery(first)
    assert (before.state, before.finished_at) == (DeliveryState.SUPERSEDED, at(1440))
    newest = await store.find_delivery_of(who, ids[0])
    assert newest is not None
    assert newest.issue_date == TOMORROW
    assert [each.delivery.id for each in await store.claim("w", 10, LEASE, at(1441))] == [newest.id]


async def test_a_deferred_issue_is_merged_into_the_next(store: SqlStore) -> None:
    who, ids, first = await plan_one(store)
    await settle(store, DEFERRED)
    assert await store.plan([planned(who, digest_of(*ids, day=TOMORROW))], {}, at(1440)) == 1
    assert (await store.delivery(first)).state is DeliveryState.SUPERSEDED


async def test_while_one_is_being_sent_the_next_is_not_planned(store: SqlStore) -> None:
    who, _, first = await plan_one(store)
    await store.claim("w", 10, LEASE, NOW)
    assert await store.plan([planned(who, digest_of(day=TOMORROW))], {}, at(1)) == 0
    assert (await store.delivery(first)).state is DeliveryState.SENDING


async def test_what_cannot_be_planned_leaves_the_older_issue_in_force(store: SqlStore) -> None:
    ids = await add_papers(store, 2)
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, digest_of(ids[0]))], {}, NOW)
    await settle(store, ACCEPTED)
    await store.plan([planned(who, digest_of(ids[1], day=TOMORROW))], {}, NOW)
    day_after = digest_of(*ids, day=TOMORROW + timedelta(days=1))
    assert await store.plan([planned(who, day_after)], {}, NOW) == 0
    assert [each.state for each in await store.list_deliveries()] == [DeliveryState.PLANNED, ACCEPTED]
    assert (await held(store, [who], ids))[who] == {(ids[0], None), (ids[1], None)}


async def test_an_issue_older_than_the_open_one_is_not_planned(store: SqlStore) -> None:
    who, ids, first = await plan_one(store)
    assert await store.plan([planned(who, digest_of(*ids, day=TODAY - timedelta(days=1)))], {}, NOW) == 0
    assert (await store.delivery(first)).state is DeliveryState.PLANNED


async def test_nothing_is_planned_for_who_is_gone(store: SqlStore) -> None:
    ids = await add_papers(store, 1)
    ada, bob = await add_people(store, "ada", "bob")
    await store.remove_subscriber("ada@example.org")
    assert await store.plan([planned(ada, digest_of(*ids)), planned(bob, digest_of(*ids))], {}, NOW) == 1


async def test_a_digest_of_an_unknown_paper_is_refused_whole(store: SqlStore) -> None:
    ids = await add_papers(store, 1)
    ada, bob = await add_people(store, "ada", "bob")
    with pytest.raises(ConflictError):
        await store.plan([planned(ada, digest_of(*ids)), planned(bob, digest_of(999))], {}, NOW)
    assert await store.list_deliveries() == []
    assert await held(store, [ada], ids) == {}


async def test_a_newer_version_may_be_sent_to_who_has_the_paper_once(store: SqlStore) -> None:
    who, ids, _ = await plan_one(store)
    await settle(store, ACCEPTED)
    (bob,) = await add_people(store, "bob")
    update_of = digest_of(ids[0], day=TOMORROW, update=True)
    noted = {who: [(ids[0], 2)], bob: [(ids[0], 2)]}
    assert await store.plan([planned(who, update_of), planned(bob, update_of)], noted, NOW) == 2
    theirs = await held(store, [who, bob], ids)
    assert theirs[who] == {(ids[0], None), (ids[1], None), (ids[0], 2)}
    assert theirs[bob] == {(ids[0], None), (ids[0], 2)}  # who has seen version 2 has seen the paper
    await settle(store, ACCEPTED, minutes=2)
    again = digest_of(ids[0], day=TOMORROW + timedelta(days=1), update=True)
    assert await store.plan([planned(who, again)], {who: [(ids[0], 2)]}, NOW) == 0
    assert await store.plan([planned(who, again)], {who: [(ids[0], 3)]}, NOW) == 1


async def test_an_update_that_failed_gives_back_only_what_it_took(store: SqlStore) -> None:
    who, ids, _ = await plan_one(store)
    await settle(store, ACCEPTED)
    await store.plan([planned(who, digest_of(ids[0], day=TOMORROW, update=True))], {who: [(ids[0], 2)]}, NOW)
    await settle(store, REJECTED, minutes=2)
    assert (await held(store, [who], ids))[who] == {(ids[0], None), (ids[1], None)}


async def test_a_welcome_is_somebodys_first_issue(store: SqlStore) -> None:
    ids = await add_papers(store, 2)
    (who,) = await add_people(store, "ada")
    welcome = digest_of(ids[0], kind=IssueKind.WELCOME)
    assert await store.plan([planned(who, welcome), planned(who, digest_of(ids[1]))], {}, NOW) == 1
    await settle(store, ACCEPTED)
    assert await store.last_issue_dates([who]) == {who: TODAY}
    assert await store.last_delivered([who]) == {who: (1, NOW)}


async def test_what_the_next_issue_would_supersede_is_not_yet_sent(store: SqlStore) -> None:
    who, ids, _ = await plan_one(store)
    everything = {who: frozenset((paper_id, None) for paper_id in ids)}
    assert await store.sent_papers([who], ids) == {}
    await store.claim("w", 10, LEASE, NOW)
    assert await store.sent_papers([who], ids) == everything
    await store.release("w")
    await settle(store, DEFERRED)
    assert await store.sent_papers([who], ids) == {}
    await settle(store, ACCEPTED, minutes=20, number=2)
    assert await store.sent_papers([who], ids) == everything
    assert await store.sent_papers([who], [999]) == {}


async def test_what_may_have_arrived_is_retried_alone(store: SqlStore) -> None:
    who, ids, first = await plan_one(store)
    await store.save_collection(succeeded(), [arxiv_entry(3)], NOW)
    await store.claim("w", 10, LEASE, NOW)
    lost = Outcome(OutcomeKind.DEFERRED, None, "connection lost", is_unknown=True)
    await store.record([(Attempt(first, 1, NOW, at(1), lost), DEFERRED, at(5))], at(1))
    assert len((await store.sent_papers([who], ids))[who]) == 2
    assert await store.plan([planned(who, digest_of(ids[0], day=TOMORROW))], {}, at(2)) == 0
    assert await store.plan([planned(who, digest_of(max(ids) + 1, day=TOMORROW))], {}, at(2)) == 1
    assert (await store.delivery(first)).state is DEFERRED
    assert first in await settle(store, ACCEPTED, minutes=5, number=2)


async def test_what_a_dead_process_was_sending_may_have_arrived(store: SqlStore) -> None:
    who, ids, first = await plan_one(store)
    await store.claim("dead", 10, LEASE, NOW)
    assert await store.release(None) == 1
    assert await store.plan([planned(who, digest_of(*ids, day=TOMORROW))], {}, at(1440)) == 0
    assert await settle(store, ACCEPTED) == [first]


async def test_thousands_are_planned_in_one_transaction(store: SqlStore) -> None:
    ids = await add_papers(store, 20)
    people = await add_people(store, *(f"reader{number}" for number in range(60)))
    digest = digest_of(*ids)
    assert await store.plan([planned(who, digest) for who in people], {}, NOW) == 60
    assert {len(theirs) for theirs in (await held(store, people, ids)).values()} == {20}


# --- Remembering ------------------------------------------------------------------------------------------------------


async def test_the_newest_issue_counts_whatever_became_of_it_even_when_it_held_nothing(store: SqlStore) -> None:
    who, _, _ = await plan_one(store)
    bob, eve = await add_people(store, "bob", "eve")
    await settle(store, REJECTED)
    assert await store.last_issue_dates([who, bob]) == {who: TODAY}
    await store.skip([who, bob], TOMORROW)
    await store.skip([who], TODAY)  # an older one changes nothing
    assert await store.last_issue_dates([who, bob, eve, 999]) == {who: TOMORROW, bob: TOMORROW}


async def test_only_an_accepted_digest_counts_as_delivered(store: SqlStore) -> None:
    ids = await add_papers(store, 4)
    (who,) = await add_people(store, "ada")
    days = [TODAY + timedelta(days=number) for number in range(4)]
    for number, (day, state) in enumerate(zip(days, [ACCEPTED, ACCEPTED, REJECTED, DEFERRED], strict=True)):
        delivery = planned(who, digest_of(ids[number], day=day), arrival=number + 1)
        assert await store.plan([delivery], {}, at(number)) == 1
        await settle(store, state, minutes=number)
    assert await store.last_delivered([who, 999]) == {who: (2, at(1))}
    await store.skip([who], days[3] + timedelta(days=1))
    assert await store.last_delivered([who]) == {who: (2, at(1))}


async def test_a_quiet_mail_does_not_count_as_a_digest(store: SqlStore) -> None:
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, Digest(IssueKind.QUIET, TODAY, (), considered=9))], {}, NOW)
    await settle(store, ACCEPTED)
    assert await store.last_delivered([who]) == {}
    assert await store.last_issue_dates([who]) == {who: TODAY}


async def test_deliveries_are_listed_and_counted(store: SqlStore) -> None:
    who, ids, first = await plan_one(store)
    await settle(store, ACCEPTED)
    (bob,) = await add_people(store, "bob")
    await store.plan([planned(bob, digest_of(*ids, day=TOMORROW), 1440)], {}, at(60))
    newest, oldest = await store.list_deliveries()
    assert (newest.subscriber_id, oldest.id) == (bob, first)
    assert await store.list_deliveries(limit=1) == [newest]
    assert await store.list_deliveries(state=ACCEPTED) == [oldest]
    assert await store.list_deliveries(subscriber_id=who) == [oldest]
    assert await store.list_deliveries(issue_date=TOMORROW) == [newest]
    assert await store.list_deliveries(issue_date=date(2020, 1, 1)) == []
    assert await store.count_deliveries() == {ACCEPTED: 1, DeliveryState.PLANNED: 1}
    assert await store.count_deliveries(at(60)) == {DeliveryState.PLANNED: 1}
    with pytest.raises(NotFoundError, match="no delivery with id 999"):
        await store.delivery(999)


# --- Claiming and recording -------------------------------------------------------------------------------------------


async def test_only_what_is_due_is_claimed_oldest_first(store: SqlStore) -> None:
    ids = await add_papers(store, 1)
    people = await add_people(store, "ada", "bob", "eve")
    await store.plan(
        [planned(who, digest_of(*ids), due) for who, due in zip(people, (20, 10, 30), strict=True)], {}, NOW
    )
    assert await store.next_due_at() == at(10)
    assert await store.claim("w", 10, LEASE, at(9)) == []
    assert [each.subscriber.id for each in await store.claim("w", 10, LEASE, at(20))] == [people[1], people[0]]
    assert await store.claim("w", 10, LEASE, at(21)) == []
    assert await store.next_due_at() == at(30)
    assert [each.subscriber.id for each in await store.claim("x", 10, LEASE, at(30))] == [people[2]]


async def test_a_claim_brings_the_subscriber_as_they_are_now(store: SqlStore) -> None:
    who, _, delivery_id = await plan_one(store)
    await store.set_status(who, SubscriberStatus.UNSUBSCRIBED, "by their own link", at(1))
    (claimed,) = await store.claim("w", 10, LEASE, at(2))
    assert claimed.subscriber == await store.subscriber(who)
    assert claimed.delivery == await store.delivery(delivery_id)
    assert (claimed.delivery.state, claimed.subscriber.status) == ("sending", "unsubscribed")


async def test_no_delivery_is_ever_under_two_leases(store: SqlStore) -> None:
    ids = await add_papers(store, 1)
    people = await add_people(store, *(f"reader{number}" for number in range(24)))
    await store.plan([planned(who, digest_of(*ids)) for who in people], {}, NOW)
    claims = await asyncio.gather(*(store.claim(f"w{number}", 5, LEASE, NOW) for number in range(8)))
    taken = [each.delivery.id for claim in claims for each in claim]
    while more := await store.claim("last", 5, LEASE, NOW):
        taken += [each.delivery.id for each in more]
    assert len(taken) == len(set(taken)) == 24


async def test_an_accepted_delivery_is_final(store: SqlStore) -> None:
    who, ids, delivery_id = await plan_one(store)
    await store.claim("w", 10, LEASE, NOW)
    done = attempt(delivery_id, ACCEPTED)
    await store.record([(done, ACCEPTED, None)], at(1))
    delivery = await store.delivery(delivery_id)
    assert (delivery.state, delivery.attempts, delivery.finished_at) == (ACCEPTED, 1, done.finished_at)
    assert (delivery.reply_code, delivery.reply_text) == (250, "2.0.0 Ok: queued as 4XyZ")
    assert await store.attempts(delivery_id) == [done]
    assert await store.next_due_at() is None
    assert await store.open_deliveries([who]) == {}
    assert await store.claim("w", 10, LEASE, at(999_999)) == []
    assert len((await held(store, [who], ids))[who]) == 2


async def test_a_deferred_delivery_waits_for_its_next_attempt(store: SqlStore) -> None:
    _, _, delivery_id = await plan_one(store)
    for number, minutes in ((1, 1), (2, 16), (3, 31)):
        assert await settle(store, DEFERRED, minutes, number) == [delivery_id]
        delivery = await store.delivery(delivery_id)
        assert (delivery.state, delivery.attempts, delivery.next_attempt_at) == (DEFERRED, number, at(minutes + 15))
        assert await store.claim("w", 10, LEASE, at(minutes + 14)) == []
    assert [each.number for each in await store.attempts(delivery_id)] == [1, 2, 3]


@pytest.mark.parametrize("state", [REJECTED, DeliveryState.EXPIRED, DeliveryState.SUPPRESSED])
async def test_what_did_not_arrive_gives_its_papers_to_the_next_digest(store: SqlStore, state: DeliveryState) -> None:
    who, ids, delivery_id = await plan_one(store)
    await settle(store, state)
    assert (await store.delivery(delivery_id)).state is state
    assert await held(store, [who], ids) == {}
    assert await store.plan([planned(who, digest_of(*ids, day=TOMORROW))], {}, at(2)) == 1


async def test_an_unknown_outcome_is_kept_as_such(store: SqlStore) -> None:
    _, _, delivery_id = await plan_one(store)
    await store.claim("w", 10, LEASE, NOW)
    lost = attempt(delivery_id, DEFERRED)
    lost = type(lost)(
        delivery_id,
        1,
        NOW,
        at(1),
        Outcome(OutcomeKind.DEFERRED, None, "connection lost\0 after the dot", is_unknown=True),
    )
    await store.record([(lost, DEFERRED, at(5))], at(1))
    (kept,) = await store.attempts(delivery_id)
    assert (kept.outcome.is_unknown, kept.outcome.text) == (True, "connection lost after the dot")


async def test_a_late_attempt_is_kept_and_moves_nothing(store: SqlStore) -> None:
    _, _, delivery_id = await plan_one(store)
    await settle(store, ACCEPTED)
    await store.record([(attempt(delivery_id, DEFERRED, minutes=2), DEFERRED, at(20))], at(2))
    delivery = await store.delivery(delivery_id)
    assert (delivery.state, delivery.attempts) == (ACCEPTED, 2)
    assert [each.outcome.kind for each in await store.attempts(delivery_id)] == ["accepted", "deferred"]


async def test_what_was_accepted_after_its_lease_was_released_is_still_accepted(store: SqlStore) -> None:
    _, _, delivery_id = await plan_one(store)
    await store.claim("w", 10, LEASE, NOW)
    assert await store.release("w") == 1
    await store.record([(attempt(delivery_id, ACCEPTED), ACCEPTED, None)], at(1))
    assert (await store.delivery(delivery_id)).state is ACCEPTED


async def test_the_outcome_for_who_was_removed_meanwhile_harms_nobody(store: SqlStore) -> None:
    _who, ids, delivery_id = await plan_one(store)
    (bob,) = await add_people(store, "bob")
    await store.plan([planned(bob, digest_of(*ids))], {}, NOW)
    claimed = await store.claim("w", 10, LEASE, NOW)
    await store.remove_subscriber("ada@example.org")
    await store.record([(attempt(each.delivery.id, ACCEPTED), ACCEPTED, None) for each in claimed], at(1))
    assert await store.count_deliveries() == {ACCEPTED: 1}
    assert await store.attempts(delivery_id) == []
    await store.record([], at(1))


async def test_a_release_gives_back_the_leases_of_one_owner_or_of_all(store: SqlStore) -> None:
    ids = await add_papers(store, 1)
    people = await add_people(store, "ada", "bob", "eve")
    await store.plan([planned(who, digest_of(*ids)) for who in people], {}, NOW)
    for owner in ("x", "y", "z"):
        await store.claim(owner, 1, LEASE, NOW)
    assert await store.release("x") == 1
    assert await store.release("nobody") == 0
    assert len(await store.claim("x", 10, LEASE, NOW)) == 1
    assert await store.release(None) == 3
    assert await store.count_deliveries() == {DeliveryState.PLANNED: 3}


async def test_a_released_retry_keeps_its_own_time(store: SqlStore) -> None:
    await plan_one(store)
    await settle(store, DEFERRED, minutes=1)
    await store.claim("w", 10, LEASE, at(16))
    await store.release("w")
    assert await store.next_due_at() == at(16)


# --- Retrying ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [REJECTED, DeliveryState.EXPIRED])
async def test_an_admin_may_have_another_try(store: SqlStore, state: DeliveryState) -> None:
    who, ids, delivery_id = await plan_one(store)
    await settle(store, state)
    assert await store.retry([delivery_id, 999], at(60)) == 1
    delivery = await store.delivery(delivery_id)
    assert (delivery.state, delivery.next_attempt_at, delivery.finished_at) == (DeliveryState.PLANNED, at(60), None)
    assert len((await held(store, [who], ids))[who]) == 2
    assert await settle(store, ACCEPTED, minutes=60, number=2) == [delivery_id]
    assert await store.retry([delivery_id], at(61)) == 0


async def test_a_deferred_delivery_may_be_hastened(store: SqlStore) -> None:
    _, _, delivery_id = await plan_one(store)
    await settle(store, DEFERRED, minutes=1)
    assert await store.retry([delivery_id], at(2)) == 1
    assert [each.delivery.id for each in await store.claim("w", 10, LEASE, at(2))] == [delivery_id]


async def test_no_retry_sends_papers_that_went_out_otherwise(store: SqlStore) -> None:
    who, ids, first = await plan_one(store)
    await settle(store, REJECTED)
    await store.plan([planned(who, digest_of(ids[1], day=TOMORROW))], {}, at(2))
    assert await store.retry([first], at(3)) == 0
    assert (await store.delivery(first)).state is REJECTED
    assert await held(store, [who], ids) == {who: frozenset({(ids[1], None)})}


async def test_a_retry_takes_its_updates_again(store: SqlStore) -> None:
    who, ids, _ = await plan_one(store)
    await settle(store, ACCEPTED)
    await store.plan([planned(who, digest_of(ids[0], day=TOMORROW, update=True))], {who: [(ids[0], 2)]}, NOW)
    (second,) = await settle(store, REJECTED, minutes=2)
    assert await store.retry([second], at(3)) == 1
    assert (ids[0], 2) in (await held(store, [who], ids))[who]


# --- What the database itself refuses ---------------------------------------------------------------------------------


async def put(store: SqlStore, delivery_id: int, state: DeliveryState) -> None:
    async with store.database.write() as connection:
        await connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(state=state.value))


@pytest.mark.parametrize("before", DeliveryState)
async def test_the_database_refuses_the_moves_that_the_core_does(store: SqlStore, before: DeliveryState) -> None:
    (who,) = await add_people(store, "ada")
    row: dict[str, Any] = {
        "subscriber_id": who, "kind": "digest", "state": before.value, "attempts": 0, "message_id": "<x@example.org>",
        "due_at": NOW, "planned_at": NOW, "reply_text": "", "arrival_through": 1, "updates": "[]", "is_unknown": False,
        "relay": "", "number": 0,
    }  # fmt: skip
    rows = [row | {"issue_date": TODAY + timedelta(days=number)} for number in range(len(DeliveryState))]
    async with store.database.write() as connection:
        content = {"content_hash": "x", "content": "{}", "created_at": NOW}
        digest_id = (await connection.execute(insert(digests).values(content).returning(digests.c.id))).scalar_one()
        await connection.execute(insert(deliveries), [each | {"digest_id": digest_id} for each in rows])
        ids = list((await connection.execute(select(deliveries.c.id))).scalars())
    for delivery_id, after in zip(ids, DeliveryState, strict=True):
        if may_move(before, after):
            await put(store, delivery_id, after)
        else:
            with pytest.raises(ConflictError, match=r"not (allowed|move)"):
                await put(store, delivery_id, after)
    after_all = dict(zip(ids, DeliveryState, strict=True))
    for delivery in await store.list_deliveries():
        assert delivery.state is (after_all[delivery.id] if may_move(before, after_all[delivery.id]) else before)


def test_every_outcome_of_the_tests_is_a_move_from_sending() -> None:
    for state, before in product(OUTCOMES, [DeliveryState.SENDING]):
        assert may_move(before, state)
