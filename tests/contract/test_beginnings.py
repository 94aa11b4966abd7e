"""Where a mail that may have arrived is never sent again: what was begun by a process that died is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from newsletter.model import Attempt, DeliveryState, Outcome, OutcomeKind, Step
from tests.support.stored import LEASE, NOW, TODAY, add_papers, add_people, at, attempt, digest_of, held, planned

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from newsletter.store.sql import SqlStore

ACCEPTED, DEFERRED, REJECTED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.REJECTED
PLANNED, UNKNOWN = DeliveryState.PLANNED, DeliveryState.UNKNOWN


async def claim_two(store: SqlStore) -> tuple[list[int], list[int], list[int]]:
    """Let ``worker`` claim two deliveries; return the people, the papers, and the deliveries."""
    papers = await add_papers(store, 2)
    people = await add_people(store, "ada", "bob")
    await store.plan([planned(who, digest_of(*papers)) for who in people], {}, NOW)
    claimed = await store.claim("worker", 10, LEASE, at(1))
    return people, papers, [each.delivery.id for each in claimed]


async def end_all(store: SqlStore) -> int:
    return await store.release(None)


async def end_own(store: SqlStore) -> int:
    return await store.release("worker")


async def end_silent(store: SqlStore) -> int:
    [lease] = await store.leases()
    count = await store.end_lease(lease)
    assert count is not None
    return count


@pytest.mark.parametrize("end", [end_all, end_own, end_silent])
async def test_what_was_begun_ends_as_unknown_and_what_was_only_claimed_comes_back(
    store: SqlStore, end: Callable[[SqlStore], Awaitable[int]]
) -> None:
    _, _, (begun, claimed) = await claim_two(store)
    assert await store.begin([begun], "worker", at(2)) == {begun}
    assert await end(store) == 1
    doubtful, other = await store.delivery(begun), await store.delivery(claimed)
    assert (doubtful.state, doubtful.attempts, doubtful.finished_at) == (UNKNOWN, 1, at(2))
    assert (other.state, other.attempts) == (PLANNED, 0)
    [tried] = await store.attempts(begun)
    assert (tried.number, tried.started_at, tried.outcome.kind, tried.outcome.is_unknown) == (
        1,
        at(2),
        OutcomeKind.DEFERRED,
        True,
    )
    assert "may have arrived" in tried.outcome.text
    assert await store.attempts(claimed) == []
    assert await store.inconsistencies(TODAY) == []
    assert [each.delivery.id for each in await store.claim("next", 10, LEASE, at(30))] == [claimed]


async def test_an_unknown_delivery_keeps_its_papers_and_counts_as_delivered(store: SqlStore) -> None:
    people, papers, (begun, claimed) = await claim_two(store)
    await store.begin([begun], "worker", at(2))
    await store.release(None)
    await store.record([(attempt(claimed, REJECTED), REJECTED, None)], at(4))
    whose = {each: (await store.delivery(each)).subscriber_id for each in (begun, claimed)}
    everything = frozenset((paper, None) for paper in papers)
    assert await held(store, people, papers) == {whose[begun]: everything}
    assert await store.last_delivered(people) == {whose[begun]: (1, NOW)}


async def test_what_was_recorded_is_no_longer_begun(store: SqlStore) -> None:
    _, _, (first, second) = await claim_two(store)
    await store.begin([first, second], "worker", at(2))
    await store.record(
        [(attempt(first, DEFERRED), DEFERRED, at(10)), (attempt(second, ACCEPTED), ACCEPTED, None)], at(3)
    )
    assert [each.delivery.id for each in await store.claim("worker", 10, LEASE, at(11))] == [first]
    assert await store.release(None) == 1
    assert (await store.delivery(first)).state is PLANNED
    assert (await store.delivery(second)).state is ACCEPTED


async def test_only_what_is_still_ours_may_be_begun(store: SqlStore) -> None:
    _, _, (first, second) = await claim_two(store)
    await store.record([(attempt(second, ACCEPTED), ACCEPTED, None)], at(2))
    assert await store.begin([first, second, 999], "somebody else", at(3)) == frozenset()
    assert await store.begin([first, second, 999], "worker", at(3)) == {first}
    await store.release(None)
    assert await store.begin([first], "worker", at(4)) == frozenset()


@pytest.mark.parametrize("state", [ACCEPTED, DEFERRED, REJECTED, UNKNOWN])
async def test_who_was_taken_for_dead_may_still_tell_what_became_of_it(store: SqlStore, state: DeliveryState) -> None:
    _, papers, (begun, _) = await claim_two(store)
    await store.begin([begun], "worker", at(2))
    [lease] = await store.leases()
    await store.end_lease(lease)
    await store.record([(attempt(begun, state), state, at(9) if state is DEFERRED else None)], at(4), "worker")
    delivery = await store.delivery(begun)
    assert (delivery.state, delivery.attempts) == (state, 2)
    assert [each.number for each in await store.attempts(begun)] == [1, 2]
    ledger = await held(store, [delivery.subscriber_id], papers)
    assert bool(ledger) is (state is not REJECTED)


async def test_where_nothing_is_noted_all_comes_back_in_doubt(store: SqlStore) -> None:
    _, _, both = await claim_two(store)
    assert await store.release(None) == 2
    assert {(await store.delivery(each)).state for each in both} == {PLANNED}


async def test_an_outcome_in_doubt_ends_as_unknown(store: SqlStore) -> None:
    _, _, (first, _) = await claim_two(store)
    lost = Outcome(OutcomeKind.DEFERRED, None, "after the final dot: lost", is_unknown=True, step=Step.DOT)
    await store.record([(Attempt(first, 1, at(1), at(2), lost), UNKNOWN, None)], at(2))
    delivery = await store.delivery(first)
    assert (delivery.state, delivery.finished_at) == (UNKNOWN, at(2))
    assert await store.inconsistencies(TODAY) == []
