"""Reading papers: by id, by arrival, by what a person may call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, func, or_, select, tuple_

from newsletter.core.identity import normal_title, paper_keys, parse_arxiv_id, parse_doi
from newsletter.model import Entry
from newsletter.store.paperrows import bounded, paper_of, sighting_of, state_of, version_of
from newsletter.store.part import Part, chunks
from newsletter.store.schema import paper_aliases, paper_versions, papers, sightings, sources
from newsletter.store.schema import paper_keys as keys_table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import Paper, PaperVersion, Sighting, SourceState

PAGE: Final = 500
MOST_FOUND: Final = 100
LARGEST_ID: Final = 2**31 - 1


async def resolve_ids(connection: AsyncConnection, paper_ids: Collection[int]) -> dict[int, int]:
    """Return, for each id asked for, the id under which that paper is stored now; unknown ids stand for themselves."""
    resolved = {paper_id: paper_id for paper_id in paper_ids}
    for chunk in chunks(resolved):
        query = select(paper_aliases.c.id, paper_aliases.c.paper_id).where(paper_aliases.c.id.in_(chunk))
        resolved.update({row.id: row.paper_id for row in await connection.execute(query)})
    return resolved


async def papers_by_id(connection: AsyncConnection, paper_ids: Collection[int]) -> dict[int, Paper]:
    """Return the papers stored under exactly these ids."""
    found: dict[int, Paper] = {}
    for chunk in chunks(dict.fromkeys(paper_ids)):
        rows = await connection.execute(select(papers).where(papers.c.id.in_(chunk)))
        found.update({row.id: paper_of(row) for row in rows})
    return found


async def newest_arrival(connection: AsyncConnection) -> int:
    """Return the number of the newest collection that changed something, 0 when there is none."""
    newest = select(func.max(papers.c.arrival), func.max(papers.c.version_arrival))
    arrival, version_arrival = (await connection.execute(newest)).one()
    return max(arrival or 0, version_arrival or 0)


class PaperReader(Part):
    """The reading half of :class:`newsletter.ports.PaperStore`."""

    async def source_states(self) -> dict[str, SourceState]:
        """Return the state of every source ever checked, by name."""
        async with self.database.read() as connection:
            return {row.name: state_of(row) for row in await connection.execute(select(sources))}

    async def last_arrival(self) -> int:
        """Return the newest arrival, 0 when there is none."""
        async with self.database.read() as connection:
            return await newest_arrival(connection)

    async def arrived_papers(self, after_arrival: int, seen_since: datetime) -> list[Paper]:
        """Return what arrived after ``after_arrival``, seen since then for the first time or in a newer version."""
        arrived = and_(papers.c.arrival > after_arrival, papers.c.first_seen_at >= seen_since)
        updated = and_(papers.c.version_arrival > after_arrival, papers.c.version_seen_at >= seen_since)
        query = select(papers).where(or_(arrived, updated))
        async with self.database.read() as connection:
            rows = await connection.execute(query.order_by(papers.c.arrival, papers.c.id))
            return [paper_of(row) for row in rows]

    async def papers(self, paper_ids: Collection[int]) -> dict[int, Paper]:
        """Return the papers by the ids asked for, also by those that became part of another."""
        async with self.database.read() as connection:
            found = await papers_by_id(connection, paper_ids)
            resolved = await resolve_ids(connection, [each for each in paper_ids if each not in found])
            found |= await papers_by_id(connection, resolved.values())
        asked = {paper_id: resolved.get(paper_id, paper_id) for paper_id in paper_ids}
        return {paper_id: found[stored] for paper_id, stored in asked.items() if stored in found}

    async def find_papers(self, reference: str) -> list[Paper]:
        """Return what a person may mean by ``reference``, at most 100 papers, newest first; [] when there is none."""
        reference = reference.strip()
        if reference.isdecimal() and reference.isascii():
            return list((await self.papers([int(reference)])).values()) if int(reference) <= LARGEST_ID else []
        if parse_arxiv_id(reference) or parse_doi(reference) or "://" in reference:
            return await self.named(reference)
        letters = normal_title(reference)
        if not letters:
            return []
        query = select(papers).where(papers.c.title_letters.contains(letters, autoescape=True))
        async with self.database.read() as connection:
            newest = query.order_by(papers.c.arrival.desc(), papers.c.id.desc()).limit(MOST_FOUND)
            return [paper_of(row) for row in await connection.execute(newest)]

    async def named(self, reference: str) -> list[Paper]:
        """Return the papers that bear an identifier or link."""
        keys = paper_keys(Entry(entry_id=reference, title="", url=reference))
        pairs = [(key.scheme.value, bounded(key.value)) for key in keys]
        query = select(papers).join(keys_table, keys_table.c.paper_id == papers.c.id)
        query = query.where(tuple_(keys_table.c.scheme, keys_table.c.value).in_(pairs)).distinct()
        async with self.database.read() as connection:
            return [paper_of(row) for row in await connection.execute(query.order_by(papers.c.id.desc()))]

    async def all_papers(self) -> AsyncIterator[Paper]:
        """Yield every paper, newest arrival first, a page at a time.

        No lock is held between pages: what arrives meanwhile is not part of it.
        """
        position = papers.c.arrival, papers.c.id
        query = select(papers).order_by(papers.c.arrival.desc(), papers.c.id.desc()).limit(PAGE)
        page = query
        while True:
            async with self.database.read() as connection:
                found = [paper_of(row) for row in await connection.execute(page)]
            for paper in found:
                yield paper
            if len(found) < PAGE:
                return
            page = query.where(tuple_(*position) < tuple_(found[-1].arrival, found[-1].id))

    async def sightings(self, paper_id: int) -> list[Sighting]:
        """Return what each source said of a paper, oldest first."""
        async with self.database.read() as connection:
            stored = (await resolve_ids(connection, [paper_id]))[paper_id]
            query = select(sightings).where(sightings.c.paper_id == stored)
            rows = await connection.execute(query.order_by(sightings.c.first_seen_at, sightings.c.id))
            return [sighting_of(row) for row in rows]

    async def versions(self, paper_id: int) -> list[PaperVersion]:
        """Return the versions seen of a paper, lowest first."""
        async with self.database.read() as connection:
            stored = (await resolve_ids(connection, [paper_id]))[paper_id]
            query = select(paper_versions).where(paper_versions.c.paper_id == stored)
            return [version_of(row) for row in await connection.execute(query.order_by(paper_versions.c.version))]
