"""The figures and the alerts that those who watch ask the store for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from newsletter.errors import StoreVersionError
from newsletter.model import Alert, DeliveryState, SubscriberStatus
from tests.support.stored import LEASE, NOW, add_papers, add_people, at, digest_of, planned, settle

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

DAY = timedelta(days=1)
ALERT = Alert("source:arxiv", "mail", "arxiv cannot be read", NOW)


async def test_an_empty_store_has_figures_too(store: SqlStore) -> None:
    readings = await store.readings(NOW - DAY, NOW)
    assert readings.deliveries == {(str(state), ""): 0 for state in DeliveryState}
    assert readings.subscribers == {str(status): 0 for status in SubscriberStatus}
    assert (readings.papers, readings.oldest_ready_at) == (0, None)
    assert (readings.last_issue_at, readings.last_issue_planned) == (None, 0)


async def test_figures_follow_the_deliveries(store: SqlStore) -> None:
    paper, *_ = await add_papers(store, 3)
    people = await add_people(store, "ada", "bob", "eve")
    await store.set_status(people[2], SubscriberStatus.PAUSED, "away", NOW)
    await store.plan([planned(who, digest_of(paper), due_minutes=5 * who) for who in people[:2]], {}, at(1))
    before = await store.readings(NOW - DAY, at(0))
    assert (before.papers, before.oldest_ready_at, before.last_issue_at) == (3, None, at(1))
    assert before.last_issue_planned == 2
    assert (before.subscribers["active"], before.subscribers["paused"]) == (2, 1)
    due = await store.readings(NOW - DAY, at(60))
    assert due.oldest_ready_at == at(5 * people[0])
    assert (due.deliveries["planned", ""], due.deliveries["accepted", ""]) == (2, 0)
    await settle(store, DeliveryState.ACCEPTED, minutes=5 * people[0])
    after = await store.readings(NOW - DAY, at(60))
    assert (after.deliveries["planned", ""], after.deliveries["accepted", ""]) == (1, 1)
    assert after.oldest_ready_at == at(5 * people[1])


async def test_a_delivery_under_a_lease_waits_for_nobody(store: SqlStore) -> None:
    paper, *_ = await add_papers(store, 1)
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, digest_of(paper))], {}, NOW)
    await store.claim("worker", 10, LEASE, at(1))
    assert (await store.readings(NOW - DAY, at(2))).oldest_ready_at is None
    await store.release("worker")
    assert (await store.readings(NOW - DAY, at(60))).oldest_ready_at == NOW


async def test_deliveries_planned_before_the_time_asked_for_do_not_count(store: SqlStore) -> None:
    paper, *_ = await add_papers(store, 1)
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, digest_of(paper))], {}, NOW)
    assert sum((await store.readings(at(1), at(2))).deliveries.values()) == 0
    assert sum((await store.readings(NOW, at(2))).deliveries.values()) == 1


async def test_alerts_are_kept_replaced_and_forgotten(store: SqlStore) -> None:
    assert await store.alerts() == []
    hook = replace(ALERT, channel="webhook")
    await store.save_alerts([ALERT, hook], [])
    assert await store.alerts() == [ALERT, hook]
    told = replace(ALERT, summary="still", announced_at=at(30), calm_since=at(40))
    await store.save_alerts([told], [hook])
    assert await store.alerts() == [told]
    await store.save_alerts([], [told])
    assert await store.alerts() == []


async def test_forgetting_what_is_unknown_changes_nothing(store: SqlStore) -> None:
    await store.save_alerts([], [ALERT])
    await store.save_alerts([], [])
    assert await store.alerts() == []


async def test_another_schema_is_told(store: SqlStore) -> None:
    await store.check_schema()
    async with store.database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreVersionError, match=r"9999.*newsletter migrate"):
        await store.check_schema()
    async with store.database.write() as connection:
        await connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(StoreVersionError, match="newsletter migrate"):
        await store.check_schema()
