"""Counted links: ``/go/TOKEN`` leads on to where a paper can be read. Who follows it is not looked at.

The one GET that writes something: a number beside a paper and an issue, and only where ``web.count_clicks`` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import Route

from newsletter.mail.counting import target_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.core.links import Links
    from newsletter.ports import Store


class Going:
    """The address behind the links in mails; without ``is_counting`` it leads on and counts nothing."""

    def __init__(self, store: Store, links: Links, *, is_counting: bool) -> None:
        self._store = store
        self._links = links
        self._is_counting = is_counting

    def routes(self) -> list[Route]:
        """Return where it is found."""
        return [Route("/go/{token}", self.go)]

    async def go(self, request: Request) -> Response:
        """Lead on (302); a paper that is gone, or a link that is not ours, is not there (404)."""
        read = self._links.read_go(request.path_params["token"])
        if read is None:
            raise HTTPException(404)
        paper_id, issue_date, mark = read
        papers = await self._store.papers([paper_id])
        target = target_of(papers[paper_id], mark) if paper_id in papers else ""
        if not target:
            raise HTTPException(404)
        if self._is_counting and request.method == "GET":
            await self._store.count_click(issue_date, paper_id)
        return RedirectResponse(target, 302)
