"""Mailgun (https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks).

The signature covers a time and a token, not the event: whoever sees one request could post another event with it. So
both the time is bounded, and each token is good for one event.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from newsletter.bounces.providers.base import (
    Event,
    MalformedError,
    RefusedError,
    Request,
    equal,
    mapping,
    read_json,
    reports,
    seconds_since,
    text,
)
from newsletter.core.bounces import code_in, kind_of_failure
from newsletter.model import BounceKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from newsletter.model import Report

WINDOW_S: Final = 12 * 3600.0  # Mailgun comes again for eight hours with what it could not deliver
AHEAD_S: Final = 300.0
TOKENS: Final = 20_000  # remembered; a request each


class Mailgun:
    """Implements :class:`newsletter.bounces.providers.base.Provider`; ``key`` is the HTTP webhook signing key."""

    name = "mailgun"

    def __init__(self, key: str) -> None:
        self._key = key
        self._bodies: OrderedDict[str, str] = OrderedDict()  # by token, the digest of the event that came with it

    async def read(self, request: Request) -> list[Report]:
        """Return the report of a request, which holds one event."""
        body = mapping(read_json(request.body))
        data = mapping(body.get("event-data"))
        self._check(mapping(body.get("signature")), request)
        if not data:
            raise MalformedError("there is no event-data")
        return reports(self.name, [event_of(data)])

    def _check(self, signature: Mapping[str, Any], request: Request) -> None:
        stamp, token = text(signature.get("timestamp")), text(signature.get("token"))
        expected = hmac.new(self._key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
        if not token or not equal(text(signature.get("signature")), expected):
            raise RefusedError("the signature is not Mailgun's")
        if not -AHEAD_S <= seconds_since(stamp, request.received_at) <= WINDOW_S:
            raise RefusedError("the request is too old")
        digest = hashlib.sha256(request.body).hexdigest()
        if self._bodies.setdefault(token, digest) != digest:
            raise RefusedError("the token has come with another event")
        while len(self._bodies) > TOKENS:
            self._bodies.popitem(last=False)


def event_of(data: Mapping[str, Any]) -> Event:
    """Return an event in our words."""
    status = mapping(data.get("delivery-status"))
    said = " ".join(filter(None, (text(status.get("message")), text(status.get("description")))))
    code = text(status.get("enhanced-code")) or code_in(said)
    headers = mapping(mapping(data.get("message")).get("headers"))
    return Event(
        kind=kind_of(data, code or "", f"{text(status.get('code'))} {said}"),
        identifier=text(data.get("id")),
        recipient=text(data.get("recipient")),
        message_id=text(headers.get("message-id")),
        return_path=text(mapping(data.get("envelope")).get("sender")),
        enhanced_code=code,
        text=said or text(data.get("reason")) or text(data.get("event")),
    )


def kind_of(data: Mapping[str, Any], code: str, said: str) -> BounceKind | None:
    """Return what an event means; a temporary failure will be tried again, and is none yet."""
    event = text(data.get("event"))
    if event == "complained":
        return BounceKind.COMPLAINT
    if event != "failed" or text(data.get("severity")) != "permanent":
        return None
    if text(data.get("reason")) == "suppress-bounce":  # Mailgun did not try: it bounced before
        return BounceKind.HARD
    return kind_of_failure(code, said)[0]
