"""Databases with as many deliveries in them as years of issues leave behind, made by the database itself."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Text, cast, func, insert, literal, null, select, true

from newsletter.core.address import parse_address as parse_mail_address
from newsletter.model import DeliveryState, Digest, IssueKind, OutcomeKind, SubscriberStatus
from newsletter.store.codec import dumps
from newsletter.store.dialect import parse_address
from newsletter.store.migrate import connect, migrate
from newsletter.store.schema import attempts, consents, deliveries, digests, subscribers
from newsletter.store.subscriberrows import DEFAULTS, address_row
from tests.support.databases import running_postgres
from tests.support.deliveries import PLANNED_AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Insert

DAYS: Final = 10
BATCH: Final = 2_000
DIGESTS: Final = 10
TODAY: Final = PLANNED_AT.date()
REPLY: Final = "2.0.0 Ok: queued as 4F7Xk12mZzz1Q"


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Give the addresses of an empty SQLite file and an empty PostgreSQL database, by their names."""
    folder = Path(tempfile.mkdtemp(prefix="newsletter-bench-"))
    try:
        with running_postgres() as server:
            yield {
                "sqlite": f"sqlite:///{folder}/newsletter.db",
                "postgresql": server.address(server.create(empty=True)),
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(url: str, rows: int) -> None:
    """Make the schema and ``rows`` deliveries: issues of ten days, of which the last one's are due."""
    migrate(url)
    address = parse_address(url)
    with connect(address, 30, writing=True) as connection:
        add_subscribers(connection, rows // DAYS)
        add_digests(connection)
        for number in range(DAYS):
            connection.execute(issue(TODAY - timedelta(days=DAYS - 1 - number)))
        connection.execute(past_attempts())
    if not address.is_sqlite:  # which does so by itself after a while
        with connect(address, 30, writing=True) as connection:
            connection.exec_driver_sql("ANALYZE")


def add_subscribers(connection: Connection, number: int) -> None:
    shared = dict(DEFAULTS) | {"origin": "store", "created_at": PLANNED_AT, "updated_at": PLANNED_AT}
    shared["status"] = SubscriberStatus.ACTIVE.value
    for start in range(0, number, BATCH):
        addresses = [f"reader{each}@example.org" for each in range(start, min(start + BATCH, number))]
        connection.execute(insert(subscribers), [shared | address_row(parse_mail_address(each)) for each in addresses])
    consent = select(subscribers.c.id, literal("test"), literal(PLANNED_AT), literal(""))
    connection.execute(insert(consents).from_select(["subscriber_id", "method", "given_at", "proof"], consent))


def add_digests(connection: Connection) -> None:
    contents = [dumps(Digest(IssueKind.DIGEST, TODAY, (), considered=number)) for number in range(DIGESTS)]
    rows = [
        {"id": number, "content_hash": str(number), "content": content, "created_at": PLANNED_AT}
        for number, content in enumerate(contents, start=1)
    ]
    connection.execute(insert(digests), rows)


def issue(day: date) -> Insert:
    """Return what makes one day's delivery for each subscriber: to be sent if it is the last day, else accepted."""
    is_due, at = day == TODAY, PLANNED_AT - timedelta(days=(TODAY - day).days)
    state = DeliveryState.PLANNED if is_due else DeliveryState.ACCEPTED
    values = {
        "subscriber_id": subscribers.c.id,
        "digest_id": 1 + subscribers.c.id % DIGESTS,
        "kind": literal(IssueKind.DIGEST.value),
        "issue_date": literal(day),
        "state": literal(state.value),
        "attempts": literal(0 if is_due else 1),
        "message_id": literal(f"<{day}.").concat(cast(subscribers.c.id, Text)).concat("@news.example>"),
        "due_at": literal(at),
        "planned_at": literal(at),
        "finished_at": null() if is_due else literal(at, deliveries.c.finished_at.type),
        "reply_code": null() if is_due else literal(250),
        "reply_text": literal("" if is_due else REPLY),
        "arrival_through": literal(0),
        "is_unknown": ~true(),
        "updates": literal("[]"),
        "number": literal(0),
        "ready_at": literal(at, deliveries.c.ready_at.type) if is_due else null(),
        "relay": literal("" if is_due else "relay"),
    }
    return insert(deliveries).from_select(list(values), select(*values.values()).order_by(subscribers.c.id))


def past_attempts() -> Insert:
    values = {
        "delivery_id": deliveries.c.id,
        "number": literal(1),
        "started_at": deliveries.c.planned_at,
        "finished_at": deliveries.c.finished_at,
        "outcome": literal(OutcomeKind.ACCEPTED.value),
        "code": literal(250),
        "text": deliveries.c.reply_text,
        "is_unknown": ~true(),
        "relay": literal("relay"),
        "connection": literal("relay.example:25"),
    }
    accepted = deliveries.c.state == DeliveryState.ACCEPTED.value
    return insert(attempts).from_select(list(values), select(*values.values()).where(accepted))


def count(url: str, state: DeliveryState) -> int:
    """Return how many deliveries are in ``state``."""
    query = select(func.count()).select_from(deliveries).where(deliveries.c.state == state.value)
    with connect(parse_address(url), 30) as connection:
        return connection.execute(query).scalar_one()
