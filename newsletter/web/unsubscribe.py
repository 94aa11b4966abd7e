"""Leaving: a page with one button for people, and the one-click POST of RFC 8058 for their mail programs.

The page offers less than leaving, too, and whoever has left may take it back. GET and HEAD never change anything: link
scanners fetch every address in a mail, some even run its scripts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import structlog
from starlette.exceptions import HTTPException
from starlette.routing import Route

from newsletter.core.due import local_date
from newsletter.core.links import UNDO_FOR
from newsletter.errors import NotFoundError
from newsletter.model import Frequency, Origin, SubscriberDraft, SubscriberStatus
from newsletter.service.choices import LESS, offers
from newsletter.web.forms import read_form, word
from newsletter.web.speaking import speak_as

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.core.links import Links
    from newsletter.model import Profile, Subscriber
    from newsletter.ports import Store
    from newsletter.web.pages import Pages

logger = structlog.get_logger(__name__)

ONE_CLICK: Final = ("list-unsubscribe", "one-click")  # RFC 8058 section 3.1, compared without regard to case
BUTTON: Final = ("leave", "yes")
STAYS: Final = frozenset({SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED})
PAUSES: Final = {"week": timedelta(days=7), "month": timedelta(days=30)}
PAUSABLE: Final = (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED)


@dataclass(frozen=True, slots=True)
class Readers:
    """What subscribers may choose among (``profiles`` returns all there are), and the mails that answer what they do:
    whether one says goodbye, and the domain of their Message-IDs. ``on_mail`` is called when one waits to be sent.
    """

    profiles: Callable[[], Mapping[str, Profile]]
    message_domain: str = "localhost"
    says_goodbye: bool = False
    on_mail: Callable[[], None] = lambda: None

    def message_id(self, now: datetime) -> str:
        """Return a Message-ID that no other mail has."""
        return f"<{now:%Y%m%d}.{uuid4().hex}@{self.message_domain}>"


@dataclass(frozen=True, slots=True)
class PersonalParts:
    """What the pages about one person are made from; ``clock`` returns the time, aware and in UTC."""

    store: Store
    links: Links
    pages: Pages
    clock: Callable[[], datetime]
    readers: Readers

    def path(self, url: str) -> str:
        """Return a link of ours as the pages name it."""
        return url.removeprefix(self.links.base_url)

    async def undo_path(self, subscriber_id: int) -> str | None:
        """Return where leaving can be taken back, None when it cannot be any more."""
        departure = await self.store.departure(subscriber_id)
        if departure is None or self.clock() - departure.left_at > UNDO_FOR:
            return None
        return self.path(self.links.undo_url(subscriber_id, departure.left_at))


class Unsubscribing:
    """The pages behind the links in every mail's foot and List-Unsubscribe header, and behind taking it back."""

    def __init__(self, parts: PersonalParts) -> None:
        self._parts = parts
        self._store, self._links, self._pages = parts.store, parts.links, parts.pages
        self._clock, self._readers = parts.clock, parts.readers

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route("/unsubscribe/{token}", self.ask, methods=["GET"]),
            Route("/unsubscribe/{token}", self.leave, methods=["POST"]),
            Route("/undo/{token}", self.ask_back, methods=["GET"]),
            Route("/undo/{token}", self.take_back, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Answer with the button, or that they have left already; nothing changes."""
        return await self._page(self._subscriber_id(request))

    async def leave(self, request: Request) -> Response:
        """End the subscription, or do the less that was asked for: 200 without a redirect, however often.

        Somebody who is gone already, or whose address bounced, gets the same answer. A body that is neither a button's
        nor RFC 8058's changes nothing (400).
        """
        subscriber_id = self._subscriber_id(request)
        form = await read_form(request)
        fields = {
            (name.strip().lower(), value.strip().lower())
            for name, value in form.multi_items()
            if isinstance(value, str)
        }
        if fields & {ONE_CLICK, BUTTON}:
            await self._end(subscriber_id, "one-click" if ONE_CLICK in fields else "page")
            return await self._page(subscriber_id)
        try:
            subscriber = await self._store.subscriber(subscriber_id)
        except NotFoundError:  # nobody is left to get less; the doctor asks so whether POST reaches us
            return await self._page(subscriber_id, "", 400)
        done = await self._lessen(subscriber, form) if subscriber.status not in STAYS else ""
        return await self._page(subscriber_id, done, 200 if done or subscriber.status in STAYS else 400)

    async def ask_back(self, request: Request) -> Response:
        """Answer with the button that takes leaving back; nothing changes."""
        return await self._undo_page(*self._departure(request))

    async def take_back(self, request: Request) -> Response:
        """Restore what somebody was before they left, however often it is asked for."""
        subscriber_id, left_at = self._departure(request)
        if word(await read_form(request), "undo") != "yes":
            raise HTTPException(400)
        if await self._store.take_back(subscriber_id, left_at, self._clock()):
            logger.info("unsubscribe.undone", subscriber=subscriber_id)
        return await self._undo_page(subscriber_id, left_at)

    def _subscriber_id(self, request: Request) -> int:
        subscriber_id = self._links.read_unsubscribe(request.path_params["token"])
        if subscriber_id is None:
            raise HTTPException(404)
        return subscriber_id

    def _departure(self, request: Request) -> tuple[int, datetime]:
        found = self._links.read_undo(request.path_params["token"], self._clock())
        if found is None:
            raise HTTPException(404)
        return found

    async def _page(self, subscriber_id: int, done: str = "", status: int = 200) -> Response:
        try:
            subscriber = await self._store.subscriber(subscriber_id)
        except NotFoundError:  # removed since the mail was sent
            return self._pages.answer("unsubscribe.html", status, is_done=True, undo=None)
        speak_as(subscriber.language)
        if subscriber.status in STAYS:
            return self._pages.answer("unsubscribe.html", is_done=True, undo=await self._parts.undo_path(subscriber_id))
        offered = offers(self._readers.profiles(), subscriber.profiles)
        return self._pages.answer(
            "unsubscribe.html",
            status,
            is_done=False,
            done=done,
            subscriber=subscriber,
            is_file=subscriber.origin is Origin.FILE,
            less=LESS.get(subscriber.frequency, ()),
            taken=[offer for offer in offered if offer.name in subscriber.profiles],
            can_pause=subscriber.status in PAUSABLE,
            manage=self._parts.path(self._links.manage_url(subscriber_id)),
        )

    async def _undo_page(self, subscriber_id: int, left_at: datetime) -> Response:
        departure = await self._store.departure(subscriber_id)
        can_return = departure is not None and departure.left_at == left_at
        try:
            subscriber = await self._store.subscriber(subscriber_id)
        except NotFoundError:
            is_back = False
        else:
            speak_as(subscriber.language)
            is_back = subscriber.status not in STAYS
        manage = self._parts.path(self._links.manage_url(subscriber_id))
        return self._pages.answer("undo.html", can_return=can_return, is_back=is_back, manage=manage)

    async def _end(self, subscriber_id: int, way: str) -> None:
        try:
            now = self._clock()
            goodbye = self._readers.message_id(now) if self._readers.says_goodbye else ""
            has_changed = await self._store.depart(subscriber_id, f"unsubscribed by {way}", now, goodbye)
        except NotFoundError:  # removed since the mail was sent: they get no more mail either way
            logger.info("unsubscribe.unknown", subscriber=subscriber_id)
        else:
            if has_changed:
                logger.info("unsubscribe.done", subscriber=subscriber_id, way=way)
                self._readers.on_mail()

    async def _lessen(self, subscriber: Subscriber, form: FormData) -> str:
        """Do what is less than leaving; return the name of what was done, empty when it was nothing that is offered."""
        if word(form, "pause") in PAUSES:
            return await self._pause(subscriber, PAUSES[word(form, "pause")])
        if subscriber.origin is Origin.FILE:
            return ""
        if word(form, "less") in {Frequency.WEEKDAYS, Frequency.WEEKLY}:
            return await self._send_less(subscriber, Frequency(word(form, "less")))
        if word(form, "drop") or word(form, "drop_keywords"):
            return await self._drop(subscriber, word(form, "drop"))
        return ""

    async def _pause(self, subscriber: Subscriber, length: timedelta) -> str:
        until = local_date(subscriber.zone, self._clock()) + length
        if subscriber.status not in PAUSABLE:
            return ""
        await self._store.set_status(
            subscriber.id, SubscriberStatus.PAUSED, "paused by page", self._clock(), until, only_from=PAUSABLE
        )
        return "paused"

    async def _send_less(self, subscriber: Subscriber, frequency: Frequency) -> str:
        """Send mail less often; who gets as little already is left alone."""
        if frequency in LESS.get(subscriber.frequency, ()):
            draft = SubscriberDraft(subscriber.address, frequency=frequency)
            await self._store.edit_subscriber(subscriber.address.key, draft, self._clock())
        return "less"

    async def _drop(self, subscriber: Subscriber, name: str) -> str:
        """Send nothing more of one profile, or with no name of somebody's own keywords; of the last one: leave."""
        left = tuple(each for each in subscriber.profiles if each != name)
        keywords = subscriber.keywords if name else ()
        if not left and not keywords:
            await self._end(subscriber.id, "page")
            return "dropped"
        draft = SubscriberDraft(subscriber.address, profiles=left, keywords=keywords)
        await self._store.edit_subscriber(subscriber.address.key, draft, self._clock())
        return "dropped"
