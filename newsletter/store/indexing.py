"""Keeping the search index: what a paper comes to there is written in the transaction that writes the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.core.index_words import IndexEntry, index_entry
from newsletter.core.trending import trend
from newsletter.store.paperrows import paper_of
from newsletter.store.part import chunks
from newsletter.store.schema import indexed_papers, papers, vocabulary
from newsletter.store.trends import votes_by_day

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import DayVotes, Paper

BATCH: Final = 500  # papers in memory at a time


def entries_of(changed: Iterable[Paper]) -> list[IndexEntry]:
    """Return what the index holds of these papers; cutting hundreds of texts into words is work for a thread."""
    return [index_entry(paper) for paper in changed]


async def index_papers(connection: AsyncConnection, entries: Sequence[IndexEntry]) -> None:
    """Put papers into the index, in place of what it held of them."""
    await connection.run_sync(write_entries, entries)


async def forget_paper(connection: AsyncConnection, paper_id: int) -> None:
    """Take a paper out of the index."""
    await connection.execute(delete(indexed_papers).where(indexed_papers.c.paper_id == paper_id))


def write_entries(connection: Connection, entries: Sequence[IndexEntry]) -> None:
    """Write entries over those of the same papers, and their words into the vocabulary."""
    if not entries:
        return
    known = _known(connection, [entry.paper_id for entry in entries])
    counted = votes_by_day(connection, [entry.paper_id for entry in entries])
    rows = {entry.paper_id: _row(entry, counted.get(entry.paper_id, ())) for entry in entries}
    changed = [paper_id for paper_id, row in rows.items() if known.get(paper_id) != row]
    for chunk in chunks(paper_id for paper_id in changed if paper_id in known):
        connection.execute(delete(indexed_papers).where(indexed_papers.c.paper_id.in_(chunk)))
    if changed:
        connection.execute(indexed_papers.insert(), [rows[paper_id] for paper_id in changed])
    words = sorted({pair for entry in entries for pair in entry.vocabulary})
    if words:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(vocabulary).on_conflict_do_nothing()
        connection.execute(statement, [{"word": word, "stem": stem} for word, stem in words])


def _row(entry: IndexEntry, votes: Iterable[DayVotes]) -> dict[str, Any]:
    return {
        "position": entry.position,
        "paper_id": entry.paper_id,
        "day": entry.day,
        "trend": trend(entry.upvotes, entry.day, votes),
        "tokens": entry.tokens,
    }


def _known(connection: Connection, paper_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for chunk in chunks(paper_ids):
        rows = connection.execute(select(indexed_papers).where(indexed_papers.c.paper_id.in_(chunk)))
        found |= {row.paper_id: dict(row._mapping) for row in rows}  # noqa: SLF001 (SQLAlchemy's public name)
    return found


def index_missing(connection: Connection) -> int:
    """Put every paper into the index that is not there; return how many these were. Memory stays bounded.

    A migration that changes what the index holds only has to empty it.
    """
    last = count = 0
    query = select(papers).outerjoin(indexed_papers, indexed_papers.c.paper_id == papers.c.id)
    query = query.where(indexed_papers.c.paper_id.is_(None)).order_by(papers.c.id).limit(BATCH)
    while rows := connection.execute(query.where(papers.c.id > last)).all():
        write_entries(connection, entries_of(paper_of(row) for row in rows))
        last, count = rows[-1].id, count + len(rows)
    return count
