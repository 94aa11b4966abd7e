"""Deliveries as somebody asks for them, on both databases: filters, pages, and what was answered alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from newsletter.model import (
    Attempt,
    Consent,
    DeliveryFilter,
    DeliveryState,
    Digest,
    IssueKind,
    Origin,
    Outcome,
    OutcomeKind,
    Section,
    Step,
    SubscriberDraft,
)
from tests.support.deliveries import draft
from tests.support.stored import LEASE, NOW, TODAY, at, digest_of, planned, settle

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

YESTERDAY = TODAY - timedelta(days=1)


def digest(profile: str, **said: Any) -> Digest:
    return replace(digest_of(**said), sections=(Section(profile, profile.title(), "all", ()),))


@pytest.fixture
async def listed(store: SqlStore) -> dict[str, int]:
    """Deliveries by name: one in most states, of two days, profiles, relays and domains."""
    addresses = ["ada@one.example", "bob@one.example", "eve@two.example", "fay@two.example", "gus@two.example"]
    drafts: list[SubscriberDraft] = [draft(address) for address in addresses]
    await store.apply_drafts(drafts, Consent("test", NOW), Origin.STORE, NOW)
    ada, bob, eve, fay, gus = [each.id for each in await store.list_subscribers()]
    refused = Outcome(
        OutcomeKind.REJECTED,
        550,
        "5.1.1 <bob@one.example> no such user",
        step=Step.RCPT,
        enhanced_code="5.1.1",
        relay="a",
    )
    lost = Outcome(OutcomeKind.DEFERRED, None, "lost", is_unknown=True, step=Step.DOT, relay="b")
    spam = Outcome(OutcomeKind.REJECTED, 554, "5.7.1 spam", step=Step.DOT, enhanced_code="5.7.1", relay="b")
    accepted = Outcome(OutcomeKind.ACCEPTED, 250, "Ok", relay="a")
    mails = [
        (ada, digest("vision", day=YESTERDAY), DeliveryState.ACCEPTED, accepted),
        (bob, digest("vision"), DeliveryState.REJECTED, refused),
        (eve, digest("robots"), DeliveryState.DEFERRED, lost),
        (fay, digest("vision-2", kind=IssueKind.WELCOME), DeliveryState.REJECTED, spam),
        (gus, digest("robots", kind=IssueKind.QUIET), None, None),
    ]  # fmt: skip
    found = {}
    for (who, content, state, outcome), name in zip(mails, ("ada", "bob", "eve", "fay", "gus"), strict=True):
        assert await store.plan([planned(who, content)], {}, NOW) == 1
        found[name] = (await store.find_deliveries(DeliveryFilter(), limit=1))[0].delivery.id
        if state is not None and outcome is not None:
            [claimed] = await store.claim("worker", 10, LEASE, at(1))
            attempt = Attempt(claimed.delivery.id, 1, at(1), at(1.5), outcome)
            await store.record([(attempt, state, at(60) if state is DeliveryState.DEFERRED else None)], at(2))
    return found


REJECTED, DEFERRED = DeliveryState.REJECTED, DeliveryState.DEFERRED


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({}, "gus fay eve bob ada"),
        ({"states": frozenset({REJECTED})}, "fay bob"),
        ({"states": frozenset({REJECTED, DEFERRED})}, "fay eve bob"),
        ({"kinds": frozenset({IssueKind.WELCOME, IssueKind.QUIET})}, "gus fay"),
        ({"since": TODAY}, "gus fay eve bob"),
        ({"until": YESTERDAY}, "ada"),
        ({"since": YESTERDAY, "until": TODAY}, "gus fay eve bob ada"),
        ({"domain": "ONE.example"}, "bob ada"),
        ({"profile": "vision"}, "bob ada"),
        ({"profile": "visio_"}, ""),
        ({"relay": "b"}, "fay eve"),
        ({"code": "5"}, "fay bob"),
        ({"code": "55"}, "fay bob"),
        ({"code": "550"}, "bob"),
        ({"code": "2"}, "ada"),
        ({"code": "5.1.1"}, "bob"),
        ({"code": "5.7"}, "fay"),
        ({"code": "5."}, "fay bob"),
        ({"in_doubt": True}, "eve"),
        ({"domain": "two.example", "states": frozenset({REJECTED}), "since": TODAY, "profile": "vision-2"}, "fay"),
    ],
)
async def test_filters_narrow_down(store: SqlStore, listed: dict[str, int], said: dict[str, Any], names: str) -> None:
    wanted = DeliveryFilter(**said)
    by_id = {number: name for name, number in listed.items()}
    found = [by_id[each.delivery.id] for each in await store.find_deliveries(wanted)]
    assert found == names.split()
    assert await store.count_found(wanted) == len(found)
    every = [each async for batch in store.every_delivery(wanted) for each in batch]
    assert [by_id[each.delivery.id] for each in every] == found


async def test_one_subscriber_is_found_by_id(store: SqlStore, listed: dict[str, int]) -> None:
    eve = (await store.delivery(listed["eve"])).subscriber_id
    [found] = await store.find_deliveries(DeliveryFilter(subscriber_id=eve))
    assert (found.address, found.in_doubt, found.delivery.relay) == ("eve@two.example", True, "b")


async def test_pages_follow_each_other(store: SqlStore, listed: dict[str, int]) -> None:
    seen: list[int] = []
    before: int | None = None
    while page := await store.find_deliveries(DeliveryFilter(), before_id=before, limit=2):
        seen += [each.delivery.id for each in page]
        before = seen[-1]
    assert seen == sorted(listed.values(), reverse=True)


async def test_replies_that_say_the_same_are_counted_together(store: SqlStore, listed: dict[str, int]) -> None:
    assert len(listed) == 5
    people = [draft(f"reader{number}@three.example") for number in range(4)]
    await store.apply_drafts(people, Consent("test", NOW), Origin.STORE, NOW)
    numbers = []
    for person in await store.list_subscribers(text="three.example"):
        await store.plan([planned(person.id, digest("vision"))], {}, NOW)
        said = f"5.1.1 <{person.address}> no such user"
        while claimed := await store.claim("worker", 1, LEASE, at(3)):
            numbers.append(claimed[0].delivery.id)
            outcome = Outcome(OutcomeKind.REJECTED, 550, said, step=Step.RCPT, enhanced_code="5.1.1")
            await store.record([(Attempt(numbers[-1], 1, at(3), at(3), outcome), REJECTED, None)], at(3))
    counts = await store.reply_counts(DeliveryFilter(states=frozenset({REJECTED})))
    most = counts[0]
    assert (most.code, most.enhanced_code, most.text) == (550, "5.1.1", "<address> no such user")
    assert most.count == len(numbers) + 1  # Bob was told the same
    assert most.example in {*numbers, listed["bob"]}
    assert [(each.code, each.text, each.count) for each in counts[1:]] == [(554, "spam", 1)]


async def test_what_may_have_arrived_is_tried_again_when_it_is_named_and_keeps_its_papers(store: SqlStore) -> None:
    await store.apply_drafts([draft("ada@one.example")], Consent("test", NOW), Origin.STORE, NOW)
    [ada] = await store.list_subscribers()
    await store.plan([planned(ada.id, digest("vision"))], {}, NOW)
    [claimed] = await store.claim("worker", 10, LEASE, at(1))
    lost = Outcome(OutcomeKind.DEFERRED, None, "lost", is_unknown=True, step=Step.DOT)
    ended = (Attempt(claimed.delivery.id, 1, at(1), at(1), lost), DeliveryState.UNKNOWN, None)
    await store.record([ended], at(1))
    [found] = await store.find_deliveries(DeliveryFilter(in_doubt=True))
    assert found.in_doubt
    assert await store.retry([claimed.delivery.id], at(5)) == 1
    again = await store.delivery(claimed.delivery.id)
    assert (again.state, again.message_id) == (DeliveryState.PLANNED, claimed.delivery.message_id)
    assert await settle(store, DeliveryState.ACCEPTED, minutes=6, number=2) == [claimed.delivery.id]
    assert await store.retry([claimed.delivery.id], at(7)) == 0
    assert await store.inconsistencies(TODAY) == []


@pytest.mark.parametrize(
    "said",
    [{}, {"states": frozenset({DeliveryState.ACCEPTED})}, {"since": TODAY, "until": TODAY}, {"profile": "vision"}],
)
async def test_a_page_is_read_in_the_order_of_the_key_and_sorts_nothing(
    store: SqlStore, listed: dict[str, int], said: dict[str, Any]
) -> None:
    assert listed
    query = store.listing(DeliveryFilter(**said), before_id=4).limit(50)
    compiled = query.compile(store.database.engine.sync_engine, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN " if store.database.is_sqlite else "EXPLAIN "
    async with store.database.read() as connection:
        if not store.database.is_sqlite:  # so few rows are sorted sooner than looked up
            await connection.execute(text("SET LOCAL enable_sort = off"))
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = " ".join(str(tuple(row)) for row in await connection.execute(text(explain + str(compiled))))
    if store.database.is_sqlite:
        assert "deliveries USING INTEGER PRIMARY KEY (rowid<?)" in plan
        assert "TEMP B-TREE FOR ORDER BY" not in plan
    else:
        assert "pk_deliveries" in plan
        assert "Sort" not in plan
