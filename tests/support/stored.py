"""Short ways to say what a store should hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from newsletter.model import (
    Attempt,
    Consent,
    DeliveryState,
    Digest,
    EmailAddress,
    Entry,
    IssueKind,
    Origin,
    Outcome,
    OutcomeKind,
    PlannedDelivery,
    Section,
    Selected,
    SourceState,
    SubscriberDraft,
)
from newsletter.store.planning import ledger_rows
from newsletter.store.schema import ledger, ledger_updates

if TYPE_CHECKING:
    from collections.abc import Collection

    from newsletter.store.sql import SqlStore

NOW = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
TODAY = date(2026, 1, 5)
CONSENT = Consent("command-line", NOW, "asked in person")
LEASE = timedelta(minutes=10)
OUTCOMES = {
    DeliveryState.ACCEPTED: Outcome(OutcomeKind.ACCEPTED, 250, "2.0.0 Ok: queued as 4XyZ"),
    DeliveryState.DEFERRED: Outcome(OutcomeKind.DEFERRED, 451, "4.7.1 Greylisted, try again later"),
    DeliveryState.UNKNOWN: Outcome(OutcomeKind.DEFERRED, None, "after the final dot: lost", is_unknown=True),
    DeliveryState.EXPIRED: Outcome(OutcomeKind.DEFERRED, 451, "4.7.1 Greylisted, try again later"),
    DeliveryState.REJECTED: Outcome(OutcomeKind.REJECTED, 550, "5.1.1 No such user"),
    DeliveryState.SUPPRESSED: Outcome(OutcomeKind.SUPPRESSED, None, "unsubscribed"),
}


def at(minutes: float) -> datetime:
    """Return the instant that many minutes after the tests' now."""
    return NOW + timedelta(minutes=minutes)


def address(name: str) -> EmailAddress:
    """Return an address at example.org."""
    return EmailAddress(f"{name}@example.org", f"{name}@example.org", f"{name.casefold()}@example.org")


def draft(name: str, **said: Any) -> SubscriberDraft:
    """Return a draft for an address at example.org."""
    return SubscriberDraft(address(name), **said)


def arxiv_entry(number: int, version: int = 1, **said: Any) -> Entry:
    """Return an entry as arXiv's Atom feed announces it."""
    arxiv_id = f"2601.{number:05}"
    values: dict[str, Any] = {
        "title": f"On the learning of representations, part {number}",
        "abstract": f"We study representations {number}.",
        "authors": ("Ada Lovelace", "Charles Babbage"),
        "url": f"https://arxiv.org/abs/{arxiv_id}",
        "categories": ("cs.LG",),
        "arxiv_id": arxiv_id,
        "version": version,
    }
    return Entry(f"oai:arXiv.org:{arxiv_id}v{version}", **(values | said))


def succeeded(name: str = "arxiv", minutes: float = 0) -> SourceState:
    """Return the state of a source that has just been read."""
    return SourceState(name, last_checked_at=at(minutes), last_success_at=at(minutes))


async def add_papers(store: SqlStore, count: int) -> list[int]:
    """Store that many papers, and return their ids."""
    await store.save_collection(succeeded(), [arxiv_entry(number) for number in range(1, count + 1)], NOW)
    return sorted([paper.id async for paper in store.all_papers()])


async def add_people(store: SqlStore, *names: str) -> list[int]:
    """Store active subscribers, and return their ids."""
    return [(await store.add_subscriber(draft(name), CONSENT, Origin.STORE, NOW)).id for name in names]


def digest_of(*paper_ids: int, day: date = TODAY, kind: IssueKind = IssueKind.DIGEST, update: bool = False) -> Digest:
    """Return a digest that lists these papers in one section."""
    listed = tuple(Selected(paper_id, 1.5, is_update=update) for paper_id in paper_ids)
    return Digest(kind, day, (Section("ml", "Machine learning", "all", listed),), considered=len(paper_ids))


def planned(who: int, digest: Digest, due_minutes: float = 0, arrival: int = 1) -> PlannedDelivery:
    """Return a delivery of ``digest`` to be planned."""
    message_id = f"<{who}.{digest.issue_date}.{digest.kind}@example.org>"
    return PlannedDelivery(who, digest, at(due_minutes), message_id, arrival)


def attempt(delivery_id: int, state: DeliveryState, number: int = 1, minutes: float = 1) -> Attempt:
    """Return an attempt that came to what ``state`` says."""
    return Attempt(delivery_id, number, at(minutes), at(minutes + 0.01), OUTCOMES[state])


async def settle(store: SqlStore, state: DeliveryState, minutes: float = 1, number: int = 1) -> list[int]:
    """Claim everything due, record that it came to ``state``, and return the deliveries' ids."""
    claimed = await store.claim("worker", 100, LEASE, at(minutes))
    ids = [each.delivery.id for each in claimed]
    retry_at = at(minutes + 15) if state is DeliveryState.DEFERRED else None
    await store.record([(attempt(each, state, number, minutes), state, retry_at) for each in ids], at(minutes))
    return ids


async def held(
    store: SqlStore, people: Collection[int], paper_ids: Collection[int]
) -> dict[int, frozenset[tuple[int, int | None]]]:
    """Return everything that the ledger holds for these people among these papers, also for open deliveries."""
    found: dict[int, set[tuple[int, int | None]]] = {}
    async with store.database.read() as connection:
        for row in await ledger_rows(connection, ledger, people, paper_ids):
            found.setdefault(row.subscriber_id, set()).add((row.paper_id, None))
        for row in await ledger_rows(connection, ledger_updates, people, paper_ids):
            found.setdefault(row.subscriber_id, set()).add((row.paper_id, row.version))
    return {who: frozenset(pairs) for who, pairs in found.items()}
