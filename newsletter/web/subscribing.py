"""Subscribing: the form, what it would have brought, and the one answer that everybody gets."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from newsletter.model import SignupEvent, Window
from newsletter.service.choices import zones_by_region
from newsletter.service.throttle import Throttle
from newsletter.web.guard import POLICY
from newsletter.web.managing import FREQUENCIES, WEEKDAYS
from newsletter.web.paperview import view_of
from newsletter.web.signupform import (
    MOST_KEYWORDS,
    Filled,
    empty_form,
    filled_form,
    language_names,
    read_filled,
    read_keyword_list,
    wording,
)
from newsletter.web.speaking import spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from starlette.requests import Request

    from newsletter.model import Profile
    from newsletter.service.challenges import Challenges
    from newsletter.service.foretaste import Foretaste, Foretastes
    from newsletter.service.signups import SignupDesk
    from newsletter.service.topics import Basis, Topics
    from newsletter.settings.models import DefaultSettings
    from newsletter.settings.signupmodels import SignupSettings
    from newsletter.web.client import Clients
    from newsletter.web.pages import Pages

SCRIPT: Final = resources.files("newsletter.web").joinpath("subscribe.js").read_bytes()
# Our own script, and what it asks of us: on these pages alone.
WITH_SCRIPT: Final = {"Content-Security-Policy": f"{POLICY}; script-src 'self'; connect-src 'self'"}
# Every answer to a form that is taken is given after this time, whatever there was to do: known addresses cost more.
ANSWERED_AFTER_S: Final = 0.25
# Without our script a person needs that long to fill in the form; what is quicker is asked to press once more.
BY_HAND: Final = timedelta(seconds=3)
MOST_FIELDS: Final = 300
FORETASTES: Final = 60  # a minute, from one network; ten times as many in all


@dataclass(frozen=True, slots=True)
class SignupParts:
    """What the pages to subscribe are made of."""

    desk: SignupDesk
    profiles: Callable[[], Mapping[str, Profile]]
    settings: SignupSettings
    defaults: DefaultSettings
    challenges: Challenges
    clients: Clients


class Limits:
    """How many sign-ups are taken: fewer where no script has worked for it."""

    def __init__(self, settings: SignupSettings) -> None:
        self._all = Throttle(settings.per_network_hour, settings.per_hour)
        self._by_hand = Throttle(max(settings.per_network_hour // 4, 1), max(settings.per_hour // 2, 1))

    def wait(self, network: str, now: datetime) -> timedelta | None:
        """Return how long to wait until one may be taken at all; None when it may be now."""
        return self._all.wait(network, now)

    def take(self, network: str, now: datetime, *, is_solved: bool) -> timedelta | None:
        """Return None and count it when a sign-up may be taken; else how long to wait."""
        wait = None if is_solved else self._by_hand.take(network, now)
        return wait or self._all.take(network, now)


class Subscribing:
    """The pages over ``parts``."""

    def __init__(
        self,
        parts: SignupParts,
        foretastes: Foretastes,
        topics: Topics,
        pages: Pages,
        clock: Callable[[], datetime],
    ) -> None:
        self._parts = parts
        self._foretastes = foretastes
        self._topics = topics
        self._pages = pages
        self._clock = clock
        self._limits = Limits(parts.settings)
        self._previews = Throttle(FORETASTES, 10 * FORETASTES, Window.MINUTE)

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route("/subscribe", self.form, methods=["GET"]),
            Route("/subscribe", self.take, methods=["POST"]),
            Route("/subscribe/preview", self.preview, methods=["POST"]),
            Route("/subscribe/sent", self.sent),
            Route("/subscribe.js", self.script),
        ]

    async def script(self, _: Request) -> Response:
        """Answer with the form's script."""
        return Response(SCRIPT, media_type="text/javascript", headers={"Cache-Control": "max-age=3600"})

    async def form(self, request: Request) -> Response:
        """Answer with the form; what the address names is ticked."""
        basis = await self._topics.basis()
        asked = request.query_params.getlist("profile")
        filled = empty_form(self._parts.defaults, tuple(name for name in asked if name in basis.profiles))
        return self._page(basis, replace(filled, challenge=self._parts.challenges.new(self._clock())))

    async def preview(self, request: Request) -> Response:
        """Answer with what the choices would have brought: the form with it, or (``part``) that part alone."""
        basis = await self._topics.basis()
        sent = await request.form(max_files=0, max_fields=MOST_FIELDS)
        filled, now = filled_form(sent, basis.profiles), self._clock()
        wait = self._previews.take(self._parts.clients.network(request), now)
        keywords, problems = read_keyword_list(filled)
        foretaste = None if wait else await self._foretastes.of(filled.profiles, keywords)
        if sent.get("part"):
            return self._pages.answer("foretaste.html", **shown(foretaste), problems=problems)
        if not self._parts.challenges.look(filled.challenge, "", now):
            filled = replace(filled, challenge=self._parts.challenges.new(now))
        return self._page(basis, replace(filled, problems=problems), foretaste=foretaste)

    async def take(self, request: Request) -> Response:
        """Take a form: whatever is known of the address, the answer is the same, and takes as long."""
        began, now = time.monotonic(), self._clock()
        network = self._parts.clients.network(request)
        wait = self._limits.wait(network, now)
        if wait is not None:  # before anything of it is read
            return self._held_back(wait)
        basis = await self._topics.basis()
        sent = await request.form(max_files=0, max_fields=MOST_FIELDS)
        filled = filled_form(sent, basis.profiles)
        choices, problems = read_filled(filled, basis.profiles)
        if choices is None:
            return self._again(basis, replace(filled, problems=problems), now, 400)
        attempt = self._parts.challenges.look(filled.challenge, filled.work, now)
        if attempt is None or (not attempt.is_solved and attempt.age < BY_HAND):
            said = spoken().gettext("Please press “Subscribe” once more.")
            return self._again(basis, replace(filled, problems={"": said}), now, 409)
        if filled.is_trapped:
            self._parts.desk.on_event(SignupEvent.TRAPPED)
        else:
            wait = self._limits.take(network, now, is_solved=attempt.is_solved)
            if wait is not None:
                return self._held_back(wait)
            self._parts.challenges.use(filled.challenge)
            await self._parts.desk.ask(choices, wording(self._pages.brand_name), network, now)
        await asyncio.sleep(max(0.0, began + ANSWERED_AFTER_S - time.monotonic()))
        return RedirectResponse("/subscribe/sent", 303)

    async def sent(self, _: Request) -> Response:
        """Answer what everybody is told: to look into their mailbox."""
        days = self._parts.settings.confirm_days
        return self._pages.answer("subscribe_sent.html", days=days, has_pages=False)

    def _again(self, basis: Basis, filled: Filled, now: datetime, status: int) -> Response:
        """Answer with the form as it was filled in, and what is wrong; its challenge is kept while it is good."""
        if not self._parts.challenges.look(filled.challenge, "", now):
            filled = replace(filled, challenge=self._parts.challenges.new(now))
        return self._page(basis, filled, status)

    def _held_back(self, wait: timedelta) -> Response:
        self._parts.desk.on_event(SignupEvent.HELD_BACK)
        minutes = max(1, -(-int(wait.total_seconds()) // 60))
        response = self._pages.answer("subscribe_later.html", 429, minutes=minutes)
        response.headers["Retry-After"] = str(60 * minutes)
        return response

    def _page(self, basis: Basis, filled: Filled, status: int = 200, foretaste: Foretaste | None = None) -> Response:
        response = self._pages.answer(
            "subscribe.html",
            status,
            form=filled,
            problems=filled.problems,
            profiles=list(basis.profiles.values()),
            frequencies=FREQUENCIES,
            weekdays=WEEKDAYS,
            zones=zones_by_region(),
            languages=language_names(),
            bits=self._parts.settings.work_bits,
            wording=wording(self._pages.brand_name),
            most_keywords=MOST_KEYWORDS,
            path="/subscribe",
            section="subscribe",
            paper_count=basis.papers,
            **shown(foretaste),
        )
        response.headers.update(WITH_SCRIPT)
        return response


def shown(foretaste: Foretaste | None) -> dict[str, Any]:
    """Return a foretaste as templates show it."""
    if foretaste is None:
        return {"foretaste": None, "papers": []}
    return {"foretaste": foretaste, "papers": [view_of(paper, reasons) for paper, reasons in foretaste.papers]}
