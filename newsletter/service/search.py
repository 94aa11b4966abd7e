"""Searching all stored papers: the index proposes, words rank, the matcher decides and explains."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from newsletter.core.index_plan import NOTHING, Phrase, Planner, Word, any_of, filtered
from newsletter.core.index_rank import Scorer, Statistics, statistics
from newsletter.core.index_spelling import beginnings, endings, pieces, spellings, symbols_of
from newsletter.core.query import leaves, positive_leaves
from newsletter.core.query_parse import parse_query
from newsletter.core.search import Searcher
from newsletter.errors import QueryError
from newsletter.model import SearchFilters, SearchHit, SearchOrder, SearchPage, SearchRequest
from newsletter.ports import PaperStore, SearchIndex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from newsletter.core.index_plan import Plan
    from newsletter.core.index_spelling import Ending
    from newsletter.core.query import Query
    from newsletter.model import Paper
    from newsletter.ports import Candidate

    _Scored = tuple[float, Candidate]

POOL: Final = 300  # of the newest papers found, and of those that have it in the title: so many are ranked
SAMPLE: Final = 2_000  # of the newest papers, whose words tell how rare words are
SAMPLE_AGE: Final = timedelta(hours=1)
MOST_TERMS: Final = 100
MOST_EXAMINED: Final = 1_000  # papers that one answer looks at: the next stretch goes on from there
STEP: Final = 24  # papers looked at together at least: a page, and a few that the matcher may refuse
FEATURES: Final = 12  # words of a paper by which similar ones are found
SHORTEST_FEATURE: Final = 3  # characters, the coding's included


class SearchStore(PaperStore, SearchIndex, Protocol):
    """What a search reads."""


@dataclass(slots=True)
class WordSearch:
    """:class:`newsletter.ports.Search` by words. Between questions it keeps how rare words are, and nothing else."""

    store: SearchStore
    _statistics: Statistics = field(default_factory=Statistics)
    _sampled_at: datetime | None = None

    async def search(self, request: SearchRequest, now: datetime) -> SearchPage:
        """Return a stretch of what a query finds; QueryError, pointing at the column, when it cannot be asked.

        Offsets count candidates of the index, a few of which the matcher may refuse.
        """
        if not request.query.strip():
            return await self._browse(request)
        question = await self._question(checked_query(request.query), request)
        is_best = request.order is not SearchOrder.NEWEST
        total, candidates = await (
            self._ranked(question, request.offset, now) if is_best else _newest(question, request)
        )
        is_about, (hits, next_offset) = await asyncio.gather(
            question.is_about(total, request), _walk(question, request, candidates)
        )
        if next_offset is None and request.offset == 0 and candidates.is_whole:
            return SearchPage(hits, len(hits))
        return SearchPage(hits, total, is_about, next_offset)

    async def proposed(self, query: Query, filters: SearchFilters, limit: int) -> list[int]:
        """Return the ids of the newest papers that may match a query, at most so many: all that do are among these."""
        question = await self._question(query, SearchRequest(filters=filters))
        return [each.paper_id for each in await self.store.candidates(question.plan, filters, limit)]

    async def similar(self, paper: Paper, count: int, now: datetime) -> list[Paper]:
        """Return at most so many papers that share this one's rarest words, the likest first."""
        tokens = await self.store.words_of(paper.id)
        if tokens is None:
            return []
        known = await self._word_statistics(now)
        features = _features(tokens, known)
        if not features:
            return []
        found = await self.store.candidates(any_of(features), SearchFilters(), POOL)
        others = [candidate for candidate in found if candidate.paper_id != paper.id]
        best = sorted(await _scored(others, Scorer(features, known, now)), key=_rank)[:count]
        papers = await self.store.papers([candidate.paper_id for _, candidate in best])
        return [papers[candidate.paper_id] for _, candidate in best if candidate.paper_id in papers]

    async def _browse(self, request: SearchRequest) -> SearchPage:
        plan = filtered(None, request.filters)
        total, found = await self.store.counted_candidates(plan, request.filters, request.limit, request.offset)
        papers = await self.store.papers([candidate.paper_id for candidate in found])
        hits = tuple(SearchHit(papers[each.paper_id], 0.0) for each in found if each.paper_id in papers)
        end = request.offset + len(found)
        return SearchPage(hits, total, next_offset=end if found and end < total else None)

    async def _question(self, query: Query, request: SearchRequest) -> _Question:
        symbols = symbols_of(query)
        wanted: list[Ending] = []

        def beginning(known: set[str]) -> set[str]:
            wanted.extend(endings(symbols, known))
            return beginnings(wanted)

        found = await self.store.words_beginning(pieces(symbols), beginning) if symbols else []
        return _Question(self.store, query, Planner(spellings(wanted, found)), request.filters)

    async def _ranked(self, question: _Question, offset: int, now: datetime) -> tuple[int, _Ranked]:
        known = await self._word_statistics(now)
        terms = [question.planner.upper(leaf) or NOTHING for leaf in dict.fromkeys(positive_leaves(question.query))]
        total, scored = await question.pool(Scorer(terms, known, now))
        ranked = [(each.paper_id, score) for score, each in sorted(scored, key=_rank)]
        return total, _Ranked(ranked, offset, is_whole=len(ranked) < POOL)

    async def _word_statistics(self, now: datetime) -> Statistics:
        if self._sampled_at is None or not timedelta(0) <= now - self._sampled_at < SAMPLE_AGE:
            sample = await self.store.candidates(None, SearchFilters(), SAMPLE)
            self._statistics = await asyncio.to_thread(statistics, [candidate.tokens for candidate in sample])
            self._sampled_at = now
        return self._statistics


class _Question:
    """A query as it is put to the index."""

    def __init__(self, store: SearchStore, query: Query, planner: Planner, filters: SearchFilters) -> None:
        self.store = store
        self.query = query
        self.planner = planner
        self.filters = filters
        self.lower, upper = planner.lower(query), planner.upper(query)
        self.is_certain = self.lower == upper  # whether the matcher refuses none of what is found
        self.plan = filtered(upper, filters)

    async def is_about(self, total: int, request: SearchRequest) -> bool:
        """Return whether some of the papers counted may not match. Of many that is not looked up: it may be so.

        It is not looked up either of so few that the page has them all, and so counts them itself.
        """
        if self.is_certain or total >= POOL:
            return not self.is_certain
        if request.offset == 0 and total <= request.limit:
            return False
        return total != await self.store.count_candidates(filtered(self.lower, self.filters), self.filters)

    def step(self, limit: int) -> int:
        """Return how many papers to look at together for a page of so many, and to see whether another follows."""
        return limit + 1 if self.is_certain else max(STEP, limit)

    async def pool(self, scorer: Scorer) -> tuple[int, list[_Scored]]:
        """Return how many papers are found, and those to rank: the newest, and if there are more, by their titles."""
        titles = filtered(replace(self.planner, only_titles=True).upper(self.query), self.filters)
        if titles == self.plan:
            return await self._newest(scorer)
        (total, newest), by_title = await asyncio.gather(self._newest(scorer), self._by_title(titles, scorer))
        if total <= len(newest):
            return total, newest
        return total, list({each.paper_id: (score, each) for score, each in (*newest, *by_title)}.values())

    async def _newest(self, scorer: Scorer) -> tuple[int, list[_Scored]]:
        total, found = await self.store.counted_candidates(self.plan, self.filters, POOL)
        return total, await _scored(found, scorer)

    async def _by_title(self, titles: Plan | None, scorer: Scorer) -> list[_Scored]:
        return await _scored(await self.store.candidates(titles, self.filters, POOL), scorer)


@dataclass(slots=True)
class _Ranked:
    """Candidates in the order of their scores; ``is_whole`` says whether these are all there are."""

    found: list[tuple[int, float]]
    position: int
    is_whole: bool

    async def next(self, count: int) -> list[tuple[int, float]]:
        """Return the next ids and scores, fewer than asked for at the end."""
        step = self.found[self.position : self.position + count]
        self.position += count
        return step


@dataclass(slots=True)
class _Newest:
    """Candidates as the index has them; ``first`` are those that have been asked for already."""

    question: _Question
    position: int
    first: list[Candidate]
    is_whole: bool = True

    async def next(self, count: int) -> list[tuple[int, float]]:
        """Return the next ids, without scores, fewer than asked for at the end."""
        question, step, self.first = self.question, self.first, []
        if not step:
            step = await question.store.candidates(question.plan, question.filters, count, self.position)
        self.position += count
        return [(candidate.paper_id, 0.0) for candidate in step]


async def _newest(question: _Question, request: SearchRequest) -> tuple[int, _Newest]:
    size = question.step(request.limit)
    total, first = await question.store.counted_candidates(question.plan, question.filters, size, request.offset)
    return total, _Newest(question, request.offset, first)


async def _walk(
    question: _Question, request: SearchRequest, candidates: _Newest | _Ranked
) -> tuple[tuple[SearchHit, ...], int | None]:
    """Return the hits among the next candidates, until there are enough, and where the next stretch begins."""
    searcher = Searcher(request.query)
    hits: list[SearchHit] = []
    examined, size = request.offset, question.step(request.limit)
    while examined < request.offset + MOST_EXAMINED:
        step = await candidates.next(size)
        papers = await question.store.papers([paper_id for paper_id, _ in step])
        room = request.limit - len(hits)
        places, found = await asyncio.to_thread(_decide, searcher, step, papers, room)
        hits += found
        if len(hits) == request.limit:
            end = examined + places[-1] + 1
            is_last = len(step) < size and end == examined + len(step)
            return tuple(hits), None if is_last else end
        if len(step) < size:
            return tuple(hits), None
        examined += len(step)
    return tuple(hits), examined


def _decide(
    searcher: Searcher, step: Sequence[tuple[int, float]], papers: Mapping[int, Paper], room: int
) -> tuple[list[int], list[SearchHit]]:
    """Return the hits among these candidates, at most ``room``, explained, and their places in ``step``."""
    there = [papers[paper_id] for paper_id, _ in step if paper_id in papers]
    reasons = searcher.explained(there, room)
    taken = [(place, *each) for place, each in enumerate(step) if each[0] in reasons]
    hits = [SearchHit(papers[paper_id], score, reasons[paper_id]) for _, paper_id, score in taken]
    return [place for place, _, _ in taken], hits


def checked_query(text: str) -> Query:
    """Return the tree of a query; QueryError when it is malformed, or too much to be asked of a search."""
    query = parse_query(text)
    count = sum(1 for _ in leaves(query))
    if count > MOST_TERMS:
        raise QueryError(f"a search has at most {MOST_TERMS} terms, this one has {count:,}", 1, "leave some out")
    return query


async def _scored(found: Sequence[Candidate], scorer: Scorer) -> list[_Scored]:
    scores = await asyncio.to_thread(scorer.scores, [(each.minutes, each.tokens) for each in found])
    return list(zip(scores, found, strict=True))


def _rank(scored: _Scored) -> tuple[float, int, int]:
    score, candidate = scored
    return -score, -candidate.minutes, -candidate.paper_id


def _features(tokens: str, known: Statistics) -> list[Plan]:
    """Return a paper's rarest words, as plans that find them in titles and abstracts."""
    counts = Counter(word[1:] for word in tokens.split(" ") if word[0] in "ta")
    in_title = {word[1:] for word in tokens.split(" ") if word[0] == "t"}
    worth = {
        word: (2 if word in in_title else 1) * min(count, 3) * known.rarity("a" + word)
        for word, count in counts.items()
    }
    # What no other paper of the sample holds finds nothing: a misprint, or a name.
    usual = [word for word in worth if known.holding.get("a" + word, 0) > 1 and len(word) > SHORTEST_FEATURE]
    best = sorted(usual, key=lambda word: (-worth[word], word))[:FEATURES]
    return [any_of(Phrase((Word(letter + word),)) for letter in "ta") for word in best]
