"""Transactional mails in the ledger: as little lost as issues, before them, and never in their place."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.model import DeliveryState, IssueKind, TransactionalMail
from tests.support.stored import LEASE, NOW, TODAY, add_papers, add_people, address, at, digest_of, planned, settle

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore


def mail(who: int, kind: IssueKind = IssueKind.CONFIRMATION, **said: object) -> TransactionalMail:
    return TransactionalMail(who, kind, f"<{who}.{kind}@example.org>", **said)  # type: ignore[arg-type]


async def kinds(store: SqlStore, state: DeliveryState) -> list[str]:
    return [each.kind.value for each in await store.list_deliveries(state=state)]


async def test_a_day_has_one_issue_and_any_number_of_transactional_mails(store: SqlStore) -> None:
    papers = await add_papers(store, 1)
    (who,) = await add_people(store, "ada")
    assert await store.plan_transactional([mail(who), mail(who, IssueKind.GOODBYE)], NOW) == 2
    assert await store.last_issue_dates([who]) == {}, "an issue is still to come"
    assert await store.plan([planned(who, digest_of(*papers))], {}, NOW) == 1
    assert await store.plan([planned(who, digest_of(*papers))], {}, NOW) == 0
    assert sorted(await kinds(store, DeliveryState.PLANNED)) == ["confirmation", "digest", "goodbye"]
    assert (await store.open_deliveries([who]))[who].kind is IssueKind.DIGEST
    (sums,) = await store.issue_sums(TODAY)
    assert (sums.planned, sums.is_closed) == (3, True)
    assert await store.inconsistencies(TODAY) == []


async def test_an_issue_neither_supersedes_nor_waits_for_a_transactional_mail(store: SqlStore) -> None:
    papers = await add_papers(store, 2)
    (who,) = await add_people(store, "ada")
    await store.plan_transactional([mail(who, IssueKind.REMINDER)], NOW)
    await store.claim("worker", 1, LEASE, NOW)
    tomorrow = digest_of(papers[0], day=TODAY + timedelta(days=1))
    assert await store.plan([planned(who, tomorrow)], {}, NOW) == 1
    assert await kinds(store, DeliveryState.SENDING) == ["reminder"]


async def test_a_transactional_mail_goes_before_issues_that_are_due(store: SqlStore) -> None:
    papers = await add_papers(store, 1)
    people = await add_people(store, "ada", "bob", "eve")
    await store.plan([planned(who, digest_of(*papers)) for who in people], {}, NOW)
    await store.plan_transactional([mail(people[2], reference=9, recipient=address("new"))], at(5))
    (first,) = await store.claim("worker", 1, LEASE, at(6))
    assert (first.delivery.kind, first.delivery.reference) == (IssueKind.CONFIRMATION, 9)
    assert first.subscriber.address == first.delivery.recipient == address("new")
    assert first.subscriber.id == people[2]
    assert len(await store.claim("worker", 10, LEASE, at(6))) == 3


async def test_what_asks_again_takes_the_place_of_what_still_waits(store: SqlStore) -> None:
    (who,) = await add_people(store, "ada")
    for reference in (1, 2):
        await store.plan_transactional([mail(who, reference=reference)], NOW)
    await store.plan_transactional([mail(who, reference=3, recipient=address("new"))], NOW)
    claimed = await store.claim("worker", 10, LEASE, at(1))
    assert sorted(each.delivery.reference or 0 for each in claimed) == [2, 3]
    assert await kinds(store, DeliveryState.SUPERSEDED) == ["confirmation"]
    (sums,) = await store.issue_sums(TODAY)
    assert sums.is_closed


async def test_what_may_have_arrived_is_not_superseded(store: SqlStore) -> None:
    (who,) = await add_people(store, "ada")
    await store.plan_transactional([mail(who)], NOW)
    await store.claim("killed", 1, LEASE, NOW)
    assert await store.release(None) == 1
    await store.plan_transactional([mail(who)], NOW)
    assert len(await store.claim("worker", 10, LEASE, at(1))) == 2


@pytest.mark.parametrize("kind", [kind for kind in IssueKind if kind.is_transactional])
async def test_equal_transactional_mails_are_stored_once(store: SqlStore, kind: IssueKind) -> None:
    people = await add_people(store, "ada", "bob", "eve")
    spoken = zip(people, ("en", "en", "de"), strict=True)
    await store.plan_transactional([mail(who, kind, language=language) for who, language in spoken], NOW)
    digests = {each.digest_id for each in await store.list_deliveries()}
    assert sorted([(await store.digest(each)).language for each in digests]) == ["de", "en"]
    assert [(await store.digest(each)).kind for each in digests] == [kind, kind]


async def test_who_is_gone_gets_nothing_and_who_goes_is_counted(store: SqlStore) -> None:
    (who,) = await add_people(store, "ada")
    assert await store.plan_transactional([mail(who), mail(who, IssueKind.GOODBYE), mail(who + 1)], NOW) == 2
    await settle(store, DeliveryState.ACCEPTED)
    await store.remove_subscriber("ada@example.org")
    (sums,) = await store.issue_sums(TODAY)
    assert (sums.planned, sums.forgotten, sums.is_closed) == (2, 2, True)
