"""Leases: kept by who gives signs of life, ended for who gives none, whatever the clocks say."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from newsletter.model import DeliveryState, Lease
from newsletter.service.leases import LeaseKeeper
from newsletter.store.schema import deliveries
from newsletter.store.sql import SqlStore, open_store
from tests.support.deliveries import PLANNED_AT, plan
from tests.support.stored import attempt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from newsletter.model import ClaimedDelivery

LENGTH = timedelta(minutes=5)
HOUR = timedelta(hours=1)
SENDING, ACCEPTED, DEFERRED = DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.DEFERRED


class Watch:
    """A clock that nobody sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def other(store_url: str) -> AsyncIterator[SqlStore]:
    """Another process's store over the same database."""
    opened = open_store(store_url, busy_timeout_s=5)
    yield opened
    await opened.aclose()


async def claim(store: SqlStore, owner: str, limit: int = 10) -> list[ClaimedDelivery]:
    return await store.claim(owner, limit, LENGTH, PLANNED_AT)


@pytest.mark.parametrize("step", [-HOUR, HOUR, timedelta(days=400)])
async def test_no_clock_ends_a_lease(store: SqlStore, step: timedelta) -> None:
    await plan(store, 3)
    assert len(await claim(store, "one")) == 3
    assert await store.claim("another", 10, LENGTH, PLANNED_AT + step) == []
    assert await store.next_due_at() is None


async def test_who_gives_signs_of_life_keeps_its_lease(store: SqlStore, other: SqlStore) -> None:
    await plan(store, 3)
    await claim(store, "slow", 2)
    clock = Watch()
    watcher = LeaseKeeper(other, "watcher", LENGTH, watching=clock)
    for _ in range(50):
        assert await watcher.watch() == 0
        clock.seconds += LENGTH.total_seconds() - 1
        assert await store.renew("slow")
    assert await store.count_deliveries() == {SENDING: 2, DeliveryState.PLANNED: 1}


async def test_who_is_silent_for_all_its_length_loses_it(store: SqlStore, other: SqlStore) -> None:
    await plan(store, 3)
    await claim(store, "dead", 2)
    clock = Watch()
    watcher = LeaseKeeper(other, "watcher", LENGTH, watching=clock)
    assert await watcher.watch() == 0  # from now on it counts
    clock.seconds += LENGTH.total_seconds() - 1
    assert await watcher.watch() == 0
    clock.seconds += 1
    assert await watcher.watch() == 2
    assert await store.leases() == []
    again = await claim(other, "watcher")
    assert len(again) == 3
    assert sorted((await doubts(store)).values()) == [False, True, True]
    assert not await store.renew("dead")


async def doubts(store: SqlStore) -> dict[int, bool]:
    """Return which deliveries may have arrived."""
    async with store.database.read() as connection:
        rows = await connection.execute(select(deliveries.c.id, deliveries.c.is_unknown))
        return {row.id: row.is_unknown for row in rows}


async def test_a_lease_is_as_long_as_its_holder_said(store: SqlStore, other: SqlStore) -> None:
    await plan(store, 1)
    await store.claim("patient", 1, 4 * LENGTH, PLANNED_AT)
    assert await store.leases() == [Lease("patient", 0, 4 * LENGTH)]
    clock = Watch()
    watcher = LeaseKeeper(other, "watcher", LENGTH, watching=clock)
    await watcher.watch()
    clock.seconds += 3 * LENGTH.total_seconds()
    assert await watcher.watch() == 0
    clock.seconds += LENGTH.total_seconds()
    assert await watcher.watch() == 1


async def test_a_sign_of_life_in_the_last_moment_counts(store: SqlStore, other: SqlStore) -> None:
    await plan(store, 2)
    await claim(store, "slow", 1)
    (seen,) = await other.leases()
    assert await store.renew("slow")
    assert await other.end_lease(seen) is None
    (seen,) = await other.leases()
    assert len(await claim(store, "slow", 1)) == 1  # a claim is one too
    assert await other.end_lease(seen) is None
    assert await store.count_deliveries() == {SENDING: 2}


async def test_of_two_watchers_one_ends_it(store: SqlStore, other: SqlStore) -> None:
    await plan(store, 3)
    await claim(store, "dead")
    (lease,) = await store.leases()
    ends = await asyncio.gather(store.end_lease(lease), other.end_lease(lease))
    assert sorted(ends, key=str) == [3, None]


async def test_an_orderly_end_leaves_nothing_in_doubt(store: SqlStore) -> None:
    await plan(store, 2)
    await claim(store, "orderly")
    assert await store.release("orderly") == 2
    assert await store.leases() == []
    assert set((await doubts(store)).values()) == {False}


async def test_what_another_sends_by_now_only_an_acceptance_moves(store: SqlStore, other: SqlStore) -> None:
    await plan(store, 3)
    ids = [each.delivery.id for each in await claim(store, "revived")]
    (lease,) = await other.leases()
    await other.end_lease(lease)
    assert len(await claim(other, "another")) == 3
    retry_at = PLANNED_AT + HOUR
    late = [(attempt(ids[0], DEFERRED), DEFERRED, retry_at), (attempt(ids[1], ACCEPTED), ACCEPTED, None)]
    assert sorted(await store.record(late, PLANNED_AT, "revived")) == ids[:2]
    assert [(await store.delivery(each)).state for each in ids] == [SENDING, ACCEPTED, SENDING]
    assert len(await store.attempts(ids[0])) == 1  # what happened is kept all the same
    mine = [(attempt(each, ACCEPTED, number=2), ACCEPTED, None) for each in (ids[0], ids[2])]
    assert await other.record(mine, PLANNED_AT, "another") == []
    assert await store.count_deliveries() == {ACCEPTED: 3}
