"""Answers that are kept for as long as what they were made from stays the same, and validators for all of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from newsletter.web.speaking import spoken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from newsletter.service.topics import Basis, Topics

CACHE: Final = "public, max-age=60"
MOST_OCTETS: Final = 16 * 2**20
HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, and what tells it from another (RFC 9110 section 8.8); ``made_at`` in whole seconds, if known."""

    body: bytes
    media_type: str
    made_at: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""

    def response_to(self, request: Request) -> Response:
        """Return it, or 304 to whoever has it already (RFC 9110 section 13.2.2)."""
        headers = {"ETag": self.tag, "Cache-Control": CACHE, **self.headers}
        if self.made_at is not None:
            headers["Last-Modified"] = format_datetime(self.made_at.astimezone(UTC), usegmt=True)
        if self._is_known(request):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers={**headers, "Content-Type": self.media_type})

    def _is_known(self, request: Request) -> bool:
        if tags := request.headers.get("if-none-match"):
            known = [each.strip().removeprefix("W/") for each in tags.split(",")]
            return self.tag in known or "*" in known
        since = _time(request.headers.get("if-modified-since"))
        return since is not None and self.made_at is not None and self.made_at <= since


def answer(
    body: bytes, media_type: str, made_at: datetime | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an answer with its tag."""
    return Answer(body, media_type, made_at, headers or {}, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _time(text: str | None) -> datetime | None:
    try:
        when = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return when if when is None or when.tzinfo else when.replace(tzinfo=UTC)


class Kept:
    """The answers made from one basis, the ones asked for last, within 16 MB; each is made once."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._basis: Basis | None = None
        self._answers: OrderedDict[tuple[str, bytes, str], asyncio.Task[Answer]] = OrderedDict()
        self._octets = 0

    async def answer(self, request: Request, make: Callable[[Request, Basis], Awaitable[Answer]]) -> Response:
        """Return what ``make`` answers to this address now, in the language of the request."""
        basis = await self._topics.basis()
        if basis is not self._basis:
            self._basis, self._octets = basis, 0
            self._answers = OrderedDict()
        key = request.scope["path"], request.scope["query_string"], spoken().code
        task = self._answers.get(key)
        if task is None:
            task = asyncio.create_task(self._made(key, make(request, basis)))
            self._answers[key] = task
        self._answers.move_to_end(key)
        return (await asyncio.shield(task)).response_to(request)

    async def _made(self, key: tuple[str, bytes, str], making: Awaitable[Answer]) -> Answer:
        answers = self._answers
        try:
            made = await making
        except BaseException:
            answers.pop(key, None)
            raise
        if answers is self._answers and key in answers:
            self._octets += len(made.body)
            while self._octets > MOST_OCTETS and len(answers) > 1:
                self._drop_oldest()
        return made

    def _drop_oldest(self) -> None:
        _, task = self._answers.popitem(last=False)
        if task.done() and not task.cancelled() and task.exception() is None:
            self._octets -= len(task.result().body)
