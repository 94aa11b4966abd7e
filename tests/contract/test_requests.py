"""Requests with an idempotency key: each carried out once, whoever asks meanwhile, and answered alike for a day."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import PreconditionError
from newsletter.model import (
    Bounce,
    BounceKind,
    KeptAnswer,
    KeyedRequest,
    RequestPhase,
    RequestStanding,
    SubscriberStatus,
    Verdict,
)
from newsletter.store.sql import open_store
from tests.support.stored import NOW, TODAY, add_papers, add_people, at, draft

if TYPE_CHECKING:
    from newsletter.model import Subscriber
    from newsletter.store.sql import SqlStore

ASKED = KeyedRequest("crm", "a-key", "the hash")
ANSWER = KeptAnswer(201, {"location": "/api/v1/subscribers/1"}, '{"id": 1}')


async def test_a_request_is_new_then_under_way_then_answered(store: SqlStore, store_url: str) -> None:
    assert await store.begin_request(ASKED, NOW) == RequestStanding(RequestPhase.NEW, NOW)
    assert (await store.begin_request(ASKED, at(0.5))).phase is RequestPhase.UNDER_WAY
    await store.finish_request(ASKED, ANSWER)
    other = open_store(store_url)  # as after a restart, or in another process
    assert await other.begin_request(ASKED, at(60)) == RequestStanding(RequestPhase.ANSWERED, NOW, ANSWER)
    await other.aclose()


async def test_whoever_died_over_a_request_leaves_it_to_the_next_after_a_minute(store: SqlStore) -> None:
    await store.begin_request(ASKED, NOW)
    assert await store.begin_request(ASKED, at(1.1)) == RequestStanding(RequestPhase.RESUMED, NOW)
    assert (await store.begin_request(ASKED, at(1.2))).phase is RequestPhase.UNDER_WAY


async def test_a_key_belongs_to_one_request_of_one_token(store: SqlStore) -> None:
    await store.begin_request(ASKED, NOW)
    other = KeyedRequest("crm", "a-key", "another hash")
    assert (await store.begin_request(other, NOW)).phase is RequestPhase.OTHER
    assert (await store.begin_request(KeyedRequest("shop", "a-key", "x"), NOW)).phase is RequestPhase.NEW


async def test_a_key_that_was_given_back_or_is_a_day_old_is_free(store: SqlStore) -> None:
    await store.begin_request(ASKED, NOW)
    await store.abandon_request(ASKED)
    assert (await store.begin_request(ASKED, at(1))).phase is RequestPhase.NEW
    await store.finish_request(ASKED, ANSWER)
    await store.abandon_request(ASKED)  # what has been answered stays
    assert (await store.begin_request(ASKED, at(2))).phase is RequestPhase.ANSWERED
    assert (await store.begin_request(ASKED, at(24 * 60 + 1))).phase is RequestPhase.NEW


async def test_of_many_at_once_one_carries_it_out(store: SqlStore, store_url: str) -> None:
    stores = [store, *(open_store(store_url, busy_timeout_s=20) for _ in range(3))]
    found = await asyncio.gather(*(each.begin_request(ASKED, NOW) for each in stores for _ in range(3)))
    assert sorted(each.phase for each in found) == sorted([RequestPhase.NEW, *[RequestPhase.UNDER_WAY] * 11])
    for each in stores[1:]:
        await each.aclose()


async def test_a_check_that_fails_changes_nothing(store: SqlStore) -> None:
    [ada] = await add_people(store, "ada")
    seen: list[Subscriber] = []

    def refuse(subscriber: Subscriber) -> None:
        seen.append(subscriber)
        raise PreconditionError("changed")

    before = await store.subscriber(ada)
    with pytest.raises(PreconditionError):
        await store.edit_subscriber("ada@example.org", draft("ada", zone="Asia/Tokyo"), at(1), refuse)
    with pytest.raises(PreconditionError):
        await store.set_status(ada, SubscriberStatus.PAUSED, "why", at(1), check=refuse)
    with pytest.raises(PreconditionError):
        await store.remove_subscriber("ada@example.org", refuse)
    assert seen == [before] * 3
    assert await store.subscriber(ada) == before


async def test_bounces_go_on_below_an_id(store: SqlStore) -> None:
    for number in range(4):
        await store.record_bounce(Bounce(BounceKind.SOFT, "dsn", at(number), str(number)), lambda _: Verdict())
    first = await store.list_bounces(limit=2)
    rest = await store.list_bounces(limit=9, before_id=first[-1].id)
    assert [each.event_key for each in (*first, *rest)] == ["3", "2", "1", "0"]


async def test_papers_of_days_go_on_below_a_position(store: SqlStore) -> None:
    ids = await add_papers(store, 5)
    first = await store.appeared(TODAY, TODAY, None, 2)
    rest = await store.appeared(TODAY, TODAY, first[-1][1], 9)
    assert [paper_id for paper_id, _ in (*first, *rest)] == sorted(ids, reverse=True)
    assert await store.appeared(TODAY.replace(day=6), TODAY.replace(day=7), None, 9) == []
