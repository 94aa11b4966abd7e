"""Confirming: the page behind the link in a confirmation. GET shows two buttons, for scanners follow every link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.routing import Route

from newsletter.model import SubscriberStatus
from newsletter.web.speaking import speak_as

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.core.links import Links
    from newsletter.service.signups import SignupDesk
    from newsletter.web.client import Clients
    from newsletter.web.pages import Pages

READING = (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED)
MOST_FIELDS = 5


class Confirming:
    """The page over ``desk``."""

    def __init__(
        self, desk: SignupDesk, links: Links, clients: Clients, pages: Pages, clock: Callable[[], datetime]
    ) -> None:
        self._desk = desk
        self._links = links
        self._clients = clients
        self._pages = pages
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return where it is found."""
        return [
            Route("/confirm/{token}", self.ask, methods=["GET"]),
            Route("/confirm/{token}", self.take, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Answer with the buttons, or how it stands; nothing changes."""
        number = self._number(request)
        found = None if number is None else await self._desk.find(number)
        if number is None or found is None:
            return self._answer("expired", 410)
        signup, subscriber = found
        speak_as(signup.choices.language or subscriber.language)
        if signup.confirmed_at is None:
            return self._answer("ask")
        return self._answer("done" if subscriber.status in READING else "over")

    async def take(self, request: Request) -> Response:
        """Begin the subscription, or never write to the address again: 200, however often it is asked for.

        A body that holds neither button changes nothing (400).
        """
        number = self._number(request)
        found = None if number is None else await self._desk.find(number)
        if number is None or found is None:
            return self._answer("expired", 410)
        speak_as(found[0].choices.language or found[1].language)
        form = await request.form(max_files=0, max_fields=MOST_FIELDS)
        if form.get("answer") == "never":
            await self._desk.refuse(number, self._clock())
            return self._answer("refused")
        if form.get("answer") != "yes":
            return self._answer("ask", 400)
        status = await self._desk.confirm(number, self._clients.network(request), self._clock())
        return self._answer("done" if status in READING else "over")

    def _number(self, request: Request) -> int | None:
        """Return the sign-up that the link is for, None when it has expired; HTTPException (404) when it is no link."""
        read = self._links.read_confirm(request.path_params["token"])
        if read is None:
            raise HTTPException(404)
        number, until = read
        return number if self._clock() < until else None

    def _answer(self, state: str, status: int = 200) -> Response:
        return self._pages.answer("confirm.html", status, state=state)
