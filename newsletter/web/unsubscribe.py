"""Leaving: a page with one button for people, and the one-click POST of RFC 8058 for their mail programs.

GET and HEAD never change anything: link scanners fetch every address in a mail, some even run its scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.routing import Route

from newsletter.errors import NotFoundError
from newsletter.model import SubscriberStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.core.links import Links
    from newsletter.ports import SubscriberStore
    from newsletter.web.pages import Pages

logger = structlog.get_logger(__name__)

ONE_CLICK: Final = ("list-unsubscribe", "one-click")  # RFC 8058 section 3.1, compared without regard to case
BUTTON: Final = ("leave", "yes")
STAYS: Final = frozenset({SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED})


class Unsubscribing:
    """The pages behind the links in every mail's foot and List-Unsubscribe header."""

    def __init__(self, store: SubscriberStore, links: Links, pages: Pages, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._links = links
        self._pages = pages
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return where it is found."""
        return [
            Route("/unsubscribe/{token}", self.ask, methods=["GET"]),
            Route("/unsubscribe/{token}", self.leave, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Answer with the button, or that they have left already; nothing changes."""
        subscriber_id = self._subscriber_id(request)
        try:
            subscriber = await self._store.subscriber(subscriber_id)
        except NotFoundError:  # removed since the mail was sent
            has_left = True
        else:
            has_left = subscriber.status in STAYS
        return self._pages.answer("unsubscribe.html", is_done=has_left)

    async def leave(self, request: Request) -> Response:
        """End the subscription: 200 without a redirect, however often it is asked for.

        Somebody who is gone already, or whose address bounced, gets the same answer. A body that is neither the
        button's nor RFC 8058's changes nothing (400).
        """
        subscriber_id = self._subscriber_id(request)
        form = await read_form(request)
        fields = {
            (name.strip().lower(), value.strip().lower())
            for name, value in form.multi_items()
            if isinstance(value, str)
        }
        if not fields & {ONE_CLICK, BUTTON}:
            return self._pages.answer("unsubscribe.html", 400, is_done=False)
        await self._end(subscriber_id, "one-click" if ONE_CLICK in fields else "page")
        return self._pages.answer("unsubscribe.html", is_done=True)

    def _subscriber_id(self, request: Request) -> int:
        token = request.path_params["token"]
        subscriber_id = self._links.read_unsubscribe(token)
        if subscriber_id is None:
            raise HTTPException(404)
        return subscriber_id

    async def _end(self, subscriber_id: int, way: str) -> None:
        try:
            subscriber = await self._store.subscriber(subscriber_id)
            if subscriber.status in STAYS:
                return
            reason = f"unsubscribed by {way}"
            await self._store.set_status(subscriber_id, SubscriberStatus.UNSUBSCRIBED, reason, self._clock())
        except NotFoundError:  # removed since the mail was sent: they get no more mail either way
            logger.info("unsubscribe.unknown", subscriber=subscriber_id)
        else:
            logger.info("unsubscribe.done", subscriber=subscriber_id, way=way)


async def read_form(request: Request) -> FormData:
    """Return the fields of a body in either form encoding (RFC 8058 allows both), or one without a content type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"", "text/plain"}:
        body = (await request.body()).decode("utf-8", "replace")
        return FormData(dict(parse_qsl(body.strip())))
    return await request.form(max_files=0, max_fields=10)
