"""Issues and their mails: sums that close, each mail with every attempt at it, and another try for what failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field

from newsletter.core.access import Scope
from newsletter.errors import ConflictError
from newsletter.model import DeliveryFilter, DeliveryState, IssueKind
from newsletter.web.api import values
from newsletter.web.api.cursors import Page, cursor_of, link_next, place_in
from newsletter.web.api.maildocuments import DeliveryDocument, IssueDocument, WholeDeliveryDocument
from newsletter.web.api.problems import invalid, missing
from newsletter.web.api.routing import LINKED, ApiParts, Resource, resource

LONGEST_STRETCH = timedelta(days=366)
USUAL_STRETCH = timedelta(days=30)
MAY_BE_RETRIED = frozenset(
    {DeliveryState.REJECTED, DeliveryState.EXPIRED, DeliveryState.DEFERRED, DeliveryState.UNKNOWN}
)


class IssuesAsked(values.PageAsked):
    """Of which issue dates, both included; without them, of the last 30 days."""

    since: values.Day | None = None
    until: values.Day | None = Field(default=None, description="At most 366 days in all.")


class IssuePage(Page):
    """Issues, newest first."""

    items: list[IssueDocument]


class DeliveriesAsked(values.PageAsked):
    """Which deliveries; all that is said has to fit."""

    state: list[DeliveryState] = Field(default=[], max_length=9)
    kind: list[IssueKind] = Field(default=[], max_length=9)
    since: values.Day | None = Field(default=None, description="First issue date.")
    until: values.Day | None = Field(default=None, description="Last issue date.")
    subscriber_id: values.Identifier | None = None
    domain: values.Line = Field(default="", description="Of the address.")
    profile: values.Line = Field(default="", description="One whose papers the mail holds.")
    relay: values.Line = Field(default="", description="The relay that was asked last.")
    code: values.ReplyCode | None = Field(default=None, description="The last reply's, or its beginning: 5, 550, 5.1.")
    in_doubt: bool = Field(default=False, description="Only those that may have arrived, and were not accepted.")


class DeliveryPage(Page):
    """Deliveries, newest first."""

    items: list[DeliveryDocument]


@dataclass(frozen=True, slots=True)
class Issues:
    """The endpoints."""

    parts: ApiParts

    def resources(self) -> list[Resource]:
        """Return where they are found."""
        issues, deliveries = resource("issues"), resource("deliveries")
        read, write = Scope.DELIVERIES_READ, Scope.DELIVERIES_WRITE
        issues.add("GET", "/issues", self.list_issues, read, faults=(400, 422), headers=LINKED)
        issues.add("GET", "/issues/{issue_date}", self.show_issue, read, faults=(404, 422))
        one = "/deliveries/{delivery_id}"
        deliveries.add("GET", "/deliveries", self.list_deliveries, read, faults=(400, 422), headers=LINKED)
        deliveries.add("GET", one, self.show_delivery, read, faults=(404, 422))
        deliveries.add("POST", f"{one}/retry", self.retry_delivery, write, faults=(404,))
        return [issues, deliveries]

    async def list_issues(
        self, request: Request, response: Response, asked: Annotated[IssuesAsked, Query()]
    ) -> IssuePage:
        """List issues with what became of their mails, newest first.

        planned = accepted + deferred + rejected + suppressed + expired + superseded + unknown + in_flight + forgotten.
        """
        last = asked.until or self.parts.clock().date() + timedelta(days=1)
        first = asked.since or date.fromordinal(max(1, last.toordinal() - USUAL_STRETCH.days))
        if not timedelta(0) <= last - first < LONGEST_STRETCH:
            raise invalid("query.since", f"the days have to be in order, and {LONGEST_STRETCH.days} at most")
        place = place_in("issues", asked.cursor, (int,))
        end = min(int(place[0]) - 1, last.toordinal()) if place else last.toordinal()
        found = await self.parts.store.issue_sums(first, date.fromordinal(end)) if end >= first.toordinal() else []
        shown = list(reversed(found))[: asked.limit]
        cursor = cursor_of("issues", [shown[-1].issue_date.toordinal()]) if len(found) > asked.limit else None
        link_next(request, response, self.parts.base_url, cursor)
        return IssuePage(items=[IssueDocument.of(each) for each in shown], next_cursor=cursor)

    async def show_issue(self, issue_date: values.Day) -> IssueDocument:
        """Show what became of the mails of one issue date."""
        found = await self.parts.store.issue_sums(issue_date, issue_date)
        if not found:
            raise missing(f"issue of {issue_date}")
        return IssueDocument.of(found[0])

    async def list_deliveries(
        self, request: Request, response: Response, asked: Annotated[DeliveriesAsked, Query()]
    ) -> DeliveryPage:
        """List mails, newest first."""
        wanted = DeliveryFilter(
            frozenset(asked.state),
            frozenset(asked.kind),
            asked.since,
            asked.until,
            asked.subscriber_id,
            asked.domain,
            asked.profile,
            asked.relay,
            asked.code or "",
            asked.in_doubt,
        )
        place = place_in("deliveries", asked.cursor, (int,))
        before = min(int(place[0]), values.LARGEST_ID) if place else None
        found = await self.parts.store.find_deliveries(wanted, before_id=before, limit=asked.limit + 1)
        shown = found[: asked.limit]
        cursor = cursor_of("deliveries", [shown[-1].delivery.id]) if len(found) > asked.limit else None
        link_next(request, response, self.parts.base_url, cursor)
        return DeliveryPage(items=[DeliveryDocument.of(each) for each in shown], next_cursor=cursor)

    async def show_delivery(self, delivery_id: values.Identifier) -> WholeDeliveryDocument:
        """Show one mail with every attempt at it, first to last."""
        store = self.parts.store
        delivery = await store.delivery(delivery_id)
        address = (await store.subscriber(delivery.subscriber_id)).address.text
        return WholeDeliveryDocument.of(delivery, address, await store.attempts(delivery_id))

    async def retry_delivery(self, request: Request, delivery_id: values.Identifier) -> WholeDeliveryDocument:
        """Make a mail due at once that was rejected, expired or deferred.

        One that is unknown may have arrived, and comes a second time then, with the same Message-ID. One whose papers
        have gone out in another mail is left alone (409): nobody gets a paper twice.
        """
        store, now = self.parts.store, request.state.occasion.started_at
        delivery = await store.delivery(delivery_id)
        if delivery.state not in MAY_BE_RETRIED:
            raise ConflictError(f"delivery {delivery.id} is {delivery.state}, and is not tried again")
        if not await store.retry([delivery_id], now):
            raise ConflictError(f"the papers of delivery {delivery.id} have gone out in another mail")
        return await self.show_delivery(delivery_id)
