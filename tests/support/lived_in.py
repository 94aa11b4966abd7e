"""A store that has been used: united papers, versions, people who left, deliveries in every state."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.model import DeliveryState, Entry, SubscriberStatus
from newsletter.store.sql import SqlStore, open_store
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
    from pathlib import Path

__all__ = ["lived_in_file", "lived_in_url"]

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


@pytest.fixture(scope="session")
def lived_in_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file of a store that has been used, to be copied."""
    path = tmp_path_factory.mktemp("lived-in") / "newsletter.db"
    shutil.copyfile(migrated_file, path)

    async def fill() -> None:
        store: SqlStore = open_store(f"sqlite:///{path}")
        await live_in(store)
        await store.aclose()

    loop = asyncio.new_event_loop()  # asyncio.run would take the tests' own loop away
    loop.run_until_complete(fill())
    loop.close()
    return path


@pytest.fixture
def lived_in_url(lived_in_file: Path, tmp_path: Path) -> str:
    """The address of a used store that nobody else uses."""
    path = tmp_path / "newsletter.db"
    shutil.copyfile(lived_in_file, path)
    return f"sqlite:///{path}"


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
