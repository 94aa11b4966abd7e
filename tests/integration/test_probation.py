"""Weeks in the life of a mailbox that does not answer: soft bounces, a probe, silence or its return, digests again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.core.bounce_score import BouncePolicy
from newsletter.core.links import Links
from newsletter.core.verp import MailKind, ReturnPaths
from newsletter.model import (
    Attempt,
    BounceKind,
    DeliveryState,
    IssueKind,
    Outcome,
    OutcomeKind,
    Report,
    Step,
    SubscriberStatus,
    SuppressionReason,
)
from newsletter.service.bounces import BounceDesk, note_attempt
from newsletter.service.issue import Issuer
from newsletter.store.sql import SqlStore, open_store
from tests.integration.test_issue import World, settled_reader
from tests.support.databases import migrated_file, postgres, postgres_url, sqlite_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from newsletter.model import Delivery, Subscriber

__all__ = ["migrated_file", "postgres", "postgres_url", "sqlite_url"]

PATHS = ReturnPaths("a secret of sixteen", "bounces", "news.example")
LINKS = Links("a secret of sixteen", "https://news.example")
POLICY = BouncePolicy()


@pytest.fixture(params=["sqlite_url", "postgres_url"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    store = open_store(request.getfixturevalue(request.param))
    world = World(store)
    await world.papers_arrive(0)  # an earlier, empty first fetch
    yield world
    await store.aclose()


def desk(world: World) -> BounceDesk:
    return BounceDesk(world.store, LINKS, PATHS, POLICY, lambda: world.now)


async def newest(store: SqlStore) -> Delivery:
    return (await store.list_deliveries(limit=1))[0]


async def comes_back(world: World, kind: BounceKind = BounceKind.SOFT) -> None:
    """The newest mail comes back, as a report that the relay wrote later."""
    delivery = await newest(world.store)
    path = PATHS.make(MailKind.ISSUE, delivery.id)
    report = Report(kind, f"fingerprint-{delivery.id}", return_paths=(path,), enhanced_code="5.2.2", text="full")
    taken = await desk(world).take(report, "lmtp")
    assert taken.is_identified
    assert taken.is_new


async def on_probation(world: World) -> Subscriber:
    """Somebody whose every digest came back for a week."""
    reader = await settled_reader(world)
    world.now += timedelta(hours=1)  # to the hour of the digest
    for _ in range(7):
        await world.papers_arrive()
        assert (await world.issue(days=1)).planned == 1
        assert len((await world.deliver())[0]) == 1
        await comes_back(world)
    score = (await world.store.scores([reader.id]))[reader.id]
    assert score.probation_since == world.now
    return reader


async def test_silence_after_the_probe_brings_the_digests_back_and_nothing_is_lost(world: World) -> None:
    reader = await on_probation(world)
    await world.papers_arrive(2)
    report = await world.issue(days=1)
    assert (report.planned, report.probes, report.welcomes) == (1, 1, 0)
    probe = await newest(world.store)
    assert probe.kind is IssueKind.PROBE
    assert await world.deliver() == [[]]
    for _ in range(2):
        await world.papers_arrive()
        report = await world.issue(days=1)
        assert (report.planned, report.skipped) == (0, 1)
    assert (await world.issue(hours=1)).skipped == 0  # asked once a day
    await world.papers_arrive()
    assert (await world.issue(days=1)).planned == 1
    assert len((await world.deliver())[0]) == 5
    assert await world.store.scores([reader.id]) == {}
    await world.papers_arrive()
    assert (await world.issue(days=1)).planned == 1


@pytest.mark.parametrize("kind", [BounceKind.SOFT, BounceKind.HARD])
async def test_a_probe_that_comes_back_ends_it(world: World, kind: BounceKind) -> None:
    reader = await on_probation(world)
    assert (await world.issue(days=1)).probes == 1
    await world.deliver()
    await comes_back(world, kind)
    subscriber = await world.store.subscriber(reader.id)
    assert subscriber.status is SubscriberStatus.BOUNCED
    [suppression] = await world.store.list_suppressions()
    expected = SuppressionReason.SOFT_BOUNCES if kind is BounceKind.SOFT else SuppressionReason.HARD_BOUNCE
    assert suppression.reason is expected
    await world.papers_arrive()
    assert (await world.issue(days=9)).planned == 0


async def test_a_probe_that_nobody_could_send_is_sent_again(world: World) -> None:
    await on_probation(world)
    assert (await world.issue(days=1)).probes == 1
    [claimed] = await world.store.claim("test", 10, timedelta(hours=1), world.now)
    outcome = Outcome(OutcomeKind.DEFERRED, None, "connection refused", step=Step.CONNECT)
    attempt = Attempt(claimed.delivery.id, 1, world.now, world.now, outcome)
    await world.store.record([(attempt, DeliveryState.EXPIRED, None)], world.now)
    args = (world.store, claimed.delivery, outcome, DeliveryState.EXPIRED, POLICY, world.now)
    assert await note_attempt(*args) is None
    assert (await world.issue(days=1)).probes == 1


async def test_a_probe_that_the_mailbox_puts_off_until_it_expires_ends_it(world: World) -> None:
    reader = await on_probation(world)
    assert (await world.issue(days=1)).probes == 1
    [claimed] = await world.store.claim("test", 10, timedelta(hours=1), world.now)
    outcome = Outcome(OutcomeKind.DEFERRED, 452, "4.2.2 full", step=Step.RCPT, enhanced_code="4.2.2")
    attempt = Attempt(claimed.delivery.id, 1, world.now, world.now, outcome)
    await world.store.record([(attempt, DeliveryState.EXPIRED, None)], world.now)
    taken = await note_attempt(world.store, claimed.delivery, outcome, DeliveryState.EXPIRED, POLICY, world.now)
    assert taken is not None
    assert taken.kind is BounceKind.SOFT
    assert (await world.store.subscriber(reader.id)).status is SubscriberStatus.BOUNCED


async def test_planning_for_show_changes_nothing(world: World) -> None:
    reader = await on_probation(world)
    world.now += timedelta(days=1)
    before = await world.store.scores([reader.id])
    report = await world_issuer_dry_run(world)
    assert report == (1, 1)
    assert await world.store.scores([reader.id]) == before
    assert (await newest(world.store)).kind is not IssueKind.PROBE


async def world_issuer_dry_run(world: World) -> tuple[int, int]:
    issuer = Issuer(world.store, {profile.name: profile for profile in world.profiles}, ("arxiv",), world.policy)
    report = await issuer.issue(world.now, dry_run=True)
    return report.planned, report.probes
