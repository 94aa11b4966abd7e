"""A store that has been used: united papers, versions, people who left, deliveries in every state."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.model import DeliveryState, Entry, SubscriberStatus
from tests.support.stored import (
    NOW,
    TODAY,
    add_papers,
    add_people,
    arxiv_entry,
    at,
    digest_of,
    planned,
    settle,
    succeeded,
)

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

TITLE = "Contrastive pretraining of very large language models with curricula"
STATES = (DeliveryState.REJECTED, DeliveryState.DEFERRED, DeliveryState.ACCEPTED)


async def live_in(store: SqlStore) -> None:
    """Fill a store with something of everything, strange characters and freed numbers among it."""
    papers = await add_papers(store, 4)
    await unite_two(store)
    await store.save_collection(succeeded(minutes=3), [arxiv_entry(1, 2, comment="NUL \0 and 雪 and ½ \ud800")], at(3))
    people = await add_people(store, "ada", "bob", "eve", "ines")
    await store.set_status(people[3], SubscriberStatus.UNSUBSCRIBED, "by page", NOW)
    for number, state in enumerate(STATES):
        await store.plan([planned(people[number], digest_of(*papers[: number + 1]))], {}, NOW)
        await settle(store, state)
    await store.plan([planned(people[2], digest_of(papers[3], day=TODAY + timedelta(days=1)))], {}, at(60))
    await add_people(store, "gone")
    await store.remove_subscriber("gone@example.org")


async def unite_two(store: SqlStore) -> None:
    """Let two papers be found to be one, so that an id becomes an alias."""
    doi, arxiv_id = "10.1234/curricula", "2601.77777"
    first = Entry("a", TITLE, "About curricula.", ("A. Sample",), "https://a.example.org/1", doi=doi)
    second = Entry(
        "b", "Another title", "About curricula.", ("A. Sample",), "https://b.example.org/2", arxiv_id=arxiv_id
    )
    both = Entry("c", TITLE, "Both.", ("A. Sample",), "https://c.example.org/3", doi=doi, arxiv_id=arxiv_id)
    for number, entry in enumerate((first, second, both)):
        await store.save_collection(succeeded("journal", number), [entry], at(number))
