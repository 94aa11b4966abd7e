"""A foretaste of a digest: what somebody's choices would have brought in the last week, before they sign up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.match import Matcher
from newsletter.core.query import Or, Query, QueryField, Term
from newsletter.model import Field, Profile, SearchFilters, Topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.model import Keyword, Match, Paper, Reason
    from newsletter.service.search import WordSearch
    from newsletter.service.topics import Basis, PageStore, Topics

DAYS: Final = 7
MOST_CANDIDATES: Final = 500  # of the newest papers that hold a keyword
SHOWN: Final = 8
PERSONAL: Final = "personal:"  # which no file may name a profile
FIELDS: Final = {
    Field.ANY: QueryField.ALL,
    Field.TITLE: QueryField.TITLE,
    Field.ABSTRACT: QueryField.ABSTRACT,
    Field.AUTHORS: QueryField.AUTHOR,
    Field.COMMENT: QueryField.COMMENT,
}


@dataclass(frozen=True, slots=True)
class Foretaste:
    """How many papers there were, by topic (None: by the keywords alone) and in all, and the best of them."""

    total: int
    counts: tuple[tuple[Profile | None, int], ...]
    papers: tuple[tuple[Paper, tuple[Reason, ...]], ...]


@dataclass(slots=True)
class Foretastes:
    """Makes them, one at a time: whoever asks meanwhile waits."""

    store: PageStore
    search: WordSearch
    topics: Topics
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def of(self, profiles: Sequence[str], keywords: Sequence[Keyword]) -> Foretaste:
        """Return what these profiles and keywords would have brought."""
        async with self._turn:
            basis = await self.topics.basis()
            found = await self._of_profiles(basis, profiles)
            matcher, own = await self._of_keywords(basis, keywords)
            best: dict[int, Match] = {}
            for match in (match for matches in (*found.values(), own) for match in matches):
                if match.paper_id not in best or match.score > best[match.paper_id].score:
                    best[match.paper_id] = match
            shown = sorted(best.values(), key=lambda match: (-match.score, -match.paper_id))[:SHOWN]
            counts: list[tuple[Profile | None, int]] = [
                (basis.profiles[name], len(matches)) for name, matches in found.items()
            ]
            counts += [(None, len(own))] if keywords else []
            return Foretaste(len(best), tuple(counts), tuple(await self._explained(basis, matcher, shown)))

    async def _of_profiles(self, basis: Basis, names: Sequence[str]) -> dict[str, list[Match]]:
        if not names:
            return {}
        recent, first = await self.topics.recent(basis), basis.today - timedelta(days=DAYS - 1)
        return {name: [each.match for each in recent[name] if each.day >= first] for name in names if name in recent}

    async def _of_keywords(self, basis: Basis, keywords: Sequence[Keyword]) -> tuple[Matcher | None, list[Match]]:
        if not keywords:
            return None, []
        filters = SearchFilters(since=basis.today - timedelta(days=DAYS - 1))
        ids = await self.search.proposed(query_of(keywords), filters, MOST_CANDIDATES)
        papers = await self.store.papers(ids)
        profile = Profile(PERSONAL, PERSONAL, topics=(Topic(PERSONAL, tuple(keywords)),))
        return await asyncio.to_thread(matched, profile, list(papers.values()))

    async def _explained(
        self, basis: Basis, matcher: Matcher | None, shown: Sequence[Match]
    ) -> list[tuple[Paper, tuple[Reason, ...]]]:
        papers = await self.store.papers([match.paper_id for match in shown])
        told = []
        for match in (match for match in shown if match.paper_id in papers):
            paper = papers[match.paper_id]
            if match.profile == PERSONAL and matcher is not None:
                explained = await asyncio.to_thread(matcher.explain, paper, match)
            else:
                (explained,) = await self.topics.explained(basis, [(paper, match)])
            told.append((paper, explained.reasons))
        return told


def matched(profile: Profile, papers: Sequence[Paper]) -> tuple[Matcher, list[Match]]:
    """Return the matcher of one profile and what it takes."""
    matcher = Matcher([profile])
    return matcher, list(matcher.scan(papers).matches(profile.name))


def query_of(keywords: Sequence[Keyword]) -> Query:
    """Return a query for papers that hold any of these keywords."""
    terms = tuple(Term(keyword.text, FIELDS[keyword.field]) for keyword in keywords)
    return terms[0] if len(terms) == 1 else Or(terms)
