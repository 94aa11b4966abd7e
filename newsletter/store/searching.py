"""Asking the search index: FTS5 in SQLite, a tsvector in PostgreSQL; the same question, and the same papers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, cast, column, func, literal_column, or_, select, table, text
from sqlalchemy.dialects.postgresql import TSQUERY

from newsletter.core.index_plan import AllOf, AnyOf, Phrase
from newsletter.core.index_words import ID_BITS, positions_of_days
from newsletter.ports.search import Candidate
from newsletter.store.part import Part, chunks
from newsletter.store.schema import indexed_papers, vocabulary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from datetime import date

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.core.index_plan import Plan, Word
    from newsletter.model import SearchFilters

MOST_WORDS: Final = 20_000  # of the vocabulary that one question may need
AFTER_Z: Final = "{"  # the character after the last one of coded words
NOWHERE: Final = "0"  # no word of the index: they begin with letters
# PostgreSQL thinks that reading every paper's vector costs nothing, and for usual words it would do so: a hundred times
# slower than asking the index. For this transaction it has no other way.
BY_WORDS: Final = text("SELECT set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true)")
FTS: Final = table("indexed_words", column("rowid"), column("indexed_words"))


class SearchTables(Part):
    """:class:`newsletter.ports.SearchIndex` over the index's tables."""

    async def known_words(self, words: Collection[str]) -> set[str]:
        """Return which of these coded words any paper holds."""
        found: set[str] = set()
        async with self.database.read() as connection:
            for chunk in chunks(words):
                query = select(vocabulary.c.word).where(vocabulary.c.word.in_(chunk)).distinct()
                found.update((await connection.execute(query)).scalars())
        return found

    async def words_beginning(self, beginnings: Collection[str]) -> list[tuple[str, str]]:
        """Return (word, stem), coded, of every word of any paper that begins so; 20,000 at most."""
        found: list[tuple[str, str]] = []
        word = vocabulary.c.word
        async with self.database.read() as connection:
            for chunk in chunks(sorted(beginnings), 50):
                ranges = [and_(word >= beginning, word < beginning + AFTER_Z) for beginning in chunk]
                query = select(word, vocabulary.c.stem).where(or_(*ranges)).limit(MOST_WORDS)
                found += [(row.word, row.stem) for row in await connection.execute(query)]
        return found[:MOST_WORDS]

    async def count_candidates(self, plan: Plan | None, filters: SearchFilters) -> int:
        """Return how many papers a plan finds."""
        query = select(func.count()).select_from(self._from(plan))
        async with self._asking(plan) as connection:
            return int((await connection.execute(self._where(query, plan, filters))).scalar_one())

    async def candidates(
        self, plan: Plan | None, filters: SearchFilters, limit: int, offset: int = 0
    ) -> list[Candidate]:
        """Return what a plan finds, newest first."""
        position = self._position(plan)
        query = self._where(select(position.label("position")).select_from(self._from(plan)), plan, filters)
        newest = query.order_by(position.desc()).limit(limit).offset(offset).subquery()
        rows = select(indexed_papers.c.position, indexed_papers.c.paper_id, indexed_papers.c.tokens)
        rows = rows.join(newest, newest.c.position == indexed_papers.c.position)
        async with self._asking(plan) as connection:
            found = await connection.execute(rows.order_by(indexed_papers.c.position.desc()))
            return [Candidate(row.paper_id, row.position >> ID_BITS, row.tokens) for row in found]

    async def words_of(self, paper_id: int) -> str | None:
        """Return the words of one paper, None when there is no such paper."""
        query = select(indexed_papers.c.tokens).where(indexed_papers.c.paper_id == paper_id)
        async with self.database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def listed(
        self, first: date, last: date, *, by_votes: bool, limit: int, offset: int = 0
    ) -> tuple[list[int], int]:
        """Return the ids of papers that appeared on these days, and how many there are in all.

        Newest first; with ``by_votes`` the most trending ones (:mod:`newsletter.core.trending`) come before.
        """
        appeared = indexed_papers.c.day.between(first, last)
        order = [indexed_papers.c.trend.desc()] if by_votes else []
        query = select(indexed_papers.c.position).where(appeared)
        query = query.order_by(*order, indexed_papers.c.position.desc()).limit(limit).offset(offset)
        async with self.database.read() as connection:
            total = await connection.execute(select(func.count()).select_from(indexed_papers).where(appeared))
            positions = (await connection.execute(query)).scalars().all()
        return [position & ((1 << ID_BITS) - 1) for position in positions], int(total.scalar_one())

    async def neighbouring_days(self, first: date, last: date) -> tuple[date | None, date | None]:
        """Return the last day before a stretch on which papers appeared, and the first one after it."""
        day = indexed_papers.c.day
        async with self.database.read() as connection:
            before = await connection.execute(select(func.max(day)).where(day < first))
            after = await connection.execute(select(func.min(day)).where(day > last))
            return before.scalar(), after.scalar()

    @asynccontextmanager
    async def _asking(self, plan: Plan | None) -> AsyncIterator[AsyncConnection]:
        """Yield a connection for a question with this plan, put to the index of words wherever there is one."""
        async with self.database.read() as connection:
            if plan is not None and not self.database.is_sqlite:
                await connection.execute(BY_WORDS)
            yield connection

    def _from(self, plan: Plan | None) -> Any:
        return FTS if plan is not None and self.database.is_sqlite else indexed_papers

    def _position(self, plan: Plan | None) -> ColumnElement[int]:
        return FTS.c.rowid if self._from(plan) is FTS else indexed_papers.c.position

    def _where(self, query: Select[Any], plan: Plan | None, filters: SearchFilters) -> Select[Any]:
        first, last = positions_of_days(filters.since, filters.until)
        position = self._position(plan)
        if first is not None:
            query = query.where(position >= first)
        if last is not None:
            query = query.where(position <= last)
        if plan is None:
            return query
        if self.database.is_sqlite:
            return query.where(FTS.c.indexed_words.op("MATCH")(fts5_query(plan)))
        return query.where(literal_column("indexed_papers.vector").op("@@")(cast(tsquery(plan), TSQUERY)))


def fts5_query(plan: Plan) -> str:
    """Return a plan as FTS5 reads it."""
    match plan:
        case Phrase(words):
            return f'"{" ".join(word.text for word in words)}"{" *" if words[-1].is_prefix else ""}'
        case AnyOf(plans):
            return f"({' OR '.join(map(fts5_query, plans))})" if plans else f'"{NOWHERE}"'
        case AllOf(plans, without):
            wanted = " AND ".join(map(fts5_query, plans))
            return f"(({wanted}){''.join(f' NOT {fts5_query(each)}' for each in without)})"


def tsquery(plan: Plan) -> str:
    """Return a plan as PostgreSQL reads it."""
    match plan:
        case Phrase(words):
            return f"({' <-> '.join(map(lexeme, words))})"
        case AnyOf(plans):
            return f"({' | '.join(map(tsquery, plans))})" if plans else NOWHERE
        case AllOf(plans, without):
            return f"({' & '.join((*map(tsquery, plans), *(f'!{tsquery(each)}' for each in without)))})"


def lexeme(word: Word) -> str:
    """Return a word as PostgreSQL reads it; it is ASCII letters and digits alone."""
    return f"{word.text}:*" if word.is_prefix else word.text
