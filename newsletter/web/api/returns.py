"""What came back, and whom nobody writes to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from newsletter.core.access import Scope
from newsletter.model import (
    BounceKind,
    Report,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
)
from newsletter.service.suppression import read_value
from newsletter.web.api import values
from newsletter.web.api.cursors import Page, cursor_of, link_next, place_in
from newsletter.web.api.peopledocuments import BounceDocument, SuppressionDocument
from newsletter.web.api.problems import invalid, missing
from newsletter.web.api.routing import LINKED, ApiParts, Resource, resource

SOURCE = "api:"


class SuppressionsAsked(values.PageAsked):
    """Which suppressions."""

    text: values.Line | None = Field(default=None, description="Part of the address or domain.")


class SuppressionPage(Page):
    """Suppressions by kind and value, expired ones too."""

    items: list[SuppressionDocument]


class NewSuppression(values.Asked):
    """An address or a domain to which nobody shall write."""

    value: values.Line = Field(min_length=1, examples=["old@example.org", "example.com"])
    detail: values.Line = Field(default="", description="Why, for whoever looks next.")
    expires_at: values.Moment | None = Field(default=None, description="Until when; left out, for good.")


class BouncesAsked(values.PageAsked):
    """Which bounces."""

    kind: BounceKind | None = None
    subscriber_id: values.Identifier | None = None


class BouncePage(Page):
    """Bounces, newest first."""

    items: list[BounceDocument]


class NewBounce(values.Asked):
    """A report that a mail came back, or was called spam. You vouch for it: the address alone is believed."""

    event_id: values.Line = Field(min_length=1, description="Equal for equal reports: each counts once.")
    kind: BounceKind
    address: values.Address
    message_id: values.Line = Field(default="", description="Of the mail, where it is known.")
    enhanced_code: str | None = Field(default=None, pattern=r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}$", description="RFC 3463.")
    text: values.Text = Field(default="", description="What the server said.")


class TakenBounce(BaseModel):
    """What became of a report."""

    is_new: bool = Field(description="False for one that was known: it changed nothing.")
    kind: BounceKind
    subscriber_id: int | None = Field(description="Null when nobody has the address: it changed nothing then.")
    delivery_id: int | None
    status: SubscriberStatus | None = Field(description="What it made of the subscriber, if anything.")


@dataclass(frozen=True, slots=True)
class Returns:
    """The endpoints."""

    parts: ApiParts

    def resources(self) -> list[Resource]:
        """Return where they are found."""
        kept, back = resource("suppressions"), resource("bounces")
        read, write = Scope.SUPPRESSIONS_READ, Scope.SUPPRESSIONS_WRITE
        one = "/suppressions/{kind}/{value:path}"
        kept.add("GET", "/suppressions", self.list_suppressions, read, faults=(400, 422), headers=LINKED)
        kept.add("POST", "/suppressions", self.add_suppression, write, status=201)
        kept.add("GET", one, self.show_suppression, read, faults=(404, 422))
        kept.add("DELETE", one, self.remove_suppression, write, status=204, faults=(404, 413, 415, 422))
        read, write = Scope.BOUNCES_READ, Scope.BOUNCES_WRITE
        back.add("GET", "/bounces", self.list_bounces, read, faults=(400, 422), headers=LINKED)
        back.add("POST", "/bounces", self.report_bounce, write)
        back.add("GET", "/bounces/{bounce_id}", self.show_bounce, read, faults=(404, 422))
        return [kept, back]

    async def list_suppressions(
        self, request: Request, response: Response, asked: Annotated[SuppressionsAsked, Query()]
    ) -> SuppressionPage:
        """List addresses and domains that nobody writes to, expired ones too."""
        place = place_in("suppressions", asked.cursor, (str, str))
        if place and place[0] not in set(SuppressionKind):
            place_in("", asked.cursor, ())
        after = (SuppressionKind(str(place[0])), str(place[1])) if place else None
        found = await self.parts.store.list_suppressions(text=asked.text, after=after, limit=asked.limit + 1)
        shown = found[: asked.limit]
        last = [shown[-1].kind.value, shown[-1].value] if shown else []
        cursor = cursor_of("suppressions", last) if len(found) > asked.limit else None
        link_next(request, response, self.parts.base_url, cursor)
        return SuppressionPage(items=[SuppressionDocument.of(each) for each in shown], next_cursor=cursor)

    async def add_suppression(self, request: Request, body: NewSuppression) -> SuppressionDocument:
        """Write to an address, or to all of a domain, no more.

        A mail that is planned already is held back too. What was known of the same address or domain is replaced.
        """
        now = request.state.occasion.started_at
        if body.expires_at is not None and body.expires_at <= now:
            raise invalid("body.expires_at", "has passed")
        kind, value = read_value(body.value)
        source = f"{SOURCE}{request.state.token.name}"
        made = Suppression(kind, value, SuppressionReason.MANUAL, body.detail, source, now, body.expires_at)
        await self.parts.store.suppress([made])
        return SuppressionDocument.of(made)

    async def show_suppression(self, kind: SuppressionKind, value: values.Line) -> SuppressionDocument:
        """Show why an address or a domain is not written to; an expired suppression too."""
        found = await self.parts.store.find_suppressions([(kind, self._value(kind, value))])
        if not found:
            raise missing(f"suppression of {value}")
        return SuppressionDocument.of(next(iter(found.values())))

    async def remove_suppression(self, kind: SuppressionKind, value: values.Line) -> None:
        """Let mail to an address or a domain go on.

        Who has bounced or unsubscribed stays so: moving the subscriber to `active` brings them back.
        """
        if not await self.parts.store.unsuppress([(kind, self._value(kind, value))]):
            raise missing(f"suppression of {value}")

    def _value(self, kind: SuppressionKind, text: str) -> str:
        found, value = read_value(text)
        if found is not kind:
            raise invalid("path.value", f"is not of the kind {kind}")
        return value

    async def list_bounces(
        self, request: Request, response: Response, asked: Annotated[BouncesAsked, Query()]
    ) -> BouncePage:
        """List what came back, newest first."""
        place = place_in("bounces", asked.cursor, (int,))
        before = min(int(place[0]), values.LARGEST_ID) if place else None
        found = await self.parts.store.list_bounces(
            kind=asked.kind, subscriber_id=asked.subscriber_id, before_id=before, limit=asked.limit + 1
        )
        shown = found[: asked.limit]
        cursor = cursor_of("bounces", [shown[-1].id or 0]) if len(found) > asked.limit else None
        link_next(request, response, self.parts.base_url, cursor)
        return BouncePage(items=[BounceDocument.of(each) for each in shown], next_cursor=cursor)

    async def show_bounce(self, bounce_id: values.Identifier) -> BounceDocument:
        """Show one bounce."""
        return BounceDocument.of(await self.parts.store.bounce(bounce_id))

    async def report_bounce(self, request: Request, body: NewBounce) -> TakenBounce:
        """Report that a mail came back, or that somebody called it spam.

        It changes what a returned mail would: a bad address is suppressed, soft bounces add up. The same `event_id`
        again changes nothing.
        """
        source = f"{SOURCE}{request.state.token.name}"
        fingerprint = hashlib.sha256(f"{source}\0{body.event_id}".encode()).hexdigest()
        report = Report(
            body.kind,
            fingerprint,
            recipients=(body.address.wire.lower(),),
            message_ids=(body.message_id.strip("<>"),) if body.message_id else (),
            enhanced_code=body.enhanced_code,
            text=body.text,
            is_vouched=True,
        )
        taken = await self.parts.desk().take(report, source)
        status = taken.verdict.status if taken.verdict else None
        return TakenBounce(
            is_new=taken.is_new,
            kind=body.kind,
            subscriber_id=taken.subscriber_id,
            delivery_id=taken.delivery_id,
            status=status,
        )
