"""Storing a collection: load what is known, let the core decide, write what it decided, all in one transaction."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, literal, select, tuple_, update

from newsletter.core.checks import with_new_papers
from newsletter.core.identity import paper_keys as names_of
from newsletter.core.joining import Joining, Known, KnownSighting, SightingKey, sighting_keys
from newsletter.core.merging import Collection
from newsletter.model import CollectionCounts, DeliveryState, Entry, PaperKey
from newsletter.store.codec import dumps, loads
from newsletter.store.dialect import ARRIVALS_LOCK
from newsletter.store.history import count_check
from newsletter.store.indexing import entries_of, forget_paper, index_papers
from newsletter.store.issuearchive import move_archived
from newsletter.store.paperrows import bounded, paper_row, state_of, state_row, version_row
from newsletter.store.papers import PaperReader, newest_arrival, papers_by_id
from newsletter.store.part import chunks
from newsletter.store.schema import (
    deliveries,
    ledger,
    ledger_updates,
    paper_aliases,
    paper_keys,
    paper_versions,
    papers,
    sightings,
    sources,
)
from newsletter.store.voices import hold_papers, move_voices, recount

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import Paper, SourceState
    from newsletter.store.dialect import Database


class PaperTables(PaperReader):
    """:class:`newsletter.ports.PaperStore` over the tables."""

    async def save_collection(self, state: SourceState, entries: Sequence[Entry], now: datetime) -> CollectionCounts:
        """Store ``state`` and everything that ``entries`` add, in one transaction, and say what that was."""
        # Hundreds of entries take a while to compare: in a thread, for the event loop has mails to send meanwhile.
        named = await asyncio.to_thread(names_by_entry, entries)
        async with self.database.write() as connection:
            # Held until the commit, so that arrivals become visible in the order of their numbers.
            await self.database.lock(connection, ARRIVALS_LOCK)
            stored = (await connection.execute(select(sources).where(sources.c.name == state.name))).one_or_none()
            is_first = stored is None or state_of(stored).is_first_fetch
            await self.save_state(connection, state)
            if not entries:
                await count_check(self.database, connection, state, 0)
                return CollectionCounts()
            arrival = await newest_arrival(connection) + 1
            known = await load_known(connection, state.name, entries, named)
            joining = Joining(known, Collection(state.name, arrival, now, is_first))
            await asyncio.to_thread(joining.take_all, entries)
            await Writer(self.database, connection, joining, known).write()
            if joining.counts.new:
                state = with_new_papers(state, now)
                await self.save_state(connection, state)
            await count_check(self.database, connection, state, joining.counts.new)
        return joining.counts

    async def save_state(self, connection: AsyncConnection, state: SourceState) -> None:
        """Store the state of a source, whether or not it was known."""
        row = state_row(state)
        statement = self.database.insert(sources).values(row)
        changed = {name: value for name, value in row.items() if name != "name"}
        await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))


def names_by_entry(entries: Iterable[Entry]) -> set[PaperKey]:
    """Return every name that the entries give their papers."""
    return {key for entry in entries for key in names_of(entry)}


async def load_known(connection: AsyncConnection, source: str, entries: Sequence[Entry], names: set[PaperKey]) -> Known:
    """Return what is stored that the entries may be about: by their names, and by what the source said before."""
    known = Known()
    by_value = {(key.scheme.value, bounded(key.value)): key for key in names}
    for chunk in chunks(by_value):
        query = select(paper_keys).where(tuple_(paper_keys.c.scheme, paper_keys.c.value).in_(chunk))
        for row in await connection.execute(query):
            known.keys[by_value[row.scheme, row.value]] = row.paper_id
    by_entry_id = {bounded(key.entry_id): key.entry_id for entry in entries for key in sighting_keys(entry)}
    for entry_ids in chunks(by_entry_id):
        query = select(sightings).where(sightings.c.source == source, sightings.c.entry_id.in_(entry_ids))
        for row in await connection.execute(query):
            key = SightingKey(by_entry_id[row.entry_id], row.version)
            known.sightings[key] = KnownSighting(row.paper_id, loads(Entry, row.entry))
    ids = {*known.keys.values(), *(sighting.paper_id for sighting in known.sightings.values())}
    known.papers = await papers_by_id(connection, ids)
    return known


class Writer:
    """Writes what a :class:`Joining` decided, with one statement per kind of row."""

    def __init__(self, database: Database, connection: AsyncConnection, joining: Joining, known: Known) -> None:
        self.database = database
        self.connection = connection
        self.joining = joining
        self.known = known
        self.ids: dict[int, int] = {}

    def stored_id(self, paper_id: int) -> int:
        """Return the id of the row that a paper has now."""
        resolved = self.joining.resolve(paper_id)
        return self.ids.get(resolved, resolved)

    async def write(self) -> None:
        """Write everything, in an order in which each row finds what it refers to."""
        await self.write_papers()
        moved = [gone for gone in self.joining.moved if gone > 0]
        for gone in moved:
            await self.move(gone, self.stored_id(gone))
        await self.write_keys()
        await self.write_versions()
        await self.write_sightings()
        await self.write_index()
        if moved:
            await recount(self.database, self.connection, {self.stored_id(gone) for gone in moved})

    async def write_index(self) -> None:
        """Put new and changed papers into the search index, as they are now."""
        changed = [
            replace(self.joining.papers[paper_id], id=self.stored_id(paper_id)) for paper_id in self.joining.changed
        ]
        await index_papers(self.connection, await asyncio.to_thread(entries_of, changed))

    async def write_papers(self) -> None:
        """Insert new papers, and learn their ids; update those that changed."""
        new = [self.joining.papers[paper_id] for paper_id in self.joining.changed if paper_id < 0]
        if new:
            statement = insert(papers).returning(papers.c.id, sort_by_parameter_order=True)
            rows = await self.connection.execute(statement, [paper_row(paper) for paper in new])
            self.ids = {paper.id: row.id for paper, row in zip(new, rows, strict=True)}
        changed = [self.joining.papers[paper_id] for paper_id in self.joining.changed if paper_id > 0]
        if changed:
            await self.update_papers(changed)

    async def update_papers(self, changed: Sequence[Paper]) -> None:
        """Write papers over their rows."""
        statement = update(papers).where(papers.c.id == bindparam("stored_id"))
        rows = [{"stored_id": paper.id, **paper_row(paper)} for paper in sorted(changed, key=lambda each: each.id)]
        await self.connection.execute(statement, rows)

    async def write_keys(self) -> None:
        """Store the new names; one that two papers claim stays with the first."""
        rows = [
            {"scheme": key.scheme.value, "value": bounded(key.value), "paper_id": self.stored_id(paper_id)}
            for key, paper_id in self.joining.keys.items()
        ]
        await self.insert_new(paper_keys, rows)

    async def write_versions(self) -> None:
        """Store versions that were not seen before; of one that was, the first sight stands."""
        rows = [version_row(self.stored_id(paper_id), version) for paper_id, version in self.joining.versions]
        await self.insert_new(paper_versions, rows)

    async def insert_new(self, table: Any, rows: list[dict[str, Any]]) -> None:
        """Insert those of ``rows`` that are not there."""
        if rows:
            await self.connection.execute(self.database.insert(table).on_conflict_do_nothing(), rows)

    async def write_sightings(self) -> None:
        """Store what was said, and when it was said last."""
        rows = [self.sighting_row(key) for key in self.joining.seen]
        if rows:
            statement = self.database.insert(sightings)
            taken = {name: statement.excluded[name] for name in ("paper_id", "entry", "last_seen_at")}
            same = ["source", "entry_id", "version"]
            await self.connection.execute(statement.on_conflict_do_update(index_elements=same, set_=taken), rows)
        touched = [(bounded(key.entry_id), key.version) for key in self.joining.touched]
        collection = self.joining.collection
        for chunk in chunks(touched):
            here = tuple_(sightings.c.entry_id, sightings.c.version).in_(chunk)
            statement = update(sightings).where(sightings.c.source == collection.source, here)
            await self.connection.execute(statement.values(last_seen_at=collection.now))

    def sighting_row(self, key: SightingKey) -> dict[str, Any]:
        """Return the columns of a sighting."""
        sighting = self.joining.sightings[key]
        return {
            "source": self.joining.collection.source,
            "entry_id": bounded(key.entry_id),
            "version": key.version,
            "paper_id": self.stored_id(sighting.paper_id),
            "entry": dumps(sighting.entry),
            "first_seen_at": self.joining.collection.now,
            "last_seen_at": self.joining.collection.now,
        }

    async def move(self, gone: int, kept: int) -> None:
        """Make everything that refers to paper ``gone`` refer to ``kept``, and leave an alias."""
        execute = self.connection.execute
        await hold_papers(self.connection, (gone, kept))  # nobody votes for it meanwhile
        for table in (paper_keys, sightings, paper_aliases):
            await execute(update(table).where(table.c.paper_id == gone).values(paper_id=kept))
        for table in (paper_versions, ledger_updates):
            rest = [column for column in table.c if column.name != "paper_id"]
            copied = select(literal(kept).label("paper_id"), *rest).where(table.c.paper_id == gone)
            names = ["paper_id", *(column.name for column in rest)]
            await execute(self.database.insert(table).from_select(names, copied).on_conflict_do_nothing())
            await execute(delete(table).where(table.c.paper_id == gone))
        await self.move_ledger(gone, kept)
        await move_archived(self.connection, gone, kept)
        await move_voices(self.connection, gone, kept)
        await forget_paper(self.connection, gone)
        await execute(delete(papers).where(papers.c.id == gone))
        await execute(insert(paper_aliases).values(id=gone, paper_id=kept))

    async def move_ledger(self, gone: int, kept: int) -> None:
        """Unite the ledger rows of two papers; who got both keeps the row that nothing can take back any more."""
        execute = self.connection.execute
        accepted = select(deliveries.c.id).where(deliveries.c.state == DeliveryState.ACCEPTED.value)
        both = ledger.alias("both")
        got_kept = select(both.c.subscriber_id).where(both.c.paper_id == kept)
        firm = select(ledger.c.subscriber_id).where(ledger.c.paper_id == gone, ledger.c.delivery_id.in_(accepted))
        await execute(
            delete(ledger).where(
                ledger.c.paper_id == kept,
                ledger.c.delivery_id.not_in(accepted),
                ledger.c.subscriber_id.in_(firm),
            )
        )
        await execute(delete(ledger).where(ledger.c.paper_id == gone, ledger.c.subscriber_id.in_(got_kept)))
        await execute(update(ledger).where(ledger.c.paper_id == gone).values(paper_id=kept))
