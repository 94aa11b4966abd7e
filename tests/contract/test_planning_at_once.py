"""Several who plan the same moment on one database: each issue is planned once, and nobody waits in a circle."""

from __future__ import annotations

import asyncio
import random
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.model import Consent, Digest, IssueKind, Origin, PlannedDelivery
from newsletter.store.ranges import RANGE
from newsletter.store.sql import SqlStore, open_store
from tests.support.deliveries import PLANNED_AT, draft

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AT_ONCE = 4
PEOPLE = 700  # more than one statement's worth
DAYS = (date(2026, 3, 2), date(2026, 3, 3))


@pytest.fixture
async def stores(store_url: str) -> AsyncIterator[list[SqlStore]]:
    """Several programs' stores over one database."""
    opened = [open_store(store_url, busy_timeout_s=30) for _ in range(AT_ONCE)]
    yield opened
    for store in opened:
        await store.aclose()


async def add(store: SqlStore, number: int) -> list[int]:
    drafts = [draft(f"reader{index}@example.org") for index in range(number)]
    await store.apply_drafts(drafts, Consent("test", PLANNED_AT), Origin.STORE, PLANNED_AT)
    return [person.id for person in await store.list_subscribers()]


def everything(people: list[int], by: str) -> list[PlannedDelivery]:
    """Return a delivery for each of these people, their digests and dates in an order of nobody's choosing."""
    digests = [Digest(IssueKind.DIGEST, day, (), considered=number) for day in DAYS for number in range(20)]
    chooser = random.Random(7)  # noqa: S311 (no secret)
    planned = [
        PlannedDelivery(who, chooser.choice(digests), PLANNED_AT, f"<{who}.{by}@news.example>", 0) for who in people
    ]
    random.Random(by).shuffle(planned)  # noqa: S311
    return planned


async def test_each_issue_is_planned_once(stores: list[SqlStore]) -> None:
    people = await add(stores[0], PEOPLE)
    planning = (store.plan(everything(people, str(index)), {}, PLANNED_AT) for index, store in enumerate(stores))
    counts = await asyncio.gather(*planning)
    assert sum(counts) == PEOPLE
    stored = await stores[0].list_deliveries(limit=10 * PEOPLE)
    assert sorted(delivery.subscriber_id for delivery in stored) == people
    sums = await stores[0].issue_sums(min(DAYS))
    assert sum(each.planned for each in sums) == PEOPLE
    assert all(each.difference == 0 for each in sums)


async def test_a_planner_and_one_who_skips_do_not_wait_in_a_circle(stores: list[SqlStore]) -> None:
    people = await add(stores[0], PEOPLE)
    backwards = people[::-1]
    await asyncio.gather(
        stores[0].plan(everything(people, "one"), {}, PLANNED_AT),
        stores[1].skip(backwards, DAYS[0]),
        stores[2].skip(people, DAYS[1]),
        stores[3].plan(everything(people, "other"), {}, PLANNED_AT),
    )
    assert set((await stores[0].last_issue_dates(people)).values()) == {DAYS[1]}


async def test_a_planner_and_one_who_retries_do_not_wait_in_a_circle(stores: list[SqlStore]) -> None:
    people = await add(stores[0], 50)
    await stores[0].plan(everything(people, "one"), {}, PLANNED_AT)
    later = [
        PlannedDelivery(
            who, Digest(IssueKind.DIGEST, DAYS[1] + timedelta(days=1), (), 0), PLANNED_AT, f"<{who}@x.example>", 0
        )
        for who in people
    ]
    ids = [delivery.id for delivery in await stores[0].list_deliveries(limit=100)]
    await asyncio.gather(
        *(stores[index].plan(later[::-1] if index % 2 else later, {}, PLANNED_AT) for index in range(2)),
        *(stores[index].retry(ids, PLANNED_AT) for index in (2, 3)),
    )
    assert len(await stores[0].list_deliveries(limit=1000)) == 100


async def test_a_range_that_somebody_plans_for_is_left_to_them(stores: list[SqlStore]) -> None:
    first, second = [1, 2, RANGE - 1], [RANGE, RANGE + 1, 5 * RANGE]
    async with stores[0].planning(first) as mine:
        assert mine == set(first)
        async with stores[1].planning([*first, *second]) as others:
            if stores[0].database.is_sqlite:  # where one process plans
                assert others == {*first, *second}
                return
            assert others == set(second)
            async with stores[2].planning([3, 5 * RANGE + 7, 9 * RANGE]) as rest:
                assert rest == {9 * RANGE}
    async with stores[3].planning([*first, *second]) as everybody:
        assert everybody == {*first, *second}
