"""Subscribers: who gets digests, what they want, and whether they get any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Header, Query, Request, Response
from pydantic import Field, field_validator

from newsletter.core.access import Scope
from newsletter.errors import ConflictError, PreconditionError
from newsletter.model import (
    Consent,
    EmailAddress,
    Frequency,
    Origin,
    Subscriber,
    SubscriberDraft,
    SubscriberStatus,
    Weekday,
)
from newsletter.service.drafts import complete
from newsletter.service.suppression import lift
from newsletter.settings.values import complaint
from newsletter.web.api import values
from newsletter.web.api.cursors import Page, cursor_of, link_next, place_in
from newsletter.web.api.peopledocuments import SubscriberDocument, tag_of
from newsletter.web.api.problems import invalid
from newsletter.web.api.routing import LINKED, TAGGED, ApiParts, Resource, resource

METHOD = "api"
RETURNS = frozenset(
    {SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED, SubscriberStatus.PENDING, SubscriberStatus.BOUNCED}
)
MAY_PAUSE = frozenset({SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED})
IfMatch = Annotated[str | None, Header(max_length=200, description="Only if it is still as this ETag says.")]


class SubscribersAsked(values.PageAsked):
    """Which subscribers."""

    status: SubscriberStatus | None = None
    profile: values.Line | None = Field(default=None, description="Who takes this profile.")
    origin: Origin | None = None
    text: values.Line | None = Field(default=None, description="Part of the address.")


class SubscriberPage(Page):
    """Subscribers in the order in which they came."""

    items: list[SubscriberDocument]


class Wishes(values.Asked):
    """What somebody wants; what is left out takes the defaults, or stays as it is."""

    zone: values.Zone | None = values.left_out()
    send_at: values.ClockTime | None = values.left_out("Local time of the digest, HH:MM.")
    frequency: Frequency | None = values.left_out()
    weekday: Weekday | None = values.left_out("The day of a weekly digest.")
    profiles: Annotated[list[values.Named], Field(max_length=200)] | None = values.left_out()
    keywords: Annotated[list[values.OwnKeyword], Field(max_length=200)] | None = values.left_out()
    language: values.Language | None = values.left_out()
    template: values.Named | None = values.left_out()

    @field_validator("*", mode="before")
    @classmethod
    def refuse_null(cls, value: object) -> object:
        """Refuse null, which would be neither the default nor an empty list."""
        if value is None:
            raise complaint("is null", "leave it out, or give a value")
        return value


class GivenConsent(values.Asked):
    """How somebody agreed; it is kept as proof."""

    given_at: values.Moment = Field(description="When they did.")
    proof: values.Text = Field(min_length=1, description="Where and how, for instance the form and its wording.")


class FirstStatus(StrEnum):
    """How somebody begins."""

    ACTIVE = "active"
    PENDING = "pending"
    PAUSED = "paused"


class NewSubscriber(Wishes):
    """Somebody to be added."""

    address: values.Address
    status: FirstStatus = Field(default=FirstStatus.ACTIVE, description="`pending` gets no mail until it is changed.")
    consent: GivenConsent


class ChangedSubscriber(Wishes):
    """What is to change of somebody."""

    address: values.Address | None = values.left_out()


class NextStatus(StrEnum):
    """Where somebody can be moved."""

    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"


class StatusChange(values.Asked):
    """Whether somebody gets mail."""

    status: NextStatus
    until: values.Day | None = Field(default=None, description="The day on which a pause ends; left out, none does it.")
    reason: values.Line | None = Field(default=None, description="Why; for who comes back, how they asked for it.")


@dataclass(frozen=True, slots=True)
class Subscribers:
    """The endpoints."""

    parts: ApiParts

    def resource(self) -> Resource:
        """Return where they are found."""
        made, read, write = resource("subscribers"), Scope.SUBSCRIBERS_READ, Scope.SUBSCRIBERS_WRITE
        one = "/subscribers/{subscriber_id}"
        made.add("GET", "/subscribers", self.list_subscribers, read, faults=(400, 422), headers=LINKED)
        placed = {**TAGGED, "Location": {"schema": {"type": "string"}}}
        made.add("POST", "/subscribers", self.add_subscriber, write, status=201, headers=placed)
        made.add("GET", one, self.show_subscriber, read, faults=(404, 422), headers=TAGGED)
        kept = (400, 404, 409, 412, 413, 415, 422)
        made.add("PATCH", one, self.change_subscriber, write, faults=kept, headers=TAGGED)
        made.add("DELETE", one, self.remove_subscriber, write, status=204, faults=(404, 409, 412, 413, 415, 422))
        made.add("POST", f"{one}/status", self.set_status, write, faults=(404, 412), headers=TAGGED)
        return made

    async def list_subscribers(
        self, request: Request, response: Response, asked: Annotated[SubscribersAsked, Query()]
    ) -> SubscriberPage:
        """List subscribers in the order in which they came."""
        after = place_in("subscribers", asked.cursor, (int,))
        found = await self.parts.store.list_subscribers(
            status=asked.status,
            profile=asked.profile,
            origin=asked.origin,
            text=asked.text,
            after_id=min(int(after[0]), values.LARGEST_ID) if after else 0,
            limit=asked.limit + 1,
        )
        shown = found[: asked.limit]
        following = cursor_of("subscribers", [shown[-1].id]) if len(found) > asked.limit else None
        link_next(request, response, self.parts.base_url, following)
        return SubscriberPage(items=[SubscriberDocument.of(each) for each in shown], next_cursor=following)

    async def show_subscriber(self, response: Response, subscriber_id: values.Identifier) -> SubscriberDocument:
        """Show what somebody gets, when, and since when."""
        return tagged(response, await self.parts.store.subscriber(subscriber_id))

    async def add_subscriber(self, request: Request, response: Response, body: NewSubscriber) -> SubscriberDocument:
        """Add somebody who has agreed.

        What is left out takes the defaults. Their first digest is planned at once, unless they are pending or paused.
        No mail asks them to confirm: the consent that you give is what is kept as proof.
        """
        occasion, settings = request.state.occasion, self.parts.configuration().settings
        now = occasion.started_at
        if body.consent.given_at > now:
            raise invalid("body.consent.given_at", "lies in the future")
        self.parts.refuse_unknown(body.profiles or (), body.template)
        draft = draft_of(body, body.address, SubscriberStatus(body.status))
        proof = f"{body.consent.proof} (token {request.state.token.name})"
        consent = Consent(METHOD, body.consent.given_at, proof)
        draft = complete(draft, settings.defaults, settings.newsletter.language)
        try:
            added = await self.parts.store.add_subscriber(draft, consent, Origin.STORE, now)
        except ConflictError:
            known = await self.parts.store.find_subscriber(body.address.key)
            if not (occasion.is_resumed and known.created_at == now and known.consent == consent):
                raise
            added = known  # by the first try, which was cut short before it could answer
        response.headers["Location"] = f"{request.scope.get('root_path', '')}/subscribers/{added.id}"
        return tagged(response, added)

    async def change_subscriber(
        self,
        request: Request,
        response: Response,
        subscriber_id: values.Identifier,
        body: ChangedSubscriber,
        if_match: IfMatch = None,
    ) -> SubscriberDocument:
        """Change what somebody gets, when, or where.

        What is left out stays as it is; lists are replaced as a whole. A new address is written to at once.
        """
        before = await self.parts.store.subscriber(subscriber_id)
        address = before.address if body.address is None else body.address
        self.parts.refuse_unknown(body.profiles or (), body.template)
        draft = draft_of(body, address, None)
        now = request.state.occasion.started_at
        check = checking(if_match)
        return tagged(response, await self.parts.store.edit_subscriber(before.address.key, draft, now, check))

    async def set_status(
        self,
        request: Request,
        response: Response,
        subscriber_id: values.Identifier,
        body: StatusChange,
        if_match: IfMatch = None,
    ) -> SubscriberDocument:
        """Pause, resume or unsubscribe somebody.

        Who has unsubscribed, or is suppressed, comes back only with a `reason` that says how they asked for it. What
        came back from the address of who is resumed is forgotten, and suppresses it no more.
        """
        store, now, status = self.parts.store, request.state.occasion.started_at, SubscriberStatus(body.status)
        if body.until is not None and (body.status is not NextStatus.PAUSED or body.until <= now.date()):
            raise invalid("body.until", "a pause ends on a day in the future")
        reason = body.reason or f"{body.status} by the API (token {request.state.token.name})"
        check = checking(if_match, lambda who: refuse_move(who, body))
        moved = await store.set_status(subscriber_id, status, reason, now, body.until, check=check)
        if status is SubscriberStatus.ACTIVE:
            await lift(store, moved, now)
        return tagged(response, moved)

    async def remove_subscriber(self, subscriber_id: values.Identifier, if_match: IfMatch = None) -> None:
        """Forget somebody and everything about them.

        Who asks for no more mail is better unsubscribed: a later import cannot bring them back by accident then.
        """
        who = await self.parts.store.subscriber(subscriber_id)
        await self.parts.store.remove_subscriber(who.address.key, checking(if_match))


def tagged(response: Response, subscriber: Subscriber) -> SubscriberDocument:
    """Return somebody as a document, with its tag in the header."""
    document = SubscriberDocument.of(subscriber)
    response.headers["ETag"] = tag_of(document)
    return document


def checking(
    if_match: str | None, further: Callable[[Subscriber], None] = lambda _: None
) -> Callable[[Subscriber], None]:
    """Return what refuses to change somebody who is kept in a file, or is not as the tag says."""

    def check(subscriber: Subscriber) -> None:
        tags = [each.strip() for each in if_match.split(",")] if if_match else ["*"]
        if "*" not in tags and tag_of(SubscriberDocument.of(subscriber)) not in tags:
            raise PreconditionError(f"subscriber {subscriber.id} has changed since")
        if subscriber.origin is Origin.FILE:
            raise ConflictError(f"subscriber {subscriber.id} is kept in the profile files, and changed there")
        further(subscriber)

    return check


def refuse_move(subscriber: Subscriber, body: StatusChange) -> None:
    """Raise ConflictError when somebody's status does not allow the move."""
    before = subscriber.status
    if body.status is NextStatus.PAUSED and before not in MAY_PAUSE:
        raise ConflictError(f"subscriber {subscriber.id} is {before}, and gets no mail to be paused")
    if body.status is NextStatus.ACTIVE and before not in RETURNS and not body.reason:
        raise ConflictError(f"subscriber {subscriber.id} is {before}: say in reason how they asked to come back")


def draft_of(body: Wishes, address: EmailAddress, status: SubscriberStatus | None) -> SubscriberDraft:
    """Return what is wanted."""
    return SubscriberDraft(
        address=address,
        status=status,
        zone=body.zone,
        send_at_local=body.send_at,
        frequency=body.frequency,
        weekday=body.weekday,
        profiles=None if body.profiles is None else tuple(dict.fromkeys(body.profiles)),
        keywords=None if body.keywords is None else tuple(dict.fromkeys(body.keywords)),
        language=body.language,
        template=body.template,
    )
