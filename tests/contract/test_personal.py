"""What people do about themselves: leaving and taking it back, everything shown, everything erased, moving."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select

from newsletter.errors import ConflictError, NotFoundError
from newsletter.model import (
    AddressChange,
    AddressSide,
    DeliveryState,
    Digest,
    EventKind,
    IssueKind,
    Keyword,
    Origin,
    Section,
    Selected,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
    VoteValue,
    WantedWebhook,
)
from newsletter.store.personal import BY_ADDRESS, conditions, personal_tables
from newsletter.store.schema import api_requests, bounce_scores, bounces, metadata
from tests.support.stored import (
    CONSENT,
    NOW,
    TODAY,
    add_papers,
    add_people,
    address,
    at,
    digest_of,
    draft,
    planned,
    settle,
)

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

OLD, NEW = AddressSide.OLD, AddressSide.NEW
HASH = SuppressionKind.HASH
SECRET_WORDS = "midnight quokkas"


async def everything(store: SqlStore) -> str:
    """Return all that a database holds, as text."""
    held = []
    async with store.database.read() as connection:
        for table in metadata.sorted_tables:
            held += [f"{table.name}: {tuple(row)}" for row in await connection.execute(select(table))]
    return "\n".join(held)


async def live(store: SqlStore) -> int:
    """Return the id of somebody of whom every kind of row is stored."""
    await store.sync_webhooks([WantedWebhook("crm", frozenset({EventKind.SUBSCRIBED}), with_address=True)], NOW)
    papers = await add_papers(store, 2)
    known = draft("zebedee", profiles=("vision",), keywords=(Keyword(SECRET_WORDS),))
    ada = (await store.add_subscriber(known, CONSENT, Origin.STORE, NOW)).id
    mine = (Selected(papers[0], 1.0), Selected(papers[1], 1.0, is_update=True))
    digest = Digest(IssueKind.DIGEST, TODAY, (Section(f"personal:{SECRET_WORDS}", "Yours", "yours", mine),), 2)
    await store.plan([planned(ada, digest)], {ada: [(papers[0], 1), (papers[1], 2)]}, NOW)
    await settle(store, DeliveryState.ACCEPTED)
    await store.suppress(
        [Suppression(SuppressionKind.ADDRESS, "zebedee@example.org", SuppressionReason.MANUAL, "", "test", NOW)]
    )
    await store.cast_vote(ada, papers[0], VoteValue.GOOD, NOW)
    await store.save_paper(ada, papers[1], NOW)
    await store.depart(ada, "unsubscribed by page", at(5))
    await ask(store, ada, "zebedee.new")
    async with store.database.write() as connection:
        bounced = {
            "kind": "hard",
            "source": "dsn",
            "recorded_at": NOW,
            "text": "to zebedee@example.org",
            "event_key": "1",
        }
        await connection.execute(insert(bounces).values(subscriber_id=ada, **bounced))
        await connection.execute(insert(bounces).values(bounced | {"event_key": "2", "text": "Zebedee@example.org?"}))
        answered = {"token": "t", "key": "k", "content_hash": "h", "started_at": NOW, "held_until": NOW, "headers": ""}
        await connection.execute(insert(api_requests).values(body="zebedee@example.org is added", **answered))
        await connection.execute(insert(bounce_scores).values(subscriber_id=ada, score=1.0, scored_at=NOW))
    await fill(store, ada)
    return ada


async def fill(store: SqlStore, who: int) -> None:
    """Put a row of somebody's into each table that has none yet: also into those that are newer than this test."""
    kinds = {int: 1, str: "{}", bool: False, datetime: NOW, date: TODAY, float: 1.0}
    rows = await store.personal_rows(who)
    async with store.database.write() as connection:
        for table in personal_tables():
            if rows[table.name]:
                continue
            needed = [each for each in table.columns if not each.nullable and each is not table.autoincrement_column]
            values = {each.name: kinds[getattr(each.type, "impl", each.type).python_type] for each in needed}
            await connection.execute(insert(table).values(values | {"subscriber_id": who}))


# --- Leaving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["pending", "active", "paused", "bounced"])
async def test_taking_back_restores_exactly_what_somebody_was(store: SqlStore, status: str) -> None:
    (ada,) = await add_people(store, "ada")
    until = date(2026, 2, 1) if status == "paused" else None
    before = await store.set_status(ada, SubscriberStatus(status), "on holiday", NOW, until)
    assert await store.depart(ada, "unsubscribed by page", at(1))
    assert not await store.depart(ada, "unsubscribed by one-click", at(2))
    left = await store.subscriber(ada)
    assert (left.status, left.status_reason) == (SubscriberStatus.UNSUBSCRIBED, "unsubscribed by page")
    departure = await store.departure(ada)
    assert departure is not None
    assert departure.left_at == at(1)
    assert await store.take_back(ada, at(1), at(3))
    assert not await store.take_back(ada, at(1), at(4))
    again = await store.subscriber(ada)
    assert (again.status, again.status_reason, again.paused_until) == (status, before.status_reason, until)
    assert again.consent.method == "undo"
    assert await store.departure(ada) is None


async def test_only_the_present_leaving_is_taken_back(store: SqlStore) -> None:
    (ada,) = await add_people(store, "ada")
    await store.depart(ada, "unsubscribed by page", at(1))
    await store.set_status(ada, SubscriberStatus.ACTIVE, "asked by telephone", at(2))
    assert await store.departure(ada) is None
    await store.set_status(ada, SubscriberStatus.UNSUBSCRIBED, "complaint", at(3))
    assert not await store.take_back(ada, at(1), at(4))
    await store.set_status(ada, SubscriberStatus.ACTIVE, "asked again", at(5))
    await store.depart(ada, "unsubscribed by page", at(6))
    assert not await store.take_back(ada, at(1), at(7))
    assert await store.take_back(ada, at(6), at(8))


async def test_whoever_is_suppressed_or_gone_does_not_leave(store: SqlStore) -> None:
    (ada,) = await add_people(store, "ada")
    await store.set_status(ada, SubscriberStatus.SUPPRESSED, "by hand", NOW)
    assert not await store.depart(ada, "unsubscribed by page", NOW)
    with pytest.raises(NotFoundError):
        await store.depart(ada + 1, "unsubscribed by page", NOW)
    assert not await store.take_back(ada + 1, NOW, NOW)


async def test_files_bring_nobody_back_who_left(store: SqlStore) -> None:
    await store.sync_file_subscribers([draft("ada")], NOW)
    ada = (await store.find_subscriber("ada@example.org")).id
    await store.depart(ada, "unsubscribed by one-click", at(1))
    await store.sync_file_subscribers([draft("ada")], at(2))
    assert (await store.subscriber(ada)).status is SubscriberStatus.UNSUBSCRIBED


# --- Everything about somebody ----------------------------------------------------------------------------------------


async def test_everything_that_is_stored_is_shown(store: SqlStore) -> None:
    ada = await live(store)
    (eve,) = await add_people(store, "eve")
    rows = await store.personal_rows(ada)
    assert {name for name, found in rows.items() if not found} == set()
    assert set(rows) >= {table.name for table in personal_tables()} | {"digests", *BY_ADDRESS}
    assert json.loads(json.dumps(rows)) == rows
    assert rows["subscribers"][0]["keywords"] == [{"text": SECRET_WORDS, "weight": 1.0, "field": "any"}]
    assert rows["ledger"][0]["title"] == "On the learning of representations, part 1"
    assert rows["attempts"][0]["text"] == "2.0.0 Ok: queued as 4XyZ"
    assert rows["digests"][0]["content"]["sections"][0]["profile"] == f"personal:{SECRET_WORDS}"
    others = await store.personal_rows(eve)
    assert {name for name, found in others.items() if found} == {"subscribers", "consents", "postings"}
    with pytest.raises(NotFoundError):
        await store.personal_rows(eve + 1)


async def test_nothing_remains_of_whoever_is_erased_but_a_hash(store: SqlStore) -> None:
    ada = await live(store)
    before = await everything(store)
    assert SECRET_WORDS in before
    assert await store.erase_subscriber(ada, at(10))
    after = await everything(store)
    for trace in ("zebedee", SECRET_WORDS, "4XyZ"):
        assert trace not in after.lower() if trace == "zebedee" else trace not in after, trace
    async with store.database.read() as connection:
        for name, condition in conditions(ada, "zebedee@example.org").items():
            query = select(metadata.tables[name]).where(condition)
            assert (await connection.execute(query)).all() == [], name
    (left,) = await store.list_suppressions()
    assert (left.kind, left.reason) == (HASH, SuppressionReason.ERASED)
    assert left.value == store.fingerprints.of("zebedee@example.org")
    assert not await store.erase_subscriber(ada, at(11))


async def test_a_digest_that_others_got_too_stays(store: SqlStore) -> None:
    papers = await add_papers(store, 1)
    ada, eve = await add_people(store, "ada", "eve")
    mine = Section(f"personal:{SECRET_WORDS}", "Yours", "yours", (Selected(papers[0], 1.0),))
    shared = Digest(IssueKind.DIGEST, TODAY, (mine,), 1)
    await store.plan([planned(ada, shared), planned(eve, shared)], {}, NOW)
    await store.erase_subscriber(ada, NOW)
    assert SECRET_WORDS in await everything(store)
    await store.remove_subscriber("eve@example.org")
    assert SECRET_WORDS not in await everything(store)


async def test_whoever_was_erased_comes_back_only_by_their_own_wish(store: SqlStore) -> None:
    (ada,) = await add_people(store, "ada")
    await store.erase_subscriber(ada, NOW)
    assert await store.apply_drafts([draft("Ada"), draft("eve")], CONSENT, Origin.STORE, NOW) == (1, 0, 1)
    assert await store.sync_file_subscribers([draft("ada")], NOW) == (0, 0, 1, 0)
    with pytest.raises(ConflictError, match="suppression remove"):
        await store.add_subscriber(draft("ada"), CONSENT, Origin.STORE, NOW)
    assert set(await store.erased(["ada@example.org", "eve@example.org"], NOW)) == {"ada@example.org"}
    assert (await store.suppressed([address("Ada"), address("eve")], NOW))["ada@example.org"].kind is HASH
    pending = await store.add_subscriber(draft("ada", status=SubscriberStatus.PENDING), CONSENT, Origin.STORE, NOW)
    assert pending.id > ada
    assert await store.unsuppress([(HASH, store.fingerprints.of("ada@example.org"))]) == 1
    assert not await store.suppressed([address("ada")], NOW)


async def test_another_installation_recognises_nobody(store: SqlStore) -> None:
    other = type(store)(store.database, type(store.fingerprints)("another secret"))
    (ada,) = await add_people(store, "ada")
    await store.erase_subscriber(ada, NOW)
    assert not await other.erased(["ada@example.org"], NOW)


# --- Moving -----------------------------------------------------------------------------------------------------------


async def ask(store: SqlStore, who: int, name: str, minute: float = 0) -> int | None:
    """Ask for mail at an address, and return the number of the move."""
    message_ids = f"<old{minute}@example.org>", f"<new{minute}@example.org>"
    change = await store.ask_address(await store.subscriber(who), address(name), message_ids, at(minute))
    return None if change is None else change.id


@pytest.mark.parametrize("first", list(AddressSide))
async def test_mail_moves_when_both_addresses_have_agreed(store: SqlStore, first: AddressSide) -> None:
    (ada,) = await add_people(store, "ada")
    second = NEW if first is OLD else OLD
    move = await ask(store, ada, "Ada.New")
    assert move is not None
    for _ in range(2):
        assert not await store.agree_to_address(move, first, at(1))
    assert (await store.subscriber(ada)).address == address("ada")
    for _ in range(2):
        assert await store.agree_to_address(move, second, at(2))
    moved = await store.subscriber(ada)
    assert (moved.id, moved.address) == (ada, address("Ada.New"))
    assert not await store.refuse_address(move, at(3))
    with pytest.raises(NotFoundError):
        await store.find_subscriber("ada@example.org")


async def test_both_addresses_are_asked_in_the_same_moment(store: SqlStore) -> None:
    (ada,) = await add_people(store, "ada")
    move = await ask(store, ada, "eve")
    claimed = await store.claim("worker", 10, timedelta(minutes=5), NOW)
    found = {each.subscriber.address: each.delivery.reference for each in claimed}
    assert {who: AddressChange.referred(number or 0) for who, number in found.items()} == {
        address("ada"): (move, OLD),
        address("eve"): (move, NEW),
    }


async def test_a_move_that_one_refuses_is_off(store: SqlStore) -> None:
    (ada,) = await add_people(store, "ada")
    move = await ask(store, ada, "eve")
    assert move is not None
    await store.agree_to_address(move, OLD, at(1))
    assert await store.refuse_address(move, at(2))
    assert not await store.agree_to_address(move, NEW, at(3))
    change = await store.address_change(move)
    assert change is not None
    assert change.refused_at == at(2)
    assert (await store.subscriber(ada)).address == address("ada")
    assert not await store.refuse_address(move + 1, at(3))
    assert not await store.agree_to_address(move + 1, NEW, at(3))


async def test_an_address_that_is_somebody_elses_looks_like_one_that_has_not_agreed(store: SqlStore) -> None:
    ada, eve = await add_people(store, "ada", "eve")
    move = await ask(store, ada, "eve")
    assert move is not None
    assert not await store.agree_to_address(move, NEW, at(1))
    assert not await store.agree_to_address(move, OLD, at(2))
    await store.erase_subscriber(eve, at(3))
    assert await store.agree_to_address(move, NEW, at(4))
    assert not await store.suppressed([address("eve")], at(5))


async def test_a_later_wish_takes_the_place_of_the_one_before_three_times_a_day(store: SqlStore) -> None:
    (ada,) = await add_people(store, "ada")
    moves = [await ask(store, ada, f"new{minute}", minute) for minute in range(4)]
    assert moves[3] is None
    first, last = moves[0], moves[2]
    assert first is not None
    assert last is not None
    assert await store.address_change(first) is None
    change = await store.address_change(last)
    assert change is not None
    assert (change.address, change.asked_at) == (address("new2"), at(2))
    assert not await store.agree_to_address(first, OLD, at(4))
    await store.refuse_address(last, at(5))
    assert await ask(store, ada, "new3", 6) is None
    assert await ask(store, ada, "new3", 24 * 60) is not None


async def test_a_digest_of_profiles_alone_is_nobodys_own(store: SqlStore) -> None:
    papers = await add_papers(store, 1)
    (ada,) = await add_people(store, "ada")
    await store.plan([planned(ada, digest_of(*papers))], {}, NOW)
    await store.erase_subscriber(ada, NOW)
    assert "Machine learning" in await everything(store)
