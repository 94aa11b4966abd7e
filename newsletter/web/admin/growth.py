"""Who came and who left, and how the sources were: days gone by."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from newsletter.languages import ENGLISH
from newsletter.model import Health, SourceState
from newsletter.web.admin.asked import SPANS, Span, span_of
from newsletter.web.plots import Cell, Plot, Series, columns, lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from starlette.responses import Response

    from newsletter.model import SourceDay
    from newsletter.web.admin.access import Access, Visit
    from newsletter.wiring.application import Application

BAD: Final = (Health.BROKEN, Health.THROTTLED, Health.STALE)
WORST: Final = (Health.BROKEN, Health.THROTTLED, Health.STALE, Health.FRESH, Health.QUIET, Health.UNCHECKED)


@dataclass(frozen=True, slots=True)
class SourceHistory:
    """A source: how it is, how each day was, and how many new papers each day brought."""

    state: SourceState
    cells: Sequence[Cell]
    papers: Plot

    @property
    def bad_days(self) -> int:
        """On how many days a check failed."""
        return sum(cell.tone in {each.value for each in BAD} for cell in self.cells)


@dataclass(frozen=True, slots=True)
class GrowthPages:
    """Days gone by."""

    application: Application
    access: Access

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route("/admin/growth", self.access.reading(self.growth)),
            Route("/admin/sources", self.access.reading(self.sources)),
        ]

    async def growth(self, visit: Visit) -> Response:
        """Answer with how many subscribed, became readers and left, day by day, and who reads what."""
        span = span_of(visit.request.query_params.get("days"), self.application.now())
        store = self.application.store
        days = await store.growth(span.first, span.today)
        moved = [
            Series("subscribed", [each.subscribed for each in days], 4),
            Series("confirmed", [each.confirmed for each in days], 2),
            Series("left", [each.left for each in days], 1),
        ]
        return self.access.answer(
            visit,
            "growth.html",
            here="growth",
            days=days,
            readers=lines(span.labels, [Series("readers", [each.readers for each in days], 2)]),
            moved=lines(span.labels, moved),
            subscribers=await store.count_subscribers(),
            profiles=sorted((await store.count_readers()).items(), key=lambda pair: (-pair[1], pair[0])),
            span=span,
            spans=SPANS,
        )

    async def sources(self, visit: Visit) -> Response:
        """Answer with how each source is and was."""
        span = span_of(None, self.application.now())
        store = self.application.store
        states = await store.source_states()
        days: dict[str, dict[date, SourceDay]] = defaultdict(dict)
        for each in await store.source_days(span.first):
            days[each.source][each.day] = each
        names = self.application.configuration.settings.sources
        found = [history(states.get(name) or SourceState(name), days[name], span) for name in names]
        return self.access.answer(visit, "sources.html", here="sources", sources=found, span=span)


def history(state: SourceState, days: Mapping[date, SourceDay], span: Span) -> SourceHistory:
    """Return what is known of a source."""
    cells = [cell_of(day, days.get(day)) for day in span.dates]
    papers = [days[day].papers if day in days else 0 for day in span.dates]
    return SourceHistory(state, cells, columns(span.labels, [Series("new papers", papers, 2)]))


def cell_of(day: date, found: SourceDay | None) -> Cell:
    """Return a day of a source: its worst health, and all of its checks in words."""
    label = ENGLISH.short_day(day)
    if found is None:
        return Cell(label, "", f"{label}: not asked")
    said = ", ".join(f"{count} {health}" for health in WORST if (count := found.checks.get(health)))
    return Cell(label, next(health.value for health in WORST if health in found.checks), f"{label}: {said}")
