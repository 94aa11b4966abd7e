"""Papers: by day, one with what sources said of it, why profiles take it, and the search."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from newsletter.core.access import Scope
from newsletter.core.query_parse import MAXIMUM_LENGTH
from newsletter.errors import QueryError
from newsletter.model import Paper, Profile, SearchFilters, SearchHit, SearchOrder, SearchRequest
from newsletter.service.why import why_profile
from newsletter.web.api import values
from newsletter.web.api.cursors import Page, cursor_of, link_next, place_in
from newsletter.web.api.paperdocuments import (
    PaperDocument,
    ReasonDocument,
    SightingDocument,
    VersionDocument,
    WholePaperDocument,
    paper_facts,
)
from newsletter.web.api.problems import invalid, missing
from newsletter.web.api.routing import LINKED, ApiParts, Resource, resource

LONGEST_STRETCH = timedelta(days=31)
USUAL_STRETCH = timedelta(days=6)
FURTHEST = 100_000
MOST_FOUND = 50


class PapersAsked(values.PageAsked):
    """Of which days, both included; without them, of the last seven."""

    since: values.Day | None = Field(default=None, description="First day, in UTC.")
    until: values.Day | None = Field(default=None, description="Last day; at most 31 days in all.")


class PaperPage(Page):
    """Papers, newest first."""

    items: list[PaperDocument]


class SearchAsked(values.Asked):
    """A question in the language of profiles; an empty one finds every paper."""

    q: str = Field(default="", max_length=MAXIMUM_LENGTH, examples=['diffusion AND "world model"'])
    since: values.Day | None = None
    until: values.Day | None = None
    source: values.Line = ""
    category: values.Line = Field(default="", description="Such as cs.LG, or cs.* for all of it.")
    order: SearchOrder = SearchOrder.BEST
    limit: int = Field(default=20, ge=1, le=MOST_FOUND)
    cursor: str | None = Field(default=None, max_length=1000)


class FoundPaper(BaseModel):
    """A paper that was found, and where it matched."""

    paper: PaperDocument
    score: float
    reasons: list[ReasonDocument]

    @classmethod
    def of(cls, hit: SearchHit) -> FoundPaper:
        """Return a hit."""
        reasons = [ReasonDocument.of(reason) for reason in hit.reasons]
        return cls(paper=PaperDocument.of(hit.paper), score=hit.score, reasons=reasons)


class Found(Page):
    """What a search finds."""

    items: list[FoundPaper]
    total: int
    is_about: bool = Field(description="Whether the total counts a few papers that only seem to match.")


class MatchesAsked(values.Asked):
    """Of which profile; without it, of all that take the paper."""

    profile: values.Named | None = None


class ProfileMatch(BaseModel):
    """What a profile makes of a paper, and why, in words."""

    profile: str
    taken: bool
    why: list[str]
    topics: list[TopicMatch]


class TopicMatch(BaseModel):
    """A topic that takes the paper: its score, and the reasons that add up to it."""

    topic: str
    score: float
    reasons: list[ReasonDocument]


class Matches(BaseModel):
    """What profiles make of a paper."""

    items: list[ProfileMatch]


ProfileMatch.model_rebuild()


@dataclass(frozen=True, slots=True)
class Papers:
    """The endpoints."""

    parts: ApiParts

    def resource(self) -> Resource:
        """Return where they are found."""
        made, read = resource("papers"), Scope.PAPERS_READ
        made.add("GET", "/papers", self.list_papers, read, faults=(400, 422), headers=LINKED)
        made.add("GET", "/papers/{paper_id}", self.show_paper, read, faults=(404, 422))
        made.add("GET", "/papers/{paper_id}/matches", self.list_matches, Scope.PROFILES_READ, faults=(404, 422))
        made.add("GET", "/search", self.search_papers, read, faults=(400, 422), headers=LINKED)
        return made

    async def list_papers(
        self, request: Request, response: Response, asked: Annotated[PapersAsked, Query()]
    ) -> PaperPage:
        """List the papers that appeared on some days, newest first.

        A paper appears on the day it was first seen; what a source's very first fetch brought, when it was published.
        """
        last = asked.until or self.parts.clock().date()
        first = asked.since or max(last, type(last).min + USUAL_STRETCH) - USUAL_STRETCH
        if not timedelta(0) <= last - first < LONGEST_STRETCH:
            raise invalid("query.since", f"the days have to be in order, and {LONGEST_STRETCH.days} at most")
        place = place_in("papers", asked.cursor, (int,))
        before = int(place[0]) if place else None
        found = await self.parts.store.appeared(first, last, before, asked.limit + 1)
        shown = found[: asked.limit]
        papers = await self.parts.store.papers([paper_id for paper_id, _ in shown])
        cursor = cursor_of("papers", [shown[-1][1]]) if len(found) > asked.limit else None
        link_next(request, response, self.parts.base_url, cursor)
        items = [PaperDocument.of(papers[paper_id]) for paper_id, _ in shown if paper_id in papers]
        return PaperPage(items=items, next_cursor=cursor)

    async def show_paper(self, paper_id: values.Identifier) -> WholePaperDocument:
        """Show one paper, its versions, and what each source said of it, word for word."""
        paper, store = await self._paper(paper_id), self.parts.store
        return WholePaperDocument(
            **paper_facts(paper),
            sightings=[SightingDocument.of(each) for each in await store.sightings(paper.id)],
            versions=[VersionDocument.of(each) for each in await store.versions(paper.id)],
        )

    async def list_matches(self, paper_id: values.Identifier, asked: Annotated[MatchesAsked, Query()]) -> Matches:
        """Say which profiles take a paper, and why; of one profile also why not."""
        paper, configuration = await self._paper(paper_id), self.parts.configuration()
        if asked.profile is None:
            found = await asyncio.to_thread(lambda: [judged(paper, each) for each in configuration.profiles])
            return Matches(items=[each for each in found if each.taken])
        profile = configuration.profile(asked.profile)
        if profile is None:
            raise missing(f"profile {asked.profile}")
        return Matches(items=[await asyncio.to_thread(judged, paper, profile)])

    async def search_papers(
        self, request: Request, response: Response, asked: Annotated[SearchAsked, Query()]
    ) -> Found:
        """Search all stored papers, in the language and the order of the search page."""
        place = place_in("search", asked.cursor, (int,))
        offset = min(int(place[0]), FURTHEST) if place else 0
        filters = SearchFilters(asked.since, asked.until, asked.source, asked.category)
        question = SearchRequest(asked.q, filters, asked.order, offset, asked.limit)
        try:
            found = await self.parts.search.search(question, self.parts.clock())
        except QueryError as error:
            raise invalid(f"query.q:{error.column}", str(error)) from error
        is_more = found.next_offset is not None and found.next_offset < FURTHEST
        cursor = cursor_of("search", [found.next_offset or 0]) if is_more else None
        link_next(request, response, self.parts.base_url, cursor)
        items = [FoundPaper.of(hit) for hit in found.hits]
        return Found(items=items, total=found.total, is_about=found.is_about, next_cursor=cursor)

    async def _paper(self, paper_id: int) -> Paper:
        found = await self.parts.store.papers([paper_id])
        if paper_id not in found:
            raise missing(f"paper {paper_id}")
        return found[paper_id]


def judged(paper: Paper, profile: Profile) -> ProfileMatch:
    """Return what a profile makes of a paper."""
    verdict = why_profile(paper, profile)
    topics = [
        TopicMatch(
            topic=match.topic, score=match.score, reasons=[ReasonDocument.of(reason) for reason in match.reasons]
        )
        for match in verdict.matches
    ]
    return ProfileMatch(profile=profile.name, taken=bool(topics), why=list(verdict.lines), topics=topics)
