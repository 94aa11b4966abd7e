"""Pauses and the seal, on both databases."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import update

from newsletter.model import DeliveryState, Pause, PauseScope
from newsletter.service.gate import Gate, read_clearance
from newsletter.store.schema import seals
from tests.support.stored import LEASE, NOW, add_people, at, attempt, digest_of, planned

if TYPE_CHECKING:
    from newsletter.core.clearance import Clearance
    from newsletter.store.sql import SqlStore

EVERYTHING = Pause(PauseScope.ALL, "", "moving", NOW)
VISION = Pause(PauseScope.PROFILE, "vision", "", at(1))


async def test_pauses_are_kept_once_with_their_first_hour_and_last_reason(store: SqlStore) -> None:
    assert await store.pauses() == []
    assert await store.pause(VISION)
    assert await store.pause(EVERYTHING)
    assert not await store.pause(Pause(PauseScope.ALL, "", "still moving", at(60)))
    assert await store.pauses() == [Pause(PauseScope.ALL, "", "still moving", NOW), VISION]
    assert await store.unpause(PauseScope.ALL, "")
    assert not await store.unpause(PauseScope.ALL, "")
    assert not await store.unpause(PauseScope.RELAY, "vision")
    assert await store.pauses() == [VISION]


async def test_what_waited_for_a_pause_is_due_when_it_ends_and_leases_stay(store: SqlStore) -> None:
    people = await add_people(store, "ada", "bob", "eve")
    await store.plan([planned(who, digest_of()) for who in people], {}, NOW)
    (leased, tried, waiting) = await store.claim("worker", 10, LEASE, NOW)
    await store.record([(attempt(tried.delivery.id, DeliveryState.DEFERRED), DeliveryState.DEFERRED, at(40))], at(1))
    await store.record([(attempt(waiting.delivery.id, DeliveryState.DEFERRED), DeliveryState.DEFERRED, at(3))], at(1))
    await store.pause(EVERYTHING)
    await store.unpause(PauseScope.ALL, "")
    assert await store.next_due_at() == at(3)
    claimed = await store.claim("other", 10, LEASE, at(5))
    assert [each.delivery.id for each in claimed] == [waiting.delivery.id]
    assert leased.delivery.id not in {each.delivery.id for each in await store.claim("other", 10, LEASE, at(6))}


async def test_a_store_is_at_home_where_it_first_sends(store: SqlStore) -> None:
    assert await store.seal() is None
    before = await read_clearance(store)
    assert (before.is_sealed, before.refusal) == (False, "")
    assert await store.seal() is None  # looking settles nothing
    one, other = await asyncio.gather(*(store.settle_here(at(minute), moving=False) for minute in (0, 1)))
    assert one == other == await store.seal()
    assert one.place == await store.here()
    assert not (await read_clearance(store)).is_sealed
    assert await store.settle_here(at(9), moving=False) == one


async def test_a_store_that_is_at_home_elsewhere_is_sealed_until_it_is_told(store: SqlStore) -> None:
    await store.settle_here(NOW, moving=False)
    async with store.database.write() as connection:
        await connection.execute(update(seals).values(fingerprint="0" * 32, place="another machine"))
    sealed = await read_clearance(store)
    assert sealed.is_sealed
    assert "it is at home at another machine" in sealed.refusal
    assert "`newsletter unseal`" in sealed.refusal
    gate = Gate(store, lambda: at(5))
    assert (await gate.clearance()).is_sealed
    assert (await store.settle_here(at(7), moving=True)).sealed_at == at(7)
    assert not (await read_clearance(store)).is_sealed


async def test_the_gate_settles_a_new_store_and_sees_a_pause_within_seconds(store: SqlStore) -> None:
    clock = [at(0)]
    gate = Gate(store, lambda: clock[0])
    assert (await gate.clearance()).refusal == ""
    assert await store.seal() is not None
    await store.pause(EVERYTHING)
    clock[0] = at(0.2)
    assert (await gate.clearance()).refusal == (
        "sending is paused since 2026-01-05 06:00 UTC (moving); `newsletter unpause` goes on"
    )
    await store.unpause(PauseScope.ALL, "")
    clock[0] = at(-60)  # the clock was put back
    assert (await gate.clearance()).refusal == ""


async def test_a_pause_of_a_part_refuses_nothing_by_itself(store: SqlStore) -> None:
    await store.pause(VISION)
    await store.pause(Pause(PauseScope.RELAY, "main", "", NOW))
    clearance: Clearance = await read_clearance(store)
    assert clearance.refusal == ""
    assert clearance.paused_profiles == {"vision"}
    assert clearance.paused_relays == {"main"}
