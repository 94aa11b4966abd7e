"""Deliveries as somebody asks for them, one with its attempts, and another try for what failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.routing import Route

from newsletter.core.deliveries import MAY_BE_RETRIED
from newsletter.errors import NotFoundError
from newsletter.model import DeliveryState, IssueKind
from newsletter.web.admin.access import Access, Visit, back
from newsletter.web.admin.asked import filter_of, id_of, query_of
from newsletter.web.asked import link

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.responses import Response

    from newsletter.model import Delivery
    from newsletter.ports import Store

logger = structlog.get_logger(__name__)

PATH: Final = "/admin/deliveries"
PAGE: Final = 50
FILTERS: Final = ("state", "kind", "since", "until", "subscriber", "domain", "profile", "relay", "code", "unknown")


@dataclass(frozen=True, slots=True)
class DeliveryPages:
    """Deliveries."""

    store: Store
    access: Access

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route(PATH, self.access.reading(self.deliveries)),
            Route(f"{PATH}/{{number}}", self.access.reading(self.delivery)),
            Route(f"{PATH}/{{number}}/retry", self.access.acting(self.retry), methods=["POST"]),
        ]

    async def deliveries(self, visit: Visit) -> Response:
        """Answer with the newest deliveries that fit what the address asks for."""
        asked = visit.request.query_params
        wanted, problem = await filter_of(asked, self.store)
        before = id_of(asked.get("before"))
        found = await self.store.find_deliveries(wanted, before_id=before, limit=PAGE + 1)
        said = query_of(asked, FILTERS)
        older = link(PATH, **said, before=str(found[PAGE - 1].delivery.id)) if len(found) > PAGE else ""
        application = self.access.application
        return self.access.answer(
            visit,
            "deliveries.html",
            here="deliveries",
            found=found[:PAGE],
            older=older,
            newest=link(PATH, **said) if before else "",
            asked=dict.fromkeys(FILTERS, "") | said,
            problem=problem,
            states=list(DeliveryState),
            kinds=list(IssueKind),
            profiles=sorted(application.profiles),
            relays=list(application.configuration.settings.mail.outgoing),
        )

    async def delivery(self, visit: Visit) -> Response:
        """Answer with one delivery and every attempt at it."""
        delivery = await self._named(visit)
        subscriber = await self.store.subscriber(delivery.subscriber_id)
        return self.access.answer(
            visit,
            "delivery.html",
            here="deliveries",
            delivery=delivery,
            subscriber=subscriber,
            attempts=await self.store.attempts(delivery.id),
            digest=await self.store.digest(delivery.digest_id),
            may_be_retried=delivery.state in MAY_BE_RETRIED,
        )

    async def retry(self, visit: Visit, form: FormData) -> Response:
        """Make a failed delivery due at once, as ``newsletter deliveries retry`` does; one that may have arrived only
        for who says that they know.
        """
        delivery = await self._named(visit)
        here = f"{PATH}/{delivery.id}"
        if delivery.state not in MAY_BE_RETRIED:
            return back(here, "not-retried")
        if delivery.state is DeliveryState.UNKNOWN and form.get("twice") != "yes":
            return back(here, "not-confirmed")
        moved = await self.store.retry([delivery.id], self.access.application.now())
        logger.info("admin.retried", user=visit.session.user, delivery=delivery.id, moved=moved)
        return back(here, "retried" if moved else "papers-gone")

    async def _named(self, visit: Visit) -> Delivery:
        number = id_of(visit.request.path_params["number"])
        try:
            return await self.store.delivery(number or 0)
        except NotFoundError as error:
            raise HTTPException(404) from error
