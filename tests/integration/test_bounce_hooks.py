"""``POST /bounces/NAME``: 200 only when everything is committed, and 401 to whoever does not sign."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx2
import pytest

from newsletter.bounces.providers.postmark import Postmark
from newsletter.errors import ReadingError, StoreBusyError
from newsletter.metrics import Metrics
from newsletter.model import SubscriberStatus
from newsletter.store.bounces import BounceTables
from newsletter.vitals import Vitals
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from newsletter.wiring.bounces import BounceParts
from tests.support.deliveries import PLANNED_AT, make_store, plan
from tests.support.returned import LINKS, Desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from newsletter.bounces.providers.base import Provider, Request
    from newsletter.model import Report
    from newsletter.store.sql import SqlStore

SIGNED = {"X-Webhook-Secret": "a secret"}
BOUNCE = {
    "RecordType": "Bounce",
    "Type": "HardBounce",
    "ID": 42,
    "Email": "reader0@example.org",
    "Details": "5.1.1 gone",
}


class Unverifiable:
    """A provider whose certificate cannot be had."""

    name = "ses"

    async def read(self, _: Request) -> list[Report]:
        raise ReadingError("sns.eu-west-1.amazonaws.com answered 500")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    store = make_store(tmp_path)
    await plan(store, 1)
    yield store
    await store.aclose()


@pytest.fixture
async def client(store: SqlStore) -> AsyncIterator[httpx2.AsyncClient]:
    providers: dict[str, Provider] = {"postmark": Postmark("a secret"), "ses": Unverifiable()}
    parts = BounceParts(Desk(store).desk, providers=providers)
    metrics = Metrics(store, Vitals("1"), lambda: PLANNED_AT)
    probes = Probes(dict, list, store.check_schema, metrics.exposition)
    app = create_app(store, LINKS, "Preprint", lambda: PLANNED_AT, None, probes, bounces=lambda: parts)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://news.example") as client:
        yield client


async def status(store: SqlStore) -> SubscriberStatus:
    return (await store.list_subscribers())[0].status


async def test_a_signed_event_is_applied_once_however_often_it_comes(
    client: httpx2.AsyncClient, store: SqlStore
) -> None:
    for _ in range(3):
        answer = await client.post("/bounces/postmark", json=BOUNCE, headers=SIGNED)
        assert (answer.status_code, answer.text) == (200, "ok\n")
    assert await status(store) is SubscriberStatus.BOUNCED
    assert len(await store.list_bounces()) == 1


async def test_who_does_not_sign_changes_nothing(client: httpx2.AsyncClient, store: SqlStore) -> None:
    for headers in ({}, {"X-Webhook-Secret": "another"}):
        assert (await client.post("/bounces/postmark", json=BOUNCE, headers=headers)).status_code == 401
    assert await store.list_bounces() == []
    assert await status(store) is SubscriberStatus.ACTIVE


async def test_a_provider_that_is_not_configured_is_not_there(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/bounces/mailgun", json=BOUNCE, headers=SIGNED)).status_code == 404


async def test_get_is_not_allowed(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/bounces/postmark", headers=SIGNED)).status_code == 405


async def test_what_cannot_be_understood_is_said_so(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/bounces/postmark", content=b"{", headers=SIGNED)).status_code == 400


async def test_a_batch_may_be_large_and_not_without_end(client: httpx2.AsyncClient) -> None:
    body = json.dumps(BOUNCE | {"Description": "x" * 700_000}).encode()
    assert (await client.post("/bounces/postmark", content=body, headers=SIGNED)).status_code == 200
    assert (await client.post("/bounces/postmark", content=body * 2, headers=SIGNED)).status_code == 413


async def test_who_cannot_be_verified_now_is_asked_to_come_again(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/bounces/ses", json={})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


async def test_while_the_store_is_busy_the_provider_is_asked_to_come_again(
    client: httpx2.AsyncClient, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object) -> None:
        raise StoreBusyError("the database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(BounceTables, "record_bounce", busy)
        assert (await client.post("/bounces/postmark", json=BOUNCE, headers=SIGNED)).status_code == 503
    assert await status(store) is SubscriberStatus.ACTIVE
    assert (await client.post("/bounces/postmark", json=BOUNCE, headers=SIGNED)).status_code == 200
    assert await status(store) is SubscriberStatus.BOUNCED
