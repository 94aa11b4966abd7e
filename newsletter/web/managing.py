"""What somebody gets, when and where, and what is stored about them: all of it behind the signed link in each mail.

Whoever has the link may choose; there is no password, no cookie, and nothing here needs a script. Every change is a
POST that answers with a redirect to the page, so that going back and loading again repeat nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from newsletter.core.address import parse_address
from newsletter.core.due import local_date
from newsletter.errors import AddressError, NotFoundError
from newsletter.languages import known_codes, language_of
from newsletter.model import Frequency, Origin, SubscriberStatus, Weekday, gettext_noop
from newsletter.service.choices import (
    LONGEST_PAUSE,
    MOST_KEYWORDS,
    Choices,
    choices_of,
    offers,
    read_choices,
    read_pause,
    zones_by_region,
)
from newsletter.service.refusals import refused
from newsletter.web.forms import read_form, word
from newsletter.web.speaking import speak_as, spoken
from newsletter.web.unsubscribe import PAUSABLE, STAYS, PersonalParts

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request

    from newsletter.model import Subscriber

logger = structlog.get_logger(__name__)

MOST_FIELDS: Final = 600  # of the form: a profile each, and a few more
FREQUENCIES: Final = {
    Frequency.DAILY: gettext_noop("Every day"),
    Frequency.WEEKDAYS: gettext_noop("On weekdays"),
    Frequency.WEEKLY: gettext_noop("Once a week"),
}
WEEKDAYS: Final = {
    Weekday.MONDAY: gettext_noop("Monday"),
    Weekday.TUESDAY: gettext_noop("Tuesday"),
    Weekday.WEDNESDAY: gettext_noop("Wednesday"),
    Weekday.THURSDAY: gettext_noop("Thursday"),
    Weekday.FRIDAY: gettext_noop("Friday"),
    Weekday.SATURDAY: gettext_noop("Saturday"),
    Weekday.SUNDAY: gettext_noop("Sunday"),
}
NOTICES: Final = {
    "saved": gettext_noop("Saved. It holds from the next mail on."),
    "paused": gettext_noop("Paused. No mail comes until that day."),
    "asked": gettext_noop("Both addresses have got a mail. Mail goes to the new one once both have agreed."),
    "resumed": gettext_noop("Mail comes again."),
}


class Managing:
    """The pages behind the link “Change what you get”."""

    def __init__(self, parts: PersonalParts) -> None:
        self._parts = parts
        self._store, self._links, self._pages = parts.store, parts.links, parts.pages
        self._clock, self._readers = parts.clock, parts.readers

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route("/manage/{token}", self.show, methods=["GET"]),
            Route("/manage/{token}", self.save, methods=["POST"]),
            Route("/manage/{token}/pause", self.pause, methods=["POST"]),
            Route("/manage/{token}/resume", self.resume, methods=["POST"]),
            Route("/manage/{token}/address", self.move, methods=["POST"]),
            Route("/manage/{token}/export", self.export, methods=["GET"]),
            Route("/manage/{token}/erase", self.ask_erase, methods=["GET"]),
            Route("/manage/{token}/erase", self.erase, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Answer with what somebody has chosen, and the forms that change it."""
        subscriber = await self._subscriber(request)
        notice = NOTICES.get(request.query_params.get("done", ""))
        return await self._page(subscriber, choices_of(subscriber), notice=notice)

    async def save(self, request: Request) -> Response:
        """Store what the form says; where something is wrong, answer with the form as it was filled in (422)."""
        subscriber = await self._subscriber(request)
        if subscriber.origin is Origin.FILE or subscriber.status in STAYS:
            raise HTTPException(409)
        typed = typed_choices(await read_form(request, MOST_FIELDS))
        draft = read_choices(typed, subscriber, offers(self._readers.profiles(), subscriber.profiles), spoken())
        if draft is None:
            return await self._page(subscriber, typed, status=422)
        await self._store.edit_subscriber(subscriber.address.key, draft, self._clock())
        logger.info("subscriber.chose", subscriber=subscriber.id)
        return self._back(request, "saved")

    async def pause(self, request: Request) -> Response:
        """Send nothing until a day."""
        subscriber = await self._subscriber(request)
        typed = word(await read_form(request), "until")
        until, problem = read_pause(typed, subscriber, self._clock(), spoken())
        if until is None:
            choices = choices_of(subscriber)
            choices.problems["until"] = [problem]
            return await self._page(subscriber, choices, status=422, until=typed)
        paused = await self._store.set_status(
            subscriber.id, SubscriberStatus.PAUSED, "paused by page", self._clock(), until, only_from=PAUSABLE
        )
        return self._back(request, "paused" if paused.status is SubscriberStatus.PAUSED else "")

    async def resume(self, request: Request) -> Response:
        """End a pause."""
        subscriber = await self._subscriber(request)
        if word(await read_form(request), "resume") != "yes":
            raise HTTPException(400)
        await self._store.set_status(
            subscriber.id,
            SubscriberStatus.ACTIVE,
            "resumed by page",
            self._clock(),
            only_from=(SubscriberStatus.PAUSED,),
        )
        return self._back(request, "resumed")

    async def move(self, request: Request) -> Response:
        """Ask the old address and the new one whether mail should go to the new one; whoever has it, the answer is the
        same, and so it is when that was asked too often.
        """
        subscriber = await self._subscriber(request)
        if subscriber.origin is Origin.FILE or subscriber.status not in PAUSABLE:
            raise HTTPException(409)
        typed = word(await read_form(request), "address")
        try:
            address = parse_address(typed)
        except AddressError as error:
            choices = choices_of(subscriber)
            choices.problems["address"] = [refused("address", f"{error}.", spoken())]
            return await self._page(subscriber, choices, status=422, typed_address=typed)
        now = self._clock()
        message_ids = (self._readers.message_id(now), self._readers.message_id(now))
        if address.key != subscriber.address.key:
            await self._store.ask_address(subscriber, address, message_ids, now)
            logger.info("subscriber.asked_address", subscriber=subscriber.id)
            self._readers.on_mail()
        return self._back(request, "asked")

    async def export(self, request: Request) -> Response:
        """Answer with everything that is stored about somebody, as JSON to be kept."""
        subscriber = await self._subscriber(request)
        document = {
            "newsletter": self._pages.brand_name,
            "exported_at": self._clock().isoformat(timespec="seconds"),
            **await self._store.personal_rows(subscriber.id),
        }
        body = json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "replace")
        disposition = {"Content-Disposition": 'attachment; filename="everything-about-me.json"'}
        return Response(body, media_type="application/json", headers=disposition)

    async def ask_erase(self, request: Request) -> Response:
        """Answer with what erasing means, and the button; nothing changes."""
        subscriber = await self._subscriber(request)
        return self._pages.answer("erase.html", is_done=False, has_missed=False, subscriber=subscriber)

    async def erase(self, request: Request) -> Response:
        """Erase everything about somebody, when they have said yes; again, it answers the same."""
        subscriber_id = self._subscriber_id(request)
        form = await read_form(request)
        if word(form, "erase") != "yes":
            subscriber = await self._subscriber(request)
            return self._pages.answer("erase.html", 422, is_done=False, has_missed=True, subscriber=subscriber)
        if await self._store.erase_subscriber(subscriber_id, self._clock()):
            logger.info("subscriber.erased", subscriber=subscriber_id)
        return self._pages.answer("erase.html", is_done=True)

    def _subscriber_id(self, request: Request) -> int:
        subscriber_id = self._links.read_manage(request.path_params["token"])
        if subscriber_id is None:
            raise HTTPException(404)
        return subscriber_id

    async def _subscriber(self, request: Request) -> Subscriber:
        """Return whose link it is, and answer in their language from here on; HTTPException (404) without them."""
        try:
            subscriber = await self._store.subscriber(self._subscriber_id(request))
        except NotFoundError as error:
            raise HTTPException(404) from error
        speak_as(subscriber.language)
        return subscriber

    def _back(self, request: Request, done: str) -> Response:
        path = f"/manage/{request.path_params['token']}"
        return RedirectResponse(f"{path}?done={done}" if done else path, 303)

    async def _page(
        self,
        subscriber: Subscriber,
        choices: Choices,
        *,
        status: int = 200,
        notice: str | None = None,
        until: str = "",
        typed_address: str = "",
    ) -> Response:
        today = local_date(subscriber.zone, self._clock())
        values: dict[str, Any] = {
            "subscriber": subscriber,
            "choices": choices,
            "notice": notice,
            "until": until,
            "typed_address": typed_address,
            "offers": offers(self._readers.profiles(), subscriber.profiles),
            "is_file": subscriber.origin is Origin.FILE,
            "has_left": subscriber.status in STAYS,
            "undo": await self._parts.undo_path(subscriber.id),
            "can_pause": subscriber.status in PAUSABLE,
            "frequencies": FREQUENCIES,
            "weekdays": WEEKDAYS,
            "zones": zones_by_region(),
            "known_languages": [(code, language_of(code).name) for code in known_codes()],
            "most_keywords": MOST_KEYWORDS,
            "today": today,
            "latest": today + LONGEST_PAUSE,
            "manage": self._parts.path(self._links.manage_url(subscriber.id)),
            "leave": self._parts.path(self._links.unsubscribe_url(subscriber.id)),
        }
        return self._pages.answer("manage.html", status, **values)


def typed_choices(form: FormData) -> Choices:
    """Return what stands in a form, whatever that is."""
    names = ("frequency", "weekday", "send_at", "zone", "language", "keywords")
    ticked = [value for value in form.getlist("profile") if isinstance(value, str)]
    return Choices({name: word(form, name) for name in names}, tuple(dict.fromkeys(ticked)))
