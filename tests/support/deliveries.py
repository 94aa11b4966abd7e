"""A store with deliveries planned in it, and a renderer that makes small mails: what delivery tests begin with."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from newsletter.core.address import parse_address
from newsletter.model import (
    Consent,
    Digest,
    Frequency,
    IssueKind,
    Origin,
    PlannedDelivery,
    SubscriberDraft,
    SubscriberStatus,
    Weekday,
)
from newsletter.store.migrate import migrate
from newsletter.store.sql import SqlStore, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.model import Paper, Subscriber

PLANNED_AT = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
SENDER = "digest@news.example"


class PlainDigest:
    """Implements :class:`newsletter.ports.Prepared`."""

    subject = "3 papers"

    def __init__(self, body: bytes = b"Three papers.\r\n") -> None:
        self._body = body

    def compose(self, subscriber: Subscriber, message_id: str, now: datetime, reference: int | None = None) -> bytes:
        del reference
        lines = [
            f"From: {SENDER}",
            f"To: {subscriber.address.wire}",
            f"Date: {now:%a, %d %b %Y %H:%M:%S} +0000",
            f"Message-ID: {message_id}",
            "Subject: 3 papers",
            "",
            "",
        ]
        return "\r\n".join(lines).encode() + self._body


class PlainRenderer:
    """Implements :class:`newsletter.ports.Renderer`; counts what it is asked for."""

    def __init__(self, body: bytes = b"Three papers.\r\n") -> None:
        self._body = body
        self.prepared = 0

    def prepare(self, digest: Digest, papers: Mapping[int, Paper]) -> PlainDigest:
        assert set(papers) >= set(digest.paper_ids)
        self.prepared += 1
        return PlainDigest(self._body)


def make_store(folder: Path) -> SqlStore:
    """Return a new SQLite store."""
    (folder / "newsletter.db").write_bytes(empty_store())
    return open_store(store_url(folder))


@cache
def empty_store() -> bytes:
    """Return a SQLite file with the schema and nothing in it; making one anew for each test would take a fifth of a
    second.
    """
    with TemporaryDirectory() as folder:
        migrate(store_url(Path(folder)))
        return (Path(folder) / "newsletter.db").read_bytes()


def store_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'newsletter.db'}"


async def plan(store: SqlStore, number: int, digests: int = 1, day: date = date(2026, 3, 2)) -> list[int]:
    """Add ``number`` active subscribers, plan a delivery for each, and return the subscribers' ids."""
    drafts = [draft(f"reader{index}@example.org") for index in range(number)]
    consent = Consent("test", PLANNED_AT)
    await store.apply_drafts(drafts, consent, Origin.STORE, PLANNED_AT)
    people = await store.list_subscribers()
    planned = [
        PlannedDelivery(
            subscriber_id=person.id,
            digest=Digest(IssueKind.DIGEST, day, (), considered=index % digests),
            due_at=PLANNED_AT,
            message_id=f"<{day}.{person.id}@news.example>",
            arrival_through=0,
        )
        for index, person in enumerate(people)
    ]
    assert await store.plan(planned, {}, PLANNED_AT) == number
    return [person.id for person in people]


def draft(address: str) -> SubscriberDraft:
    return SubscriberDraft(
        address=parse_address(address),
        status=SubscriberStatus.ACTIVE,
        zone="UTC",
        send_at_local=time(7),
        frequency=Frequency.DAILY,
        weekday=Weekday.MONDAY,
        profiles=(),
        keywords=(),
        language="en",
        template="digest",
    )
