"""Webhooks told by web: signed, at least once, patiently, and never where they should not lead."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.core.webhooks import PostingPolicy, read_secret
from newsletter.model import EventKind, Origin, PostingState, WantedWebhook
from newsletter.service.posting import Postman, Webhook
from newsletter.sources import guard
from newsletter.sources.posting import WebhookPoster
from newsletter.store.sql import SqlStore, open_store
from tests.support.databases import migrated_file, sqlite_url
from tests.support.receiver import OTHER_SECRET, SECRET, Receiver, is_signed, running_receiver
from tests.support.stored import CONSENT, add_people, draft

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["migrated_file", "sqlite_url"]

START = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
CRM = WantedWebhook("crm", frozenset(EventKind) - {EventKind.TEST}, with_address=True)
KEYS = (read_secret(SECRET), read_secret(OTHER_SECRET))


@dataclass
class World:
    """A store, a receiver, a clock, and what tells the one of the other."""

    store: SqlStore
    receiver: Receiver
    now: datetime = START
    heard: list[tuple[str, bool]] = field(default_factory=list)

    def forward(self, **length: float) -> None:
        self.now += timedelta(**length)

    def postman(self, url: str = "", timeout_s: float = 5, *, private: bool = True) -> Postman:
        poster = WebhookPoster(url or self.receiver.url, timeout_s, allow_private_addresses=private)
        policy = PostingPolicy(deadline=timedelta(hours=1))
        told = [Webhook(CRM, KEYS, poster)]
        length = timedelta(seconds=timeout_s)
        return Postman(self.store, told, policy, length, lambda: self.now, lambda *each: self.heard.append(each))

    async def run(self, **said: float) -> None:
        postman = self.postman(**said)  # type: ignore[arg-type]
        await postman.run()
        await postman.aclose()

    async def join(self, name: str) -> None:
        await self.store.add_subscriber(draft(name), CONSENT, Origin.STORE, self.now)


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[World]:
    store = open_store(sqlite_url)
    await store.sync_webhooks([CRM], START)
    async with running_receiver() as receiver:
        yield World(store, receiver)
    await store.aclose()


async def test_each_event_comes_once_signed_and_whole(world: World) -> None:
    for name in ("ada", "bob"):
        await world.join(name)
    await world.run()
    await world.run()
    assert not world.receiver.forged
    assert sorted(told.event["data"]["address"] for told in world.receiver.told) == [
        "ada@example.org",
        "bob@example.org",
    ]
    told = world.receiver.told[0]
    assert is_signed(told, OTHER_SECRET)
    assert told.event["type"] == "subscriber.subscribed"
    assert told.headers["content-type"] == "application/json"
    assert world.heard == [("crm", True)] * 2


async def test_what_is_refused_comes_again_later_under_the_same_id_until_it_is_taken(world: World) -> None:
    await world.join("ada")
    world.receiver.status = 500
    await world.run()
    await world.run()  # too early
    world.forward(minutes=1)
    await world.run()
    world.receiver.status = 200
    world.forward(minutes=5)
    await world.run()
    assert [told.id for told in world.receiver.told] == [world.receiver.told[0].id] * 3
    assert len({told.body for told in world.receiver.told}) == 1
    assert len({told.headers["webhook-timestamp"] for told in world.receiver.told}) == 3
    [posting] = await world.store.list_postings()
    assert (posting.state, posting.attempts) == (PostingState.ACCEPTED, 3)


async def test_after_the_deadline_it_has_failed_and_is_kept(world: World) -> None:
    await world.join("ada")
    world.receiver.status = 404
    for _ in range(20):
        await world.run()
        world.forward(minutes=15)
    [posting] = await world.store.list_postings()
    assert (posting.state, posting.status_code, posting.ready_at) == (PostingState.FAILED, 404, None)
    assert posting.fault == "the webhook refused the event (404)"


async def test_a_redirect_is_not_followed(world: World) -> None:
    async with running_receiver() as elsewhere:
        world.receiver.status, world.receiver.headers = 307, (f"Location: {elsewhere.url}",)
        await world.join("ada")
        await world.run()
        assert len(world.receiver.told) == 1
        assert not elsewhere.told
    [posting] = await world.store.list_postings()
    assert posting.fault == "the webhook redirects, which is not followed (307)"


async def test_a_receiver_that_is_slow_away_or_no_web_server_is_tried_again(world: World) -> None:
    await world.join("ada")
    world.receiver.pause_s = 5
    await world.run(timeout_s=0.3)
    silent = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    faults = [(await world.store.list_postings())[0].fault]
    for address in (f"http://127.0.0.1:{port}/", "http://127.0.0.1:1/", "http://nowhere.invalid/"):
        world.forward(minutes=10)
        await world.run(url=address)  # type: ignore[arg-type]
        faults.append((await world.store.list_postings())[0].fault)
    silent.close()
    assert len(set(faults)) >= 3
    assert all(fault.startswith("the webhook: ") for fault in faults)
    assert (await world.store.list_postings())[0].state is PostingState.WAITING


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "0x7f000001", "127.1"],
)
async def test_no_address_leads_into_the_network_unless_it_may(world: World, host: str) -> None:
    poster = WebhookPoster(f"http://{host}:{world.receiver.port}/", 2)
    posted = await poster.post(b"{}", {"webhook-id": "x"})
    await poster.aclose()
    assert posted.fault == "the webhook leads into a private network; allow_private_addresses would let it"
    assert not world.receiver.told + world.receiver.forged


async def test_a_name_that_resolves_to_the_inside_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    async def inside(*_: object) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    monkeypatch.setattr(guard, "resolve", inside)
    poster = WebhookPoster("https://hooks.example.org/", 2)
    assert "private network" in (await poster.post(b"{}", {})).fault
    await poster.aclose()


async def test_no_fault_tells_the_address_which_may_hold_a_key(world: World) -> None:
    await world.join("ada")
    for status in (500, 302, 410):
        world.receiver.status = status
        await world.run()
        world.forward(minutes=20)
    await world.run(url="http://127.0.0.1:1/hook?key=not-to-be-told")  # type: ignore[arg-type]
    [standing] = await world.store.webhook_standings()
    [posting] = await world.store.list_postings()
    assert "not-to-be-told" not in standing.fault + posting.fault
    assert SECRET not in repr(world.postman().webhooks)


async def test_one_event_that_is_refused_holds_up_no_other(world: World) -> None:
    await world.join("ada")
    world.receiver.status = 400
    await world.run()
    world.receiver.status = 200
    for name in ("bob", "eve"):
        await world.join(name)
    world.forward(minutes=1)
    await world.run()
    assert {told.event["data"]["address"] for told in world.receiver.accepted} >= {"bob@example.org", "eve@example.org"}


async def test_killed_between_claim_and_answer_it_is_told_again(world: World) -> None:
    await world.join("ada")
    await world.store.claim_postings("crm", 1, timedelta(seconds=30), world.now)  # and then nothing more
    await world.run()
    assert not world.receiver.told
    world.forward(seconds=31)
    await world.run()
    assert len(world.receiver.told) == 1


async def test_all_that_waits_is_told_in_one_run(world: World) -> None:
    await add_people(world.store, *(f"reader{number}" for number in range(60)))
    await world.run()
    assert len({told.id for told in world.receiver.told}) == 60
