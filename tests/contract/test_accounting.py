"""The sums of issues, on both databases: they close whatever happens, and tell when somebody tampers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import UpdateBase, delete, insert, text, update

from newsletter.core.sums import sums_fault
from newsletter.model import Aspect, Attempt, DeliveryState, Flaw, IssueKind, IssueSums, Outcome, OutcomeKind, Share
from newsletter.store.schema import attempts, deliveries, issues, ledger
from tests.support.stored import (
    NOW,
    TODAY,
    add_papers,
    add_people,
    at,
    attempt,
    digest_of,
    planned,
    settle,
)

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

TOMORROW = TODAY + timedelta(days=1)
LONG_AGO = date(2020, 1, 1)


async def the_sums(store: SqlStore) -> IssueSums:
    (found,) = await store.issue_sums(TODAY, TODAY)
    return found


async def one_in_each_state(store: SqlStore) -> list[int]:
    """Plan a mail for everybody, and let them come to all ends that attempts have; return the people's ids."""
    ends = [
        DeliveryState.ACCEPTED,
        DeliveryState.DEFERRED,
        DeliveryState.REJECTED,
        DeliveryState.EXPIRED,
        DeliveryState.SUPPRESSED,
    ]
    (paper,) = await add_papers(store, 1)
    people = await add_people(store, "ada", "bob", "eve", "fay", "gus", "hal")
    for minutes, (who, end) in enumerate(zip(people, [*ends, None], strict=True)):
        assert await store.plan([planned(who, digest_of(paper), due_minutes=minutes)], {}, NOW) == 1
        if end is not None:
            await settle(store, end, minutes=minutes)
    return people


async def test_what_was_planned_is_where_the_deliveries_are(store: SqlStore) -> None:
    await one_in_each_state(store)
    sums = await the_sums(store)
    assert (sums.planned, sums.forgotten, sums.in_flight, sums.is_closed) == (6, 0, 1, True)
    assert {state: sums[state] for state in DeliveryState} == {
        DeliveryState.PLANNED: 1,
        DeliveryState.SENDING: 0,
        DeliveryState.DEFERRED: 1,
        DeliveryState.ACCEPTED: 1,
        DeliveryState.REJECTED: 1,
        DeliveryState.EXPIRED: 1,
        DeliveryState.SUPPRESSED: 1,
        DeliveryState.SUPERSEDED: 0,
        DeliveryState.UNKNOWN: 0,
    }
    assert await store.inconsistencies(LONG_AGO) == []
    assert sums_fault([sums]) == ""


async def test_a_superseded_mail_counts_for_its_own_day(store: SqlStore) -> None:
    papers = await add_papers(store, 2)
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, digest_of(papers[0]))], {}, NOW)
    await store.plan([planned(who, digest_of(*papers, day=TOMORROW))], {}, at(1))
    first, second = await store.issue_sums(TODAY)
    assert (first.planned, first[DeliveryState.SUPERSEDED], first.is_closed) == (1, 1, True)
    assert (second.planned, second.in_flight, second.is_closed) == (1, 1, True)


async def test_what_is_planned_twice_or_for_nobody_is_not_counted(store: SqlStore) -> None:
    (paper,) = await add_papers(store, 1)
    (who,) = await add_people(store, "ada")
    mail = planned(who, digest_of(paper))
    assert await store.plan([mail], {}, NOW) == 1
    assert await store.plan([mail, planned(999, digest_of(paper))], {}, NOW) == 0
    assert (await the_sums(store)).planned == 1


async def test_planners_that_work_at_once_count_every_mail_once(store: SqlStore) -> None:
    (paper,) = await add_papers(store, 1)
    people = await add_people(store, *(f"reader{number}" for number in range(12)))
    shares = [people[start : start + 8] for start in (0, 4)]  # four of them in both
    await asyncio.gather(*(store.plan([planned(who, digest_of(paper)) for who in who], {}, NOW) for who in shares))
    sums = await the_sums(store)
    assert (sums.planned, sums.is_closed) == (12, True)


async def test_who_is_removed_takes_their_mails_along_and_the_sums_know(store: SqlStore) -> None:
    await one_in_each_state(store)
    for name in ("ada", "hal"):
        await store.remove_subscriber(f"{name}@example.org")
    sums = await the_sums(store)
    assert (sums.planned, sums.forgotten, sums.in_flight, sums.is_closed) == (6, 2, 0, True)


async def test_a_removal_by_hand_counts_as_well(store: SqlStore) -> None:
    await one_in_each_state(store)
    async with store.database.write() as connection:
        await connection.execute(text("DELETE FROM subscribers WHERE address LIKE '%a%@example.org'"))
    sums = await the_sums(store)
    assert sums.forgotten > 1
    assert sums.is_closed


async def test_a_delivery_that_vanishes_is_missed(store: SqlStore) -> None:
    await one_in_each_state(store)
    async with store.database.write() as connection:
        await connection.execute(delete(deliveries).where(deliveries.c.state == "rejected"))
    sums = await the_sums(store)
    assert sums.difference == 1
    said = "the sum of the issue of 2026-01-05 does not close: 6 planned, 5 accounted for: 1 missing"
    assert sums_fault([sums]) == said


async def test_a_delivery_that_nobody_planned_is_too_much(store: SqlStore) -> None:
    await one_in_each_state(store)
    async with store.database.write() as connection:
        await connection.execute(update(issues).values(planned=4))
    sums = await the_sums(store)
    assert sums.difference == -2
    assert "2 too many" in sums_fault([sums])
    async with store.database.write() as connection:
        await connection.execute(delete(issues))
    assert (await the_sums(store)).difference == -6
    assert [found.flaw for found in await store.inconsistencies(TODAY)] == [Flaw.NOT_COUNTED]


async def test_only_the_days_asked_for_are_summed(store: SqlStore) -> None:
    (paper,) = await add_papers(store, 1)
    people = await add_people(store, "ada", "bob", "eve")
    days = [TODAY, TOMORROW, TODAY + timedelta(days=2)]
    for who, day in zip(people, days, strict=True):
        await store.plan([planned(who, digest_of(paper, day=day))], {}, NOW)
    assert [sums.issue_date for sums in await store.issue_sums(LONG_AGO)] == days
    assert [sums.issue_date for sums in await store.issue_sums(TOMORROW)] == days[1:]
    assert [sums.issue_date for sums in await store.issue_sums(TODAY, TOMORROW)] == days[:2]


async def test_shares_tell_kinds_relays_profiles_and_domains_apart(store: SqlStore) -> None:
    (paper,) = await add_papers(store, 1)
    ada, bob = await add_people(store, "ada", "bob")
    await store.plan([planned(ada, digest_of(paper)), planned(bob, digest_of(kind=IssueKind.QUIET))], {}, NOW)
    one, other = await store.claim("worker", 10, timedelta(minutes=5), at(1))
    lost = Outcome(OutcomeKind.DEFERRED, None, "lost after the dot", is_unknown=True, relay="main")
    accepted = Outcome(OutcomeKind.ACCEPTED, 250, "Ok", relay="spare")
    ended = [
        (attempt_with(one.delivery.id, lost), DeliveryState.DEFERRED, at(30)),
        (attempt_with(other.delivery.id, accepted), DeliveryState.ACCEPTED, None),
    ]
    await store.record(ended, at(1))
    deferred, done = DeliveryState.DEFERRED, DeliveryState.ACCEPTED
    assert await store.shares(Aspect.RELAY, TODAY) == [Share("main", deferred, 1, 1), Share("spare", done, 1)]
    assert await store.shares(Aspect.KIND, TODAY) == [Share("digest", deferred, 1, 1), Share("quiet", done, 1)]
    for aspect, value in ((Aspect.PROFILE, "ml"), (Aspect.DOMAIN, "example.org")):
        shares = sorted(await store.shares(aspect, TODAY), key=lambda share: share.state)
        assert shares == [Share(value, done, 1), Share(value, deferred, 1, 1)]
    assert await store.shares(Aspect.RELAY, TOMORROW) == []


def attempt_with(delivery_id: int, outcome: Outcome) -> Attempt:
    return replace(attempt(delivery_id, DeliveryState.ACCEPTED), outcome=outcome)


@pytest.mark.parametrize("flaw", Flaw)
async def test_a_ledger_that_contradicts_itself_is_told_of(store: SqlStore, flaw: Flaw) -> None:
    people = await one_in_each_state(store)
    listed = {item.state: item for item in await store.list_deliveries()}
    accepted, rejected = listed[DeliveryState.ACCEPTED], listed[DeliveryState.REJECTED]
    here = deliveries.c.id == accepted.id
    holds = {"subscriber_id": rejected.subscriber_id, "paper_id": 1, "delivery_id": rejected.id}
    ways: dict[Flaw, list[UpdateBase]] = {
        Flaw.NOT_ACCEPTED: [update(attempts).where(attempts.c.delivery_id == accepted.id).values(outcome="deferred")],
        Flaw.MISCOUNTED: [update(deliveries).where(here).values(attempts=7)],
        Flaw.LEASED: [update(deliveries).where(here).values(lease_owner="nobody")],
        Flaw.HOLDS_PAPERS: [insert(ledger).values(holds)],
        Flaw.FOREIGN_PAPERS: [
            update(ledger).where(ledger.c.delivery_id == accepted.id).values(subscriber_id=people[2])
        ],
        Flaw.NOT_COUNTED: [delete(issues)],
    }
    async with store.database.write() as connection:
        for statement in ways[flaw]:
            await connection.execute(statement)
    (found,) = await store.inconsistencies(TODAY)
    assert (found.flaw, found.count) == (flaw, 6 if flaw is Flaw.NOT_COUNTED else 1)
    if flaw is not Flaw.NOT_COUNTED:
        assert found.examples == ((rejected if flaw is Flaw.HOLDS_PAPERS else accepted).id,)
    assert await store.inconsistencies(TOMORROW) == []
