"""A store with weeks behind it: issues, deliveries, people who came and left, sources with good and bad days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from newsletter.model import (
    Bounce,
    BounceKind,
    DeliveryState,
    Health,
    Suppression,
    SuppressionKind,
    SuppressionReason,
    Verdict,
)
from newsletter.store.codec import dumps
from newsletter.store.schema import (
    attempts,
    deliveries,
    digests,
    issues,
    movements,
    source_days,
    subscribers,
    subscriptions,
)
from tests.support.stored import arxiv_entry, digest_of, succeeded

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

DAYS = 30
DOMAINS = ("example.org", "example.com", "university.example")
PROFILES = ("language-models", "reinforcement-learning", "self-supervised")


async def seed(store: SqlStore, now: datetime, people: int = 60) -> None:
    """Fill an empty store: ``people`` readers, each with a mail a day for 30 days up to yesterday."""
    await store.save_collection(succeeded("samples"), [arxiv_entry(1)], now - timedelta(days=DAYS))
    async with store.database.write() as connection:
        await connection.execute(source_days.delete())
        await connection.execute(insert(subscribers), [person(number, now, people) for number in range(1, people + 1)])
        taken = [
            {"subscriber_id": number, "profile": PROFILES[number % 3], "position": 0} for number in range(1, people + 1)
        ]
        await connection.execute(insert(subscriptions), taken)
        await connection.execute(movements.delete())
        await connection.execute(insert(movements), moved(now.date(), people))
        await connection.execute(insert(source_days), checked(now.date()))
        for back in range(DAYS, 0, -1):
            await connection.execute(insert(digests), digests_of(now, back))
            rows = mails(now, back, people)
            await connection.execute(insert(deliveries), rows)
            await connection.execute(insert(attempts), [attempt_of(row) for row in rows])
            day = {"issue_date": (now - timedelta(days=back)).date(), "planned": len(rows), "forgotten": 0}
            times = {"first_planned_at": rows[0]["planned_at"], "last_planned_at": rows[-1]["planned_at"]}
            await connection.execute(insert(issues), [day | times])
    await trouble(store, now, people)


async def trouble(store: SqlStore, now: datetime, people: int) -> None:
    """Let some mails come back, and two be suppressed."""
    for number in range(1, 13):
        kind = (BounceKind.HARD, BounceKind.SOFT, BounceKind.COMPLAINT)[number % 3]
        text = "<nobody@example.org>: 550 5.1.1 no such user"
        at = now - timedelta(days=number)
        bounce = Bounce(kind, "lmtp", at, f"seeded {number}", 1 + number % people, None, "5.1.1", text)
        await store.record_bounce(bounce, lambda _: Verdict())
    said = (SuppressionReason.MANUAL, "asked by telephone", "command-line", now)
    await store.suppress(
        [
            Suppression(SuppressionKind.ADDRESS, "old@example.org", *said),
            Suppression(SuppressionKind.DOMAIN, "gone.example", *said),
        ]
    )


def person(number: int, now: datetime, people: int) -> dict[str, Any]:
    domain = DOMAINS[number % len(DOMAINS)]
    address = f"reader{number}@{domain}"
    came = now - timedelta(days=DAYS * (people - number) / people)
    return {
        "id": number,
        "address": address,
        "address_wire": address,
        "address_key": address,
        "needs_smtputf8": False,
        "status": "unsubscribed" if number % 17 == 0 else "active",
        "status_reason": "",
        "zone": "UTC",
        "send_at_local": datetime(2026, 1, 1, 7).time(),  # noqa: DTZ001 (a local time of day)
        "frequency": "daily",
        "weekday": "monday",
        "keywords": "[]",
        "language": "en",
        "template": "digest",
        "origin": "store",
        "created_at": came,
        "updated_at": came,
        "last_issue_date": now.date(),
        "domain": domain,
    }


def moved(today: date, people: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(1, people + 1):
        day = today - timedelta(days=int(DAYS * (people - number) / people))
        rows += [{"day": day, "kind": "subscribed"}, {"day": day, "kind": "confirmed"}]
        if number % 17 == 0:
            rows.append({"day": today - timedelta(days=number % 3), "kind": "left"})
    return rows


def checked(today: date) -> list[dict[str, Any]]:
    rows = []
    for back in range(DAYS):
        day = today - timedelta(days=back)
        for source in ("samples", "sample-votes"):
            is_bad = source == "samples" and back in (4, 5)
            is_weekend = day.weekday() >= 5
            health = Health.BROKEN if is_bad else Health.FRESH if not is_weekend else Health.QUIET
            papers = 0 if health is not Health.FRESH else 40 + back % 7
            rows.append(
                {"source": source, "day": day, "health": health.value, "checks": 24 - 8 * is_bad, "papers": papers}
            )
            if is_bad:
                rows.append({"source": source, "day": day, "health": "fresh", "checks": 8, "papers": 20})
    return rows


def digests_of(now: datetime, back: int) -> list[dict[str, Any]]:
    day = (now - timedelta(days=back)).date()
    rows = []
    for place, profile in enumerate(PROFILES):
        content = dumps(digest_of(1, day=day)).replace('"profile":"ml"', f'"profile":"{profile}"')
        key = f"{day} {profile}"
        rows.append({"id": back * 10 + place, "content_hash": key, "content": content, "created_at": now})
    return rows


def mails(now: datetime, back: int, people: int) -> list[dict[str, Any]]:
    at = (now - timedelta(days=back)).replace(hour=5, minute=0, second=0, microsecond=0)
    there = people - back * people // (2 * DAYS)
    return [mail(at, back, number, people) for number in range(1, there + 1)]


def mail(at: datetime, back: int, number: int, people: int) -> dict[str, Any]:
    failed = (number + back) % 23 == 0
    state = DeliveryState.REJECTED if failed else DeliveryState.ACCEPTED
    sent = at + timedelta(minutes=number * 180 / people)
    return {
        "id": (DAYS - back) * people + number,
        "subscriber_id": number,
        "digest_id": back * 10 + number % len(PROFILES),
        "kind": "digest",
        "issue_date": at.date(),
        "state": state.value,
        "attempts": 1,
        "message_id": f"<{number}.{back}@example.org>",
        "due_at": at,
        "planned_at": at,
        "next_attempt_at": None,
        "finished_at": sent,
        "reply_code": 550 if failed else 250,
        "reply_text": "5.1.1 no such user" if failed else "2.0.0 Ok: queued",
        "arrival_through": 1,
        "is_unknown": False,
        "updates": "[]",
        "number": 0,
        "relay": "main",
    }


def attempt_of(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "delivery_id": row["id"],
        "number": 1,
        "started_at": row["finished_at"],
        "finished_at": row["finished_at"],
        "outcome": row["state"],
        "code": row["reply_code"],
        "text": row["reply_text"],
        "is_unknown": False,
        "step": "dot" if row["reply_code"] == 250 else "rcpt",
        "enhanced_code": row["reply_text"].split()[0],
        "relay": "main",
        "connection": "main-1",
    }
