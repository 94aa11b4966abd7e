"""All of the admin's pages together."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

from newsletter.service.trial import Trials
from newsletter.web.admin.access import HOME, Access
from newsletter.web.admin.bounces import BouncePages
from newsletter.web.admin.deliveries import DeliveryPages
from newsletter.web.admin.growth import GrowthPages
from newsletter.web.admin.issues import IssuePages
from newsletter.web.admin.overview import OverviewPage
from newsletter.web.admin.profiles import ProfilePages
from newsletter.web.admin.stopping import StoppingPages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from newsletter.web.pages import Pages
    from newsletter.wiring.application import Application

STYLE: Final = resources.files("newsletter.web").joinpath("admin.css").read_bytes()


@dataclass(frozen=True, slots=True)
class AdminDesk:
    """The pages over one application; ``health`` returns what its daemon says of itself (``/healthz``)."""

    application: Application
    health: Callable[[], Mapping[str, object]]

    def routes(self, pages: Pages) -> list[Route]:
        """Return where everything is found."""
        access, store = Access(self.application, pages), self.application.store
        return [
            Route(f"{HOME}/style.css", style),
            *access.routes(),
            *OverviewPage(self.application, access, self.health).routes(),
            *IssuePages(store, access).routes(),
            *DeliveryPages(store, access).routes(),
            *StoppingPages(self.application, access).routes(),
            *BouncePages(store, access).routes(),
            *GrowthPages(self.application, access).routes(),
            *ProfilePages(self.application, access, Trials(store)).routes(),
        ]


async def style(_: Request) -> Response:
    """Answer with the style of the admin's pages."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})
