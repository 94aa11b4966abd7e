"""A curator's page: an arXiv id or a link, a note, and what they have picked so far. Whoever has the link is them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import Route

from newsletter.core.links import mark_of
from newsletter.service.picks import LONGEST_NOTE, LONGEST_REFERENCE, PickError
from newsletter.web.asked import LARGEST_ID, number
from newsletter.web.forms import read_form
from newsletter.web.paperview import view_of
from newsletter.web.speaking import spoken

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.core.links import Links
    from newsletter.ports import Store
    from newsletter.service.picks import Picking
    from newsletter.web.pages import Pages

logger = structlog.get_logger(__name__)

SHOWN: Final = 20  # of a curator's picks, the newest
LONGEST_ID: Final = 10  # digits


class Curating:
    """The pages of those curators whom the configuration names now; ``picking`` returns what is in force."""

    def __init__(
        self,
        store: Store,
        links: Links,
        pages: Pages,
        clock: Callable[[], datetime],
        picking: Callable[[], Picking],
    ) -> None:
        self._store = store
        self._links = links
        self._pages = pages
        self._clock = clock
        self._picking = picking

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route("/curate/{token}", self.show, methods=["GET"]),
            Route("/curate/{token}", self.change, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Answer with the form and the curator's picks; nothing changes."""
        return await self._page(self._curator(request))

    async def change(self, request: Request) -> Response:
        """Pick a paper, or take a pick back, and lead back to the page; 400 with what is wrong where that fails."""
        curator = self._curator(request)
        form = await read_form(request)
        said = {name: value for name, value in form.items() if isinstance(value, str)}
        removed = number(said.get("remove", "")[:LONGEST_ID], least=0)
        if "remove" in said:
            await self._store.remove_pick(min(removed, LARGEST_ID), curator)
        else:
            reference, note = said.get("paper", "")[:LONGEST_REFERENCE], said.get("note", "")
            try:
                await self._picking().add(reference, curator, note, self._clock())
            except PickError as error:
                problem = spoken().gettext(error.message, **error.values)
                return await self._page(curator, 400, problem=problem, reference=reference, note=note)
        return RedirectResponse(request.scope["path"], 303)

    def _curator(self, request: Request) -> str:
        """Return whose page this is; HTTPException (404) where the link is not ours, or no longer in force."""
        read = self._links.read_curate(request.path_params["token"])
        for name, link_number in self._picking().curators.items():
            if read == (mark_of(name), link_number):
                return name
        raise HTTPException(404)

    async def _page(
        self, curator: str, status: int = 200, *, problem: str = "", reference: str = "", note: str = ""
    ) -> Response:
        picks = await self._store.picks(curator=curator, limit=SHOWN)
        papers = await self._store.papers([pick.paper_id for pick in picks])
        return self._pages.answer(
            "curate.html",
            status,
            curator=curator,
            problem=problem,
            reference=reference,
            note=note,
            longest_note=LONGEST_NOTE,
            picks=[(view_of(papers[pick.paper_id]), pick) for pick in picks if pick.paper_id in papers],
        )
