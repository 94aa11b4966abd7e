"""The caught mails: a list, and each of them as HTML, text, headers and source."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from newsletter.web.caught import CaughtMessage, list_caught, read_caught

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from newsletter.web.pages import Pages

PAGE: Final = 50
VIEWS: Final = ("html", "text", "headers", "source")
# The mail may style itself and open its links in a window of their own; it may run, load and submit nothing.
CONTENT_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; frame-ancestors 'self'"
)
NEW_WINDOW: Final = '<base target="_blank">'
HEAD: Final = re.compile(r"<head\b[^>]*>", re.IGNORECASE)


class CaughtMails:
    """The pages over one Maildir; it is looked at anew for each answer."""

    def __init__(self, maildir: Path, pages: Pages) -> None:
        self._maildir = maildir
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route("/mails", self.all),
            Route("/mails/{mail_id}", self.one),
            Route("/mails/{mail_id}/content", self.content),
            Route("/mails/{mail_id}/message.eml", self.download),
            Route("/mails/{mail_id}/{view}", self.one),
        ]

    async def all(self, request: Request) -> Response:
        """Answer with the list, newest first."""
        before = request.query_params.get("before", "")
        mails, has_more = await asyncio.to_thread(list_caught, self._maildir, PAGE, before)
        return self._pages.answer("mails.html", mails=mails, has_more=has_more, is_first=not before)

    async def one(self, request: Request) -> Response:
        """Answer with one mail in one view: HTML when it has that part and no other view is asked for."""
        message = await self._read(request)
        view = request.path_params.get("view") or ("html" if message.html is not None else "text")
        if view not in VIEWS:
            raise HTTPException(404)
        return self._pages.answer("mail.html", message=message, mail=message.mail, view=view, views=VIEWS)

    async def content(self, request: Request) -> Response:
        """Answer with the mail's own HTML, in a sandbox."""
        message = await self._read(request)
        if message.html is None:
            raise HTTPException(404)
        return HTMLResponse(with_new_windows(message.html), headers={"Content-Security-Policy": CONTENT_POLICY})

    async def download(self, request: Request) -> Response:
        """Answer with the message as it was caught."""
        message = await self._read(request)
        headers = {"Content-Disposition": 'attachment; filename="message.eml"'}
        return Response(message.source, media_type="message/rfc822", headers=headers)

    async def _read(self, request: Request) -> CaughtMessage:
        message = await asyncio.to_thread(read_caught, self._maildir, request.path_params["mail_id"])
        if message is None:
            raise HTTPException(404)
        return message


def with_new_windows(html: str) -> str:
    """Return the page with its links opening outside of the frame that shows it."""
    head = HEAD.search(html)
    at = head.end() if head else 0
    return html[:at] + NEW_WINDOW + html[at:]
