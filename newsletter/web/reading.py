"""The reader's pages: papers by day, one paper, the topics, and their feeds. They only ever read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from newsletter.model import gettext_noop
from newsletter.service.topics import RECENT
from newsletter.web.asked import LARGEST_ID, day_of, link, number, topic_path
from newsletter.web.citing import CITATIONS
from newsletter.web.feeds import atom, json_feed
from newsletter.web.kept import HTML, Answer, Kept, answer
from newsletter.web.paperview import PaperView, view_of
from newsletter.web.speaking import spoken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.model import Match, Paper, Profile, SourceState
    from newsletter.ports import Search, Store
    from newsletter.service.topics import Basis, TopicPaper, Topics
    from newsletter.web.pages import Pages

PAGE: Final = 20
FEED: Final = 50
SPANS: Final = {"day": 1, "week": 7, "month": 30}
LABELS: Final = {
    "trending": gettext_noop("Trending"),
    "newest": gettext_noop("Newest"),
    "day": gettext_noop("Day"),
    "week": gettext_noop("Week"),
    "month": gettext_noop("Month"),
}
SIMILAR: Final = 5
LATEST_PICKS: Final = 4
FEEDS: Final = {"atom.xml": (atom, "application/atom+xml"), "feed.json": (json_feed, "application/feed+json")}


@dataclass(frozen=True, slots=True)
class Stretch:
    """The days of a page, both included."""

    first: date
    last: date
    span: str


class Reading:
    """Papers as readers see them. ``describe`` says how a source is."""

    def __init__(
        self, store: Store, search: Search, topics: Topics, pages: Pages, describe: Callable[[SourceState], str]
    ) -> None:
        self._store = store
        self._search = search
        self._topics = topics
        self._pages = pages
        self._describe = describe
        self._kept = Kept(topics)

    def routes(self) -> list[Route]:
        """Return where they are found."""
        made = {
            "/": self.front,
            "/topics": self.topics,
            "/topics/{name}": self.topic,
            "/topics/{name}/{form}": self.topic_feed,
            "/trending/{form}": self.trending_feed,
            "/papers/{paper_id:int}": self.paper,
            "/papers/{paper_id:int}/{form}": self.citation,
        }
        return [Route(path, self._keeping(make)) for path, make in made.items()]

    def _keeping(self, make: Callable[[Request, Basis], Awaitable[Answer]]) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            return await self._kept.answer(request, make)

        return respond

    async def front(self, request: Request, basis: Basis) -> Answer:
        """Answer with the papers of a day, a week or a month: the most voted first, or the newest."""
        asked = request.query_params
        by_votes = asked.get("order") != "newest"
        stretch = await self._stretch(asked, basis)
        page = number(asked.get("page"))
        ids, total = await self._store.listed(
            stretch.first, stretch.last, by_votes=by_votes, limit=PAGE, offset=(page - 1) * PAGE
        )
        before, after = await self._store.neighbouring_days(stretch.first, stretch.last)
        picks = await self._store.picks(limit=LATEST_PICKS)
        papers = await self._store.papers(ids)
        shown = [papers[paper_id] for paper_id in ids if paper_id in papers]
        chosen = {"span": stretch.span, "order": "trending" if by_votes else "newest"}
        return self._page(
            "front.html",
            basis,
            request,
            section="papers",
            papers=await self._views(basis, shown),
            stretch=stretch,
            total=total,
            chosen=chosen,
            earlier=before and link("/", day=before.isoformat(), **chosen),
            later=after and link("/", day=after.isoformat(), **chosen),
            before=before,
            after=after,
            next_page=page * PAGE < total and link("/", day=stretch.last.isoformat(), page=str(page + 1), **chosen),
            choices=choices(stretch, chosen),
            picks=await self._views(basis, list((await self._papers([pick.paper_id for pick in picks])).values())),
            topics=counted(basis, await self._topics.recent(basis), stretch),
            is_today=stretch.last == basis.today,
            is_this_year=stretch.last.year == basis.today.year,
            sources=[
                (state, self._describe(state))
                for state in sorted(basis.sources.values(), key=lambda state: state.name.casefold())
            ],
        )

    async def _stretch(self, asked: QueryParams, basis: Basis) -> Stretch:
        """Return the days asked for; without any, the last on which papers appeared."""
        last = day_of(asked.get("day"))
        if last is None:
            before, _ = await self._store.neighbouring_days(basis.today + timedelta(days=1), basis.today)
            last = before or basis.today
        span = asked.get("span", "day")
        if span not in SPANS:
            span = "day"
        first = date.fromordinal(max(1, last.toordinal() - SPANS[span] + 1))
        return Stretch(first, last, span)

    async def paper(self, request: Request, basis: Basis) -> Answer:
        """Answer with one paper, the topics that take it and why, and others that are like it."""
        paper = await self._paper(request)
        (view,) = await self._views(basis, [paper], is_whole=True)
        similar = await self._search.similar(paper, SIMILAR, self._topics.clock())
        return self._page(
            "paper.html", basis, request, section="", paper=view, similar=[view_of(each) for each in similar]
        )

    async def citation(self, request: Request, _: Basis) -> Answer:
        """Answer with a paper's reference, for LaTeX or for a reference manager."""
        paper = await self._paper(request)
        if request.path_params["form"] not in CITATIONS:
            raise HTTPException(404)
        write, media_type, ending = CITATIONS[request.path_params["form"]]
        headers = {"Content-Disposition": f'attachment; filename="paper-{paper.id}.{ending}"'}
        return answer(write(paper).encode(), media_type, self._topics.changed_at, headers)

    async def topics(self, request: Request, basis: Basis) -> Answer:
        """Answer with all topics, and how many papers each took lately."""
        recent = await self._topics.recent(basis)
        listed = [(profile, len(recent[name])) for name, profile in basis.profiles.items()]
        return self._page("topics.html", basis, request, section="topics", topics=listed, days=RECENT.days)

    async def topic(self, request: Request, basis: Basis) -> Answer:
        """Answer with what a topic is about, and its recent papers."""
        profile = profile_of(request, basis)
        taken = (await self._topics.recent(basis))[profile.name]
        page = number(request.query_params.get("page"))
        found = await self._papers([each.match.paper_id for each in taken[(page - 1) * PAGE : page * PAGE]])
        matches = {each.match.paper_id: each.match for each in taken}
        pairs = [(paper, matches[paper_id]) for paper_id, paper in found.items()]
        explained = await self._topics.explained(basis, pairs)
        picked = await self._store.picks_of(list(found))
        return self._page(
            "topic.html",
            basis,
            request,
            section="topics",
            profile=profile,
            papers=[
                view_of(paper, match.reasons, picks=picked.get(paper.id, ()))
                for (paper, _), match in zip(pairs, explained, strict=True)
            ],
            total=len(taken),
            days=RECENT.days,
            base=topic_path(profile.name),
            next_page=page * PAGE < len(taken) and link(topic_path(profile.name), page=str(page + 1)),
        )

    async def topic_feed(self, request: Request, basis: Basis) -> Answer:
        """Answer with a topic's recent papers as a feed."""
        profile = profile_of(request, basis)
        taken = (await self._topics.recent(basis))[profile.name]
        papers = await self._papers([each.match.paper_id for each in taken[:FEED]])
        return await self._feed(request, topic_path(profile.name), profile.title, list(papers.values()))

    async def trending_feed(self, request: Request, basis: Basis) -> Answer:
        """Answer with the most trending papers of the last 30 days as a feed."""
        first = basis.today - timedelta(days=SPANS["month"] - 1)
        ids, _ = await self._store.listed(first, basis.today, by_votes=True, limit=FEED)
        papers = list((await self._papers(ids)).values())
        return await self._feed(request, "/trending", spoken().gettext("Trending"), papers)

    async def _feed(self, request: Request, path: str, title: str, papers: Sequence[Paper]) -> Answer:
        form = request.path_params["form"]
        if form not in FEEDS:
            raise HTTPException(404)
        write, media_type = FEEDS[form]
        page = "/" if path == "/trending" else path
        picks = await self._store.picks_of([paper.id for paper in papers])
        title = f"{title} · {self._pages.brand_name}"
        written = write(title, self._pages.base_url, f"{path}/{form}", page, papers, picks=picks)
        return answer(written, media_type, self._topics.changed_at)

    async def _papers(self, ids: Sequence[int]) -> dict[int, Paper]:
        """Return papers in this order, those that are no longer there left out."""
        found = await self._store.papers(ids)
        return {paper_id: found[paper_id] for paper_id in ids if paper_id in found}

    async def _paper(self, request: Request) -> Paper:
        paper_id = request.path_params["paper_id"]
        found = await self._store.papers([paper_id]) if paper_id <= LARGEST_ID else {}
        if paper_id not in found:
            raise HTTPException(404)
        return found[paper_id]

    async def _views(self, basis: Basis, papers: Sequence[Paper], *, is_whole: bool = False) -> list[PaperView]:
        """Return papers as pages show them, with the topics that take each; ``is_whole`` says why, too."""
        taken = await self._topics.taken(basis, papers)
        picked = await self._store.picks_of([paper.id for paper in papers])
        views = []
        for paper in papers:
            matches: Sequence[Match] = [matches[paper.id] for matches in taken.values() if paper.id in matches]
            topics = tuple((match.profile, basis.profiles[match.profile].title) for match in matches)
            if is_whole:
                matches = await self._topics.explained(basis, [(paper, match) for match in matches])
            told = matches if is_whole else ()
            picks = picked.get(paper.id, ())
            views.append(view_of(paper, topics=topics, matches=told, picks=picks, is_whole=is_whole))
        return views

    def _page(self, template: str, basis: Basis, request: Request, **values: object) -> Answer:
        values |= {"path": request.scope["path"], "has_pages": True, "paper_count": basis.papers}
        return answer(self._pages.render(template, **values).encode(), HTML, self._topics.changed_at)


def profile_of(request: Request, basis: Basis) -> Profile:
    """Return the public profile that an address names; HTTPException (404) when there is none."""
    profile = basis.profiles.get(request.path_params["name"])
    if profile is None:
        raise HTTPException(404)
    return profile


def choices(stretch: Stretch, chosen: Mapping[str, str]) -> list[list[tuple[str, str, bool]]]:
    """Return the orders and the spans that a page may have instead: label, address, and whether it has that one."""
    day = stretch.last.isoformat()
    orders = [(name, {**chosen, "order": name}) for name in ("trending", "newest")]
    spans = [(name, {**chosen, "span": name}) for name in SPANS]
    return [
        [
            (spoken().gettext(LABELS[name]), link("/", day=day, **values), values == dict(chosen))
            for name, values in group
        ]
        for group in (orders, spans)
    ]


def counted(
    basis: Basis, recent: Mapping[str, Sequence[TopicPaper]], stretch: Stretch
) -> list[tuple[Profile, int | None]]:
    """Return the topics with how many papers each takes of these days, None where these lie too far back."""
    is_known = stretch.first >= basis.today - RECENT
    return [
        (profile, sum(stretch.first <= each.day <= stretch.last for each in recent[name]) if is_known else None)
        for name, profile in basis.profiles.items()
    ]
