"""Agreeing to a change of address, or refusing it: behind the link in the mails to both addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from starlette.exceptions import HTTPException
from starlette.routing import Route

from newsletter.errors import NotFoundError
from newsletter.model import AddressChange
from newsletter.web.forms import read_form, word
from newsletter.web.speaking import speak_as

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.model import AddressSide
    from newsletter.web.unsubscribe import PersonalParts

logger = structlog.get_logger(__name__)


class Moving:
    """The page behind “Agree to the change”. It never says who has an address, or which one is meant."""

    def __init__(self, parts: PersonalParts) -> None:
        self._store, self._links, self._pages, self._clock = parts.store, parts.links, parts.pages, parts.clock

    def routes(self) -> list[Route]:
        """Return where it is found."""
        return [
            Route("/address/{token}", self.ask, methods=["GET"]),
            Route("/address/{token}", self.answer, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Answer with both buttons; nothing changes."""
        change, _ = await self._change(request)
        return self._pages.answer("address.html", done="refused" if change.refused_at else "")

    async def answer(self, request: Request) -> Response:
        """Note what one side says, however often."""
        change, side = await self._change(request)
        said = word(await read_form(request), "agree")
        if said not in {"yes", "no"}:
            raise HTTPException(400)
        now = self._clock()
        if said == "no":
            done = "refused" if await self._store.refuse_address(change.id, now) else "moved"
        else:
            done = "moved" if await self._store.agree_to_address(change.id, side, now) else "agreed"
            done = "refused" if change.refused_at else done
        logger.info("subscriber.address_answered", subscriber=change.subscriber_id, side=side, done=done)
        return self._pages.answer("address.html", done=done)

    async def _change(self, request: Request) -> tuple[AddressChange, AddressSide]:
        """Return what a link is about, and for which side it speaks; HTTPException (404) when it is about nothing."""
        found = self._links.read_address_change(request.path_params["token"])
        if found is None or found[1] < self._clock():
            raise HTTPException(404)
        change_id, side = AddressChange.referred(found[0])
        change = await self._store.address_change(change_id)
        if change is None:
            raise HTTPException(404)
        try:
            speak_as((await self._store.subscriber(change.subscriber_id)).language)
        except NotFoundError as error:
            raise HTTPException(404) from error
        return change, side
