"""What came back, and whom nobody writes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from starlette.routing import Route

from newsletter.errors import AddressError
from newsletter.model import BounceKind, Suppression, SuppressionKind, SuppressionReason
from newsletter.service.suppression import read_value
from newsletter.web.admin.access import Access, Visit, back
from newsletter.web.admin.asked import SPANS, id_of, member, span_of
from newsletter.web.asked import link
from newsletter.web.plots import Series, columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import FormData
    from starlette.responses import Response

    from newsletter.model import Bounce
    from newsletter.ports import Store

logger = structlog.get_logger(__name__)

BOUNCES: Final = "/admin/bounces"
SUPPRESSION: Final = "/admin/suppression"
PAGE: Final = 50
MOST_DAYS: Final = 36_500
LONGEST: Final = 320  # characters of an address
SOURCE: Final = "admin-page"


@dataclass(frozen=True, slots=True)
class BouncePages:
    """Bounces and suppressions."""

    store: Store
    access: Access

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route(BOUNCES, self.access.reading(self.bounces)),
            Route(SUPPRESSION, self.access.reading(self.suppressions)),
            Route(f"{SUPPRESSION}/add", self.access.acting(self.add), methods=["POST"]),
            Route(f"{SUPPRESSION}/remove", self.access.acting(self.remove), methods=["POST"]),
        ]

    async def bounces(self, visit: Visit) -> Response:
        """Answer with how much came back on each day, and the newest of it."""
        asked = visit.request.query_params
        span, kind = span_of(asked.get("days"), self.access.application.now()), member(BounceKind, asked.get("kind"))
        counts = await self.store.bounces_by_day(span.first)
        series = [
            Series(each.value, [counts.get((day, each), 0) for day in span.dates], tone)
            for tone, each in zip((1, 3, 2), BounceKind, strict=True)
        ]
        found = await self.store.list_bounces(kind=kind, limit=PAGE)
        return self.access.answer(
            visit,
            "bounces.html",
            here="bounces",
            found=found,
            addresses=await self._addresses(found),
            plot_of=columns(span.labels, series),
            kind=kind,
            kinds=list(BounceKind),
            span=span,
            spans=SPANS,
        )

    async def _addresses(self, found: Sequence[Bounce]) -> dict[int, str]:
        ids = {each.subscriber_id for each in found if each.subscriber_id is not None}
        return {number: str(each.address) for number, each in (await self.store.subscribers(ids)).items()}

    async def suppressions(self, visit: Visit) -> Response:
        """Answer with those of whom the address names a part, by kind and value."""
        asked = visit.request.query_params
        kind, _, value = asked.get("after", "").partition(":")
        after_kind = member(SuppressionKind, kind)
        text = asked.get("text", "").strip()[:LONGEST]
        after = None if after_kind is None else (after_kind, value)
        found = await self.store.list_suppressions(text=text or None, after=after, limit=PAGE + 1)
        last = found[PAGE - 1] if len(found) > PAGE else None
        now = self.access.application.now()
        return self.access.answer(
            visit,
            "suppression.html",
            here="suppression",
            found=found[:PAGE],
            counts=await self.store.count_suppressions(now),
            text=text,
            more=link(SUPPRESSION, text=text, after=f"{last.kind}:{last.value}") if last else "",
        )

    async def add(self, visit: Visit, form: FormData) -> Response:
        """Write to an address or a domain no more, for so many days or for good."""
        try:
            kind, value = read_value(str(form.get("value") or "")[:LONGEST])
        except AddressError:
            return back(SUPPRESSION, "no-address")
        now, days = self.access.application.now(), id_of(str(form.get("days") or ""))
        expires_at = now + timedelta(days=min(days, MOST_DAYS)) if days else None
        detail = " ".join(str(form.get("detail") or "").split())[:LONGEST]
        said = Suppression(kind, value, SuppressionReason.MANUAL, detail, SOURCE, now, expires_at)
        await self.store.suppress([said])
        logger.info("admin.suppressed", user=visit.session.user, kind=kind)
        return back(SUPPRESSION, "suppressed")

    async def remove(self, visit: Visit, form: FormData) -> Response:
        """Let mail to an address or a domain go on."""
        kind, value = member(SuppressionKind, str(form.get("kind"))), str(form.get("value") or "")
        removed = 0 if kind is None else await self.store.unsuppress([(kind, value)])
        logger.info("admin.unsuppressed", user=visit.session.user, kind=kind, removed=removed)
        return back(SUPPRESSION, "unsuppressed" if removed else "not-suppressed")
