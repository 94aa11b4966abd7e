"""Votes and saved papers: behind the links in each mail, for whom that mail was sent to.

GET and HEAD never change anything: link scanners fetch every address in a mail. A form's POST counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import Route

from newsletter.errors import NotFoundError
from newsletter.model import VoteValue
from newsletter.web.asked import LARGEST_ID, link, number
from newsletter.web.citing import CITATIONS
from newsletter.web.feeds import atom
from newsletter.web.forms import read_form
from newsletter.web.kept import answer
from newsletter.web.paperview import view_of
from newsletter.web.speaking import speak_as, spoken

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.core.links import Links
    from newsletter.model import Paper, Subscriber, Voice
    from newsletter.ports import Store
    from newsletter.web.pages import Pages

PAGE: Final = 20
FEED: Final = 50
MOST_CITED: Final = 5_000
VALUES: Final = {"up": VoteValue.GOOD, "down": VoteValue.NOT_FOR_ME}
CHOICES: Final = frozenset({*VALUES, "save"})
PRIVATE: Final = {"Cache-Control": "private, no-cache"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A reader, a paper, what they have to do with each other, and where that is asked for."""

    subscriber: Subscriber
    paper: Paper
    voice: Voice
    path: str


class Voices:
    """What a reader says of papers. Where the reader's pages are off, of those alone that they were sent."""

    def __init__(self, store: Store, links: Links, pages: Pages, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._links = links
        self._pages = pages
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route("/v/{token}", self.saved),
            Route("/v/{token}/saved/{form}", self.citations),
            Route("/v/{token}/{paper_id:int}", self.paper, methods=["GET"]),
            Route("/v/{token}/{paper_id:int}", self.say, methods=["POST"]),
            Route("/v/{token}/{paper_id:int}/{choice}", self.paper),
            Route("/saved/{token}/atom.xml", self.feed),
        ]

    async def paper(self, request: Request) -> Response:
        """Answer with a paper and the buttons; the one that the link was for comes first. Nothing changes."""
        choice = request.path_params.get("choice", "")
        if choice and choice not in CHOICES:
            raise HTTPException(404)
        return await self._shown(await self._asked(request), choice)

    async def say(self, request: Request) -> Response:
        """Count what a button says, and lead back to the page, which shows it; 400 for what no button says."""
        asked = await self._asked(request)
        form = await read_form(request)
        if not await self._count(asked, form):
            return await self._shown(asked, status=400)
        where = f"/v/{request.path_params['token']}" if form.get("back") == "saved" else asked.path
        return RedirectResponse(where, 303)

    async def saved(self, request: Request) -> Response:
        """Answer with the papers that a reader keeps, newest first."""
        subscriber = await self._subscriber(self._links.read_vote(request.path_params["token"]))
        page = number(request.query_params.get("page"))
        found = await self._saved_papers(subscriber, PAGE + 1, (page - 1) * PAGE)
        picked = await self._store.picks_of([paper.id for paper in found])
        path = f"/v/{request.path_params['token']}"
        return self._pages.answer(
            "saved.html",
            base=path,
            papers=[view_of(paper, picks=picked.get(paper.id, ())) for paper in found[:PAGE]],
            feed=self._links.saved_feed_url(subscriber.id).removeprefix(self._links.base_url),
            next_page=len(found) > PAGE and link(path, page=str(page + 1)),
        )

    async def citations(self, request: Request) -> Response:
        """Answer with the references of all saved papers."""
        subscriber = await self._subscriber(self._links.read_vote(request.path_params["token"]))
        if request.path_params["form"] not in CITATIONS:
            raise HTTPException(404)
        write, media_type, ending = CITATIONS[request.path_params["form"]]
        papers = await self._saved_papers(subscriber, MOST_CITED)
        headers = {"Content-Disposition": f'attachment; filename="saved.{ending}"', **PRIVATE}
        return answer("\n".join(map(write, papers)).encode(), media_type, None, headers).response_to(request)

    async def feed(self, request: Request) -> Response:
        """Answer with the saved papers as a feed, for whoever has its address: by that one nobody votes."""
        subscriber = await self._subscriber(self._links.read_saved_feed(request.path_params["token"]))
        papers = await self._saved_papers(subscriber, FEED)
        title = spoken().gettext("Saved papers")
        written = atom(
            f"{title} · {self._pages.brand_name}",
            self._links.base_url,
            request.scope["path"],
            "/",
            papers,
            has_pages=self._pages.has_reader,
        )
        return answer(written, "application/atom+xml", None, PRIVATE).response_to(request)

    async def _count(self, asked: Asked, form: FormData) -> bool:
        """Store what a form says; return whether it said anything."""
        who, paper_id, now = asked.subscriber.id, asked.paper.id, self._clock()
        match form.get("vote"), form.get("save"):
            case ("up" | "down") as value, None:
                await self._store.cast_vote(who, paper_id, VALUES[value], now)
            case "none", None:
                await self._store.cast_vote(who, paper_id, None, now)
            case None, "yes":
                await self._store.save_paper(who, paper_id, now)
            case None, "no":
                await self._store.unsave_paper(who, paper_id)
            case _:
                return False
        return True

    async def _asked(self, request: Request) -> Asked:
        """Return what an address is about; HTTPException (404) where it is not ours, or not for this reader."""
        subscriber = await self._subscriber(self._links.read_vote(request.path_params["token"]))
        paper_id = request.path_params["paper_id"]
        paper = (await self._store.papers([paper_id])).get(paper_id) if paper_id <= LARGEST_ID else None
        if paper is None:
            raise HTTPException(404)
        voice = await self._store.voice(subscriber.id, paper.id)
        if not (self._pages.has_reader or voice.was_sent or voice.vote or voice.is_saved):
            raise HTTPException(404)
        return Asked(subscriber, paper, voice, f"/v/{request.path_params['token']}/{paper.id}")

    async def _subscriber(self, subscriber_id: int | None) -> Subscriber:
        """Return whose link it is, and answer in their language; HTTPException (404) when it is nobody's."""
        if subscriber_id is None:
            raise HTTPException(404)
        try:
            subscriber = await self._store.subscriber(subscriber_id)
        except NotFoundError:  # removed since the mail was sent
            raise HTTPException(404) from None
        speak_as(subscriber.language)
        return subscriber

    async def _saved_papers(self, subscriber: Subscriber, limit: int, offset: int = 0) -> list[Paper]:
        ids = [saved.paper_id for saved in await self._store.saved_papers(subscriber.id, limit, offset)]
        found = await self._store.papers(ids)
        return [found[paper_id] for paper_id in ids if paper_id in found]

    async def _shown(self, asked: Asked, choice: str = "", status: int = 200) -> Response:
        picks = (await self._store.picks_of([asked.paper.id])).get(asked.paper.id, [])
        vote = next((name for name, value in VALUES.items() if value is asked.voice.vote), "")
        return self._pages.answer(
            "voice.html",
            status,
            paper=view_of(asked.paper, picks=picks, is_whole=True),
            vote=vote,
            is_saved=asked.voice.is_saved,
            choice=choice,
            action=asked.path,
            base=asked.path.rpartition("/")[0],
        )
