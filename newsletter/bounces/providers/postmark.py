"""Postmark: https://postmarkapp.com/developer/webhooks/bounce-webhook, and spam complaints of the same form.

Postmark signs nothing. It posts with a user name and password (in the address that it is given), or with headers of the
operator's choice: either holds a secret here, ``X-Webhook-Secret`` or the password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from newsletter.bounces.providers.base import (
    Event,
    MalformedError,
    RefusedError,
    Request,
    decoded,
    equal,
    mapping,
    read_json,
    reports,
    text,
)
from newsletter.core.bounces import code_in, kind_of_failure
from newsletter.model import BounceKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from newsletter.model import Report

# https://postmarkapp.com/developer/api/bounce-api#bounce-types
HARD: Final = frozenset({"HardBounce", "BadEmailAddress", "AddressChange", "ManuallyDeactivated"})
COMPLAINT: Final = frozenset({"SpamComplaint"})
NOTHING: Final = frozenset(
    {"Transient", "Subscribe", "Unsubscribe", "AutoResponder", "OpenRelayTest", "ChallengeVerification"}
)


class Postmark:
    """Implements :class:`newsletter.bounces.providers.base.Provider`."""

    name = "postmark"

    def __init__(self, secret: str) -> None:
        self._secret = secret

    async def read(self, request: Request) -> list[Report]:
        """Return the report of a request, which holds one event."""
        if not self._is_theirs(request.headers):
            raise RefusedError("neither the password nor the header holds the secret")
        body = mapping(read_json(request.body))
        kind = text(body.get("RecordType"))
        if not kind:
            raise MalformedError("there is no RecordType")
        if kind not in ("Bounce", "SpamComplaint"):
            return []
        return reports(self.name, [event_of(body)])

    def _is_theirs(self, headers: Mapping[str, str]) -> bool:
        if equal(headers.get("x-webhook-secret", ""), self._secret):
            return True
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        _, _, password = decoded(credentials.strip()).decode("utf-8", "replace").partition(":")
        return equal(password, self._secret)


def event_of(body: Mapping[str, Any]) -> Event:
    """Return the event of a body."""
    kind = text(body.get("Type"))
    said = " ".join(filter(None, (text(body.get("Details")), text(body.get("Description")))))
    return Event(
        kind=kind_of(kind, said),
        identifier=text(body.get("ID")) or text(body.get("MessageID")),
        recipient=text(body.get("Email")),
        enhanced_code=code_in(said),
        text=said or kind,
        # The operator may have Postmark send our Message-ID along; its own MessageID says nothing to us.
        message_id=text(mapping(body.get("Metadata")).get("message-id")),
    )


def kind_of(name: str, said: str) -> BounceKind | None:
    """Return what one of Postmark's types means."""
    if name in COMPLAINT:
        return BounceKind.COMPLAINT
    if name in HARD:
        # Postmark calls hard whatever was refused with 5xx, for spam too: the codes know better, where there are any.
        return kind_of_failure("", said)[0] if code_in(said) else BounceKind.HARD
    return None if name in NOTHING else BounceKind.SOFT
