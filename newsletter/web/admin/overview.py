"""The first page: whether today is well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.routing import Route

from newsletter.languages import ENGLISH
from newsletter.service.overview import Configured, read_overview
from newsletter.web.admin.access import HOME, Access, Visit
from newsletter.web.admin.asked import span_of
from newsletter.web.admin.issues import mails_by_day
from newsletter.web.plots import Plot, Series, lines
from newsletter.wiring.parts import alert_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.responses import Response

    from newsletter.model import DayOfGrowth
    from newsletter.wiring.application import Application


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """How things stand."""

    application: Application
    access: Access
    health: Callable[[], Mapping[str, object]]

    def routes(self) -> list[Route]:
        """Return where it is found."""
        return [Route(HOME, self.access.reading(self.overview))]

    async def overview(self, visit: Visit) -> Response:
        """Answer with what is wrong now, what waits, and how the last weeks went."""
        application, now = self.application, self.application.now()
        settings, health = application.configuration.settings, self.health()
        configured = Configured(tuple(settings.sources), settings.mail.outgoing, application.profiles)
        found = await read_overview(application.store, configured, health, alert_policy(settings), now)
        span = span_of(None, now)
        return self.access.answer(
            visit,
            "overview.html",
            here="overview",
            overview=found,
            last_run_at=str(health.get("last_run_at") or "")[:16],
            latest=found.sums[-1] if found.sums else None,
            week=found.growth[-7:],
            mails=mails_by_day(span, found.sums),
            readers=readers_by_day(found.growth),
            redirected_to=settings.mail.redirect_all_to,
        )


def readers_by_day(growth: Sequence[DayOfGrowth]) -> Plot:
    """Return how many readers there were at the end of each day."""
    return lines(
        [ENGLISH.short_day(each.day) for each in growth], [Series("readers", [each.readers for each in growth], 2)]
    )
