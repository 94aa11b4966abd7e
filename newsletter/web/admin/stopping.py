"""Stopping mail, letting it go on, and another chance for relays: what ``newsletter pause`` and ``relays`` do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.routing import Route

from newsletter.model import CircuitScope, Pause, PauseScope
from newsletter.service.relays import read_relays
from newsletter.web.admin.access import Access, Visit, back, own_path
from newsletter.web.admin.asked import member
from newsletter.wiring.mail import fleet_of

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.responses import Response

    from newsletter.wiring.application import Application

logger = structlog.get_logger(__name__)

PATH: Final = "/admin/relays"
LONGEST_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class StoppingPages:
    """Relays, and what is paused."""

    application: Application
    access: Access

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route(PATH, self.access.reading(self.relays)),
            Route(f"{PATH}/reset", self.access.acting(self.reset), methods=["POST"]),
            Route("/admin/pause", self.access.acting(self.pause), methods=["POST"]),
            Route("/admin/unpause", self.access.acting(self.unpause), methods=["POST"]),
        ]

    async def relays(self, visit: Visit) -> Response:
        """Answer with how each relay stands, the domains that are left alone, and what is paused."""
        application = self.application
        fleet = fleet_of(application.configuration.settings.mail)
        relays, domains = await read_relays(application.store, fleet, application.now())
        pauses = await application.store.pauses()
        return self.access.answer(visit, "relays.html", here="relays", relays=relays, domains=domains, pauses=pauses)

    async def reset(self, visit: Visit, form: FormData) -> Response:
        """Give mail again to a relay or a domain that is left alone."""
        scope, name = member(CircuitScope, str(form.get("scope"))), str(form.get("name"))
        circuits = await self.application.store.circuits()
        found = [each for each in circuits if (each.scope, each.name) == (scope, name)]
        for each in found:
            await self.application.store.turn_circuit(each.scope, each.name, lambda _: None)
            logger.info("admin.relay_reset", user=visit.session.user, scope=each.scope, name=each.name)
        return back(PATH, "reset" if found else "not-reset")

    async def pause(self, visit: Visit, form: FormData) -> Response:
        """Stop everything, a relay, or a profile's papers."""
        scope, name = self._what(form)
        reason = " ".join(str(form.get("reason") or "").split())[:LONGEST_REASON]
        await self.application.store.pause(Pause(scope, name, reason, self.application.now()))
        logger.info("admin.paused", user=visit.session.user, scope=scope, name=name)
        return back(own_path(str(form.get("back") or "")), "paused")

    async def unpause(self, visit: Visit, form: FormData) -> Response:
        """Let what was paused go on; what was paused and is configured no more can be let go, too."""
        scope, name = member(PauseScope, str(form.get("scope"))), str(form.get("name") or "")
        is_ended = scope is not None and await self.application.store.unpause(scope, name)
        logger.info("admin.unpaused", user=visit.session.user, scope=scope, name=name)
        return back(own_path(str(form.get("back") or "")), "unpaused" if is_ended else "not-paused")

    def _what(self, form: FormData) -> tuple[PauseScope, str]:
        """Return what a form names; HTTPException (400) when nothing of this name is configured."""
        scope, name = member(PauseScope, str(form.get("scope"))), str(form.get("name") or "")
        known = {
            PauseScope.ALL: {""},
            PauseScope.RELAY: set(self.application.configuration.settings.mail.outgoing),
            PauseScope.PROFILE: set(self.application.profiles),
        }
        if scope is None or name not in known[scope]:
            raise HTTPException(400)
        return scope, name
