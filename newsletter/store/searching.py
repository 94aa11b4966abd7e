"""Asking the search index: FTS5 in SQLite, a tsvector in PostgreSQL; the same question, and the same papers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, and_, cast, column, func, literal_column, or_, select, table, text, union_all
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, aggregate_order_by

from newsletter.core.index_plan import NOTHING, AllOf, AnyOf, Phrase, any_of
from newsletter.core.index_words import ID_BITS, positions_of_days
from newsletter.ports.search import Candidate
from newsletter.store.part import Part, chunks
from newsletter.store.schema import indexed_papers, vocabulary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from datetime import date

    from sqlalchemy import ColumnElement, CompoundSelect, Select, Subquery
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.core.index_plan import Plan, Word
    from newsletter.model import SearchFilters

MOST_WORDS: Final = 20_000  # of the vocabulary that one question may need
MOST_WAYS: Final = 4  # by phrases, beside the one by words alone
AFTER_Z: Final = "{"  # the character after the last one of coded words
NOWHERE: Final = "0"  # no word of the index: they begin with letters
# PostgreSQL thinks that reading every paper's vector costs nothing, and for usual words it would do so: a hundred times
# slower than asking the index. For this transaction it has no other way.
BY_WORDS: Final = text("SELECT set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true)")
FTS: Final = table("indexed_words", column("rowid"), column("indexed_words"))


class SearchTables(Part):
    """:class:`newsletter.ports.SearchIndex` over the index's tables."""

    async def words_beginning(
        self, pieces: Collection[str], beginnings: Callable[[set[str]], Collection[str]]
    ) -> list[tuple[str, str]]:
        """Return (word, stem), coded, of every word of any paper that begins in one of these ways; 20,000 at most.

        ``beginnings`` is told which of the coded ``pieces`` are words of any paper, and says what to look for then.
        """
        async with self.database.read() as connection:
            wanted = sorted(beginnings(await _known_words(connection, pieces)))
            found: list[tuple[str, str]] = []
            word = vocabulary.c.word
            for chunk in chunks(wanted, 50):
                ranges = [and_(word >= beginning, word < beginning + AFTER_Z) for beginning in chunk]
                query = select(word, vocabulary.c.stem).where(or_(*ranges)).limit(MOST_WORDS)
                found += map(tuple, await connection.execute(query))
        return found[:MOST_WORDS]

    async def count_candidates(self, plan: Plan | None, filters: SearchFilters) -> int:
        """Return how many papers a plan finds."""
        found = self._found(plan, filters).subquery()
        async with self._asking(plan) as connection:
            return int((await connection.execute(select(func.count()).select_from(found))).scalar_one())

    async def candidates(
        self, plan: Plan | None, filters: SearchFilters, limit: int, offset: int = 0
    ) -> list[Candidate]:
        """Return what a plan finds, newest first."""
        asked = self._found(plan, filters).order_by(column("position").desc())
        newest = asked.limit(limit).offset(offset).subquery()
        async with self._asking(plan) as connection:
            return [_candidate(*row) for row in await connection.execute(_with_words(newest))]

    async def counted_candidates(
        self, plan: Plan | None, filters: SearchFilters, limit: int, offset: int = 0
    ) -> tuple[int, list[Candidate]]:
        """Return how many papers a plan finds, and a stretch of them, newest first."""
        if self.database.is_sqlite:  # which finds the newest without finding all
            return await asyncio.gather(
                self.count_candidates(plan, filters), self.candidates(plan, filters, limit, offset)
            )
        found = self._found(plan, filters).subquery("found").c.position
        in_order = func.array_agg(aggregate_order_by(found, found.desc()), type_=ARRAY(BigInteger))
        counted = select(func.count().label("total"), in_order.label("positions")).subquery("counted")
        stretch = func.unnest(counted.c.positions[offset + 1 : offset + limit]).label("position")
        newest = select(stretch, counted.c.total).subquery()
        async with self._asking(plan) as connection:
            rows = (await connection.execute(_with_words(newest).add_columns(newest.c.total))).all()
        if not rows and offset:
            return await self.count_candidates(plan, filters), []
        return (rows[0].total if rows else 0), [_candidate(*row[:3]) for row in rows]

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

    async def appeared(self, first: date, last: date, before: int | None, limit: int) -> list[tuple[int, int]]:
        """Return (id, position) of papers that appeared on these days, newest first, below a position."""
        position = indexed_papers.c.position
        appeared = indexed_papers.c.day.between(first, last)
        query = select(position).where(appeared).order_by(position.desc()).limit(limit)
        if before is not None:
            query = query.where(position < before)
        async with self.database.read() as connection:
            return [(each & ((1 << ID_BITS) - 1), each) for each in (await connection.execute(query)).scalars()]

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

    def _found(self, plan: Plan | None, filters: SearchFilters) -> CompoundSelect[Any] | Select[Any]:
        """Return the question for the positions of all papers that a plan finds."""
        if plan is None:
            return _of_days(indexed_papers.c.position, filters)
        if self.database.is_sqlite:
            return _of_days(FTS.c.rowid, filters).where(FTS.c.indexed_words.op("MATCH")(fts5_query(plan)))
        vector: ColumnElement[str] = literal_column("indexed_papers.vector")
        positions = _of_days(indexed_papers.c.position, filters)
        asked = [positions.where(vector.op("@@")(cast(tsquery(each), TSQUERY))) for each in apart(plan)]
        return union_all(*asked) if len(asked) > 1 else asked[0]


async def _known_words(connection: AsyncConnection, pieces: Collection[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(pieces):
        query = select(vocabulary.c.word).where(vocabulary.c.word.in_(chunk)).distinct()
        found.update((await connection.execute(query)).scalars())
    return found


def _with_words(newest: Subquery) -> Select[Any]:
    """Return the question for the papers at these positions."""
    rows = select(indexed_papers.c.position, indexed_papers.c.paper_id, indexed_papers.c.tokens)
    rows = rows.join(newest, newest.c.position == indexed_papers.c.position)
    return rows.order_by(indexed_papers.c.position.desc())


def _candidate(position: int, paper_id: int, tokens: str) -> Candidate:
    return Candidate(paper_id, position >> ID_BITS, tokens)


def _of_days(position: ColumnElement[int], filters: SearchFilters) -> Select[Any]:
    first, last = positions_of_days(filters.since, filters.until)
    query = select(position.label("position"))
    if first is not None:
        query = query.where(position >= first)
    return query if last is None else query.where(position <= last)


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


def apart(plan: Plan) -> list[Plan]:
    """Return plans that together find what ``plan`` finds, each paper once: words alone apart from phrases.

    PostgreSQL's index knows which papers hold which words, not where: of each paper that may hold a phrase it reads the
    whole vector. Asked in one question for a usual word *or* a rare phrase, it would read those of the word as well: by
    the page, so that an OR of two conditions would not help either.
    """
    ways = _by_phrases(plan)
    if not 0 < len(ways) <= MOST_WAYS:
        return [plan]
    ways.insert(0, _by_words(plan))
    return [AllOf((way,), tuple(ways[:number])) for number, way in enumerate(ways)]


def _by_words(plan: Plan) -> Plan:
    """Return a plan without the phrases to which there is an alternative."""
    match plan:
        case AnyOf(plans) if not all(map(_is_phrase, plans)):
            return any_of(_by_words(each) for each in plans if not _is_phrase(each))
        case AllOf(plans, without):
            return AllOf(tuple(map(_by_words, plans)), without)
    return plan


def _by_phrases(plan: Plan) -> list[Plan]:
    """Return what :func:`_by_words` leaves out, each with all the rest of the plan."""
    match plan:
        case AnyOf(plans) if not all(map(_is_phrase, plans)):
            ways = [way for each in plans for way in _by_phrases(each)]
            found = any_of(filter(_is_phrase, plans))
            return ways if found == NOTHING else [found, *ways]
        case AllOf(plans, without):
            return [
                AllOf((*plans[:number], way, *plans[number + 1 :]), without)
                for number, each in enumerate(plans)
                for way in _by_phrases(each)
            ]
    return []


def _is_phrase(plan: Plan) -> bool:
    return isinstance(plan, Phrase) and len(plan.words) > 1


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
