"""The search page: all stored papers, in the language of profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from newsletter.core.query_parse import MAXIMUM_LENGTH
from newsletter.errors import QueryError
from newsletter.model import SearchFilters, SearchOrder, SearchPage, SearchRequest
from newsletter.service.refusals import refused
from newsletter.web.asked import day_of, link, number
from newsletter.web.kept import HTML, answer
from newsletter.web.paperview import view_of
from newsletter.web.speaking import spoken

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.ports import Search, VoiceStore
    from newsletter.service.topics import Topics
    from newsletter.web.pages import Pages

PAGE: Final = 20
FURTHEST: Final = 100_000
LONGEST_FILTER: Final = 100


class Searching:
    """The page over ``search``."""

    def __init__(self, store: VoiceStore, search: Search, topics: Topics, pages: Pages) -> None:
        self._store = store
        self._search = search
        self._topics = topics
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return where it is found."""
        return [Route("/search", self.search)]

    async def search(self, request: Request) -> Response:
        """Answer with what a query finds; with what is wrong about it where it cannot be asked (400)."""
        basis = await self._topics.basis()
        asked = asked_for(request.query_params)
        problem, page = None, SearchPage((), 0)
        try:
            page = await self._search.search(asked, self._topics.clock())
        except QueryError as error:
            problem = refused("query", str(error), spoken())
        picked = await self._store.picks_of([hit.paper.id for hit in page.hits])
        kept = {key: value for key, value in request.query_params.items() if key != "from" and value}
        values = {
            "path": request.scope["path"],
            "has_pages": True,
            "section": "search",
            "paper_count": basis.papers,
            "asked": asked,
            "problem": problem,
            "result": page,
            "papers": [view_of(hit.paper, hit.reasons, picks=picked.get(hit.paper.id, ())) for hit in page.hits],
            "sources": sorted(basis.sources, key=str.casefold),
            "next_page": page.next_offset is not None and link("/search", **{**kept, "from": str(page.next_offset)}),
        }
        if problem is not None:
            return self._pages.answer("search.html", 400, **values)
        body = self._pages.render("search.html", **values).encode()
        return answer(body, HTML).response_to(request)


def asked_for(values: QueryParams) -> SearchRequest:
    """Return what the form asks for."""
    filters = SearchFilters(
        day_of(values.get("since")),
        day_of(values.get("until")),
        values.get("source", "")[:LONGEST_FILTER],
        values.get("category", "")[:LONGEST_FILTER],
    )
    order = SearchOrder.NEWEST if values.get("order") == "newest" else SearchOrder.BEST
    offset = min(number(values.get("from"), least=0), FURTHEST)
    return SearchRequest(values.get("q", "")[: MAXIMUM_LENGTH + 1], filters, order, offset, PAGE)
