"""Two processes that change people at the same time: nobody is there twice, and no change is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import ConflictError
from newsletter.model import Origin, SubscriberStatus
from newsletter.store.sql import SqlStore, open_store
from tests.support.deliveries import PLANNED_AT, plan
from tests.support.samples import NOW, make_consent, make_draft

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AT_ONCE = 4


@pytest.fixture
async def stores(store_url: str) -> AsyncIterator[list[SqlStore]]:
    """Several programs' stores over one database."""
    opened = [open_store(store_url, busy_timeout_s=10) for _ in range(AT_ONCE)]
    yield opened
    for store in opened:
        await store.aclose()


async def test_the_profile_files_may_be_read_in_by_several_at_once(stores: list[SqlStore]) -> None:
    drafts = [make_draft(f"reader{number}@example.org") for number in range(20)]
    counts = await asyncio.gather(*(store.sync_file_subscribers(drafts, NOW) for store in stores))
    assert sorted(counts) == [(0, 0, 20, 0)] * (AT_ONCE - 1) + [(20, 0, 0, 0)]


async def test_a_list_may_be_imported_by_several_at_once(stores: list[SqlStore]) -> None:
    drafts = [make_draft(f"reader{number}@example.org") for number in range(20)]
    counts = await asyncio.gather(*(store.apply_drafts(drafts, make_consent(), Origin.STORE, NOW) for store in stores))
    assert sorted(counts) == [(0, 0, 20)] * (AT_ONCE - 1) + [(20, 0, 0)]


async def test_of_several_who_add_somebody_one_does(stores: list[SqlStore]) -> None:
    adding = (store.add_subscriber(make_draft(), make_consent(), Origin.STORE, NOW) for store in stores)
    ends = await asyncio.gather(*adding, return_exceptions=True)
    refused = [end for end in ends if isinstance(end, BaseException)]
    assert [type(end) for end in refused] == [ConflictError] * (AT_ONCE - 1)
    assert all("is there already" in str(end) for end in refused)


async def test_who_unsubscribes_while_the_files_are_read_stays_so(stores: list[SqlStore]) -> None:
    draft = make_draft()
    await stores[0].sync_file_subscribers([draft], NOW)
    await stores[0].sync_file_subscribers([], NOW)  # left the files, and may come back with them
    reader = await stores[0].find_subscriber(draft.address.key)
    leaving = stores[1].set_status(reader.id, SubscriberStatus.UNSUBSCRIBED, "one click", NOW)
    await asyncio.gather(leaving, *(store.sync_file_subscribers([draft], NOW) for store in stores[2:]))
    after = await stores[0].subscriber(reader.id)
    assert (after.status, after.status_reason) == (SubscriberStatus.UNSUBSCRIBED, "one click")


async def test_what_a_killed_process_held_is_taken_over_once_nobody_is_sending(stores: list[SqlStore]) -> None:
    await plan(stores[0], 3)
    assert len(await stores[0].claim("the killed one", 2, timedelta(minutes=30), PLANNED_AT)) == 2
    if not stores[0].database.is_sqlite:  # where only one process can send at all
        async with stores[1].sending(), stores[2].sending():
            assert await stores[3].take_over() == 0
    assert await stores[3].take_over() == 2
    assert await stores[3].take_over() == 0
    again = await stores[3].claim("its successor", 9, timedelta(minutes=30), PLANNED_AT)
    assert len(again) == 3
