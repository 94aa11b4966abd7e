"""The reader's pages: papers by day, one paper, the topics, search, and their feeds. They only ever read."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from newsletter.core.match import Matcher
from newsletter.core.query_parse import MAXIMUM_LENGTH
from newsletter.errors import QueryError
from newsletter.model import SearchFilters, SearchOrder, SearchPage, SearchRequest
from newsletter.web.citing import bibtex, ris
from newsletter.web.feeds import atom, json_feed
from newsletter.web.paperview import PaperView, view_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from newsletter.model import Match, Paper, Profile, SourceState
    from newsletter.ports import Search, Store
    from newsletter.web.pages import Pages

PAGE: Final = 20
LAST_PAGE: Final = 500
SPANS: Final = {"day": 1, "week": 7, "month": 30}
RECENT: Final = timedelta(days=14)
MOST_RECENT: Final = 1_000  # papers that a topic's page looks at
SIMILAR: Final = 5
LARGEST_ID: Final = 2**31 - 1
CITATIONS: Final = {
    "bibtex": (bibtex, "application/x-bibtex", "bib"),
    "ris": (ris, "application/x-research-info-systems", "ris"),
}
CACHE: Final = "public, max-age=60"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The days of a page, both included."""

    first: date
    last: date
    span: str


class Reading:
    """Papers as readers see them. ``profiles`` returns the public ones; ``describe`` says how a source is."""

    def __init__(
        self,
        store: Store,
        search: Search,
        pages: Pages,
        clock: Callable[[], datetime],
        profiles: Callable[[], Mapping[str, Profile]],
        describe: Callable[[SourceState], str],
    ) -> None:
        self._store = store
        self._search = search
        self._pages = pages
        self._clock = clock
        self._profiles = profiles
        self._describe = describe

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route("/", self.front),
            Route("/search", self.search),
            Route("/topics/{name}", self.topic),
            Route("/topics/{name}/{form}", self.topic_feed),
            Route("/trending/{form}", self.trending_feed),
            Route("/papers/{paper_id:int}", self.paper),
            Route("/papers/{paper_id:int}/{form}", self.citation),
        ]

    async def front(self, request: Request) -> Response:
        """Answer with the papers of a day, a week or a month: the most voted first, or the newest."""
        asked = request.query_params
        by_votes = asked.get("order") != "newest"
        stretch = await self._stretch(asked)
        page = number(asked.get("page"))
        ids, total = await self._store.listed(
            stretch.first, stretch.last, by_votes=by_votes, limit=PAGE, offset=(page - 1) * PAGE
        )
        before, after = await self._store.neighbouring_days(stretch.first, stretch.last)
        papers = await self._store.papers(ids)
        shown = [papers[paper_id] for paper_id in ids if paper_id in papers]
        states = await self._store.source_states()
        ordered = sorted(states.values(), key=lambda state: state.name.casefold())
        chosen = {"span": stretch.span, "order": "trending" if by_votes else "newest"}
        return self._answer(
            request,
            "front.html",
            papers=await self._views(shown),
            stretch=stretch,
            total=total,
            chosen=chosen,
            earlier=before and link("/", day=before.isoformat(), **chosen),
            later=after and link("/", day=after.isoformat(), **chosen),
            before=before,
            after=after,
            page=page,
            next_page=page * PAGE < total and link("/", day=stretch.last.isoformat(), page=str(page + 1), **chosen),
            choices=self._choices(stretch, chosen),
            topics=list(self._profiles().values()),
            sources=[(state, self._describe(state)) for state in ordered],
        )

    def _choices(self, stretch: Stretch, chosen: Mapping[str, str]) -> list[tuple[str, str, bool]]:
        day = stretch.last.isoformat()
        orders = [(name.capitalize(), {**chosen, "order": name}) for name in ("trending", "newest")]
        spans = [(name.capitalize(), {**chosen, "span": name}) for name in SPANS]
        return [(label, link("/", day=day, **values), values == dict(chosen)) for label, values in (*orders, *spans)]

    async def _stretch(self, asked: QueryParams) -> Stretch:
        """Return the days asked for; without any, the last on which papers appeared."""
        today = self._clock().date()
        last = day_of(asked.get("day"))
        if last is None:
            before, _ = await self._store.neighbouring_days(today + timedelta(days=1), today)
            last = before or today
        span = asked.get("span", "day")
        if span not in SPANS:
            span = "day"
        first = date.fromordinal(max(1, last.toordinal() - SPANS[span] + 1))
        return Stretch(first, last, span)

    async def paper(self, request: Request) -> Response:
        """Answer with one paper, the topics that take it, and others that are like it."""
        paper = await self._paper(request)
        (view,) = await self._views([paper], is_whole=True)
        similar = await self._search.similar(paper, SIMILAR, self._clock())
        return self._answer(request, "paper.html", paper=view, similar=[view_of(each) for each in similar])

    async def citation(self, request: Request) -> Response:
        """Answer with a paper's reference, for LaTeX or for a reference manager."""
        paper = await self._paper(request)
        forms = {
            "bibtex": (bibtex, "application/x-bibtex", "bib"),
            "ris": (ris, "application/x-research-info-systems", "ris"),
        }
        if request.path_params["form"] not in forms:
            raise HTTPException(404)
        write, media_type, ending = forms[request.path_params["form"]]
        headers = {"Content-Disposition": f'attachment; filename="paper-{paper.id}.{ending}"'}
        return with_validator(request, write(paper).encode(), media_type, headers)

    async def topic(self, request: Request) -> Response:
        """Answer with what a topic is about, and its recent papers."""
        profile = self._profile(request)
        papers = await self._recent(profile)
        page = number(request.query_params.get("page"))
        shown = papers[(page - 1) * PAGE : page * PAGE]
        base = f"/topics/{profile.name}"
        return self._answer(
            request,
            "topic.html",
            profile=profile,
            papers=[view_of(paper, match.reasons) for paper, match in shown],
            total=len(papers),
            page=page,
            days=RECENT.days,
            base=base,
            next_page=page * PAGE < len(papers) and link(base, page=str(page + 1)),
        )

    async def topic_feed(self, request: Request) -> Response:
        """Answer with a topic's recent papers as a feed."""
        profile = self._profile(request)
        papers = [paper for paper, _ in await self._recent(profile)]
        return self._feed(request, f"/topics/{profile.name}", profile.title, papers)

    async def trending_feed(self, request: Request) -> Response:
        """Answer with the most voted papers of the last week as a feed."""
        today = self._clock().date()
        ids, _ = await self._store.listed(today - timedelta(days=6), today, by_votes=True, limit=50)
        papers = await self._store.papers(ids)
        return self._feed(request, "/trending", "Trending", [papers[each] for each in ids if each in papers])

    def _feed(self, request: Request, path: str, title: str, papers: Sequence[Paper]) -> Response:
        forms = {"atom.xml": (atom, "application/atom+xml"), "feed.json": (json_feed, "application/feed+json")}
        form = request.path_params["form"]
        if form not in forms:
            raise HTTPException(404)
        write, media_type = forms[form]
        name = f"{title} · {self._pages.brand_name}"
        return with_validator(request, write(name, self._pages.base_url, f"{path}/{form}", papers[:50]), media_type, {})

    async def search(self, request: Request) -> Response:
        """Answer with what a query finds; with what is wrong about it where it cannot be asked (400)."""
        asked = request.query_params
        text = asked.get("q", "")[: MAXIMUM_LENGTH + 1]
        filters = SearchFilters(
            day_of(asked.get("since")),
            day_of(asked.get("until")),
            asked.get("source", ""),
            asked.get("category", "")[:100],
        )
        order = SearchOrder.NEWEST if asked.get("order") == "newest" else SearchOrder.BEST
        offset = min(number(asked.get("from"), least=0), 100_000)
        problem, page, status = None, SearchPage((), 0), 200
        try:
            page = await self._search.search(SearchRequest(text, filters, order, offset, PAGE), self._clock())
        except QueryError as error:
            problem, status = error, 400
        kept = {key: value for key, value in asked.items() if key != "from" and value}
        states = await self._store.source_states()
        return self._answer(
            request,
            "search.html",
            status,
            query=text,
            filters=filters,
            order=order,
            problem=problem,
            result=page,
            offset=offset,
            papers=[view_of(hit.paper, hit.reasons) for hit in page.hits],
            sources=sorted(states, key=str.casefold),
            next_page=page.next_offset is not None and link("/search", **{**kept, "from": str(page.next_offset)}),
        )

    async def _paper(self, request: Request) -> Paper:
        paper_id = request.path_params["paper_id"]
        found = await self._store.papers([paper_id]) if paper_id <= LARGEST_ID else {}
        if paper_id not in found:
            raise HTTPException(404)
        return found[paper_id]

    def _profile(self, request: Request) -> Profile:
        profile = self._profiles().get(request.path_params["name"])
        if profile is None:
            raise HTTPException(404)
        return profile

    async def _recent(self, profile: Profile) -> list[tuple[Paper, Match]]:
        today = self._clock().date()
        ids, _ = await self._store.listed(today - RECENT, today, by_votes=False, limit=MOST_RECENT)
        papers = await self._store.papers(ids)
        return await asyncio.to_thread(taken, profile, [papers[each] for each in ids if each in papers])

    async def _views(self, papers: Sequence[Paper], *, is_whole: bool = False) -> list[PaperView]:
        profiles = list(self._profiles().values())
        return await asyncio.to_thread(views, profiles, papers, is_whole=is_whole)

    def _answer(self, request: Request, template: str, status: int = 200, **values: object) -> Response:
        made = self._pages.answer(template, status, path=request.url.path, has_pages=True, **values)
        if status != 200:  # noqa: PLR2004 (OK)
            return made
        return with_validator(request, bytes(made.body), "text/html; charset=utf-8", {})


def views(profiles: Sequence[Profile], papers: Sequence[Paper], *, is_whole: bool) -> list[PaperView]:
    """Return papers as pages show them, with the topics that take each."""
    matcher = Matcher(profiles)
    scan = matcher.scan(papers)
    found: dict[int, dict[str, Match]] = {}
    for profile in profiles:
        for match in scan.matches(profile.name):
            found.setdefault(match.paper_id, {}).setdefault(profile.name, match)
    titles = {profile.name: profile.title for profile in profiles}
    shown = []
    for paper in papers:
        matches = found.get(paper.id, {}).values()
        explained = [matcher.explain(paper, match) for match in matches] if is_whole else []
        topics = tuple((match.profile, titles[match.profile]) for match in matches)
        shown.append(view_of(paper, topics=topics, matches=explained, is_whole=is_whole))
    return shown


def taken(profile: Profile, papers: Sequence[Paper]) -> list[tuple[Paper, Match]]:
    """Return which of these papers a profile takes, in their order, with its reasons."""
    matcher = Matcher([profile])
    best: dict[int, Match] = {}
    for match in matcher.scan(papers).matches(profile.name):
        best.setdefault(match.paper_id, match)
    return [(paper, matcher.explain(paper, best[paper.id])) for paper in papers if paper.id in best]


def with_validator(request: Request, body: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """Return an answer that may be kept for a minute, or 304 to whoever has it already (RFC 9110 section 13.1.2)."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    common = {"ETag": tag, "Cache-Control": CACHE, **headers}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=common)
    return Response(body, headers={**common, "Content-Type": media_type})


def day_of(text: str | None) -> date | None:
    """Return the day that an address names, None where it names none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def number(text: str | None, least: int = 1) -> int:
    """Return a whole number of an address, ``least`` where it is none."""
    if not text or not text.isascii() or not text.isdecimal() or len(text) > 6:  # noqa: PLR2004 (digits)
        return least
    return max(least, min(int(text), LAST_PAGE) if least else int(text))


def link(path: str, **values: str) -> str:
    """Return a path with these values after it."""
    return f"{path}?{urlencode(values)}"
