"""SendGrid (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event).

ECDSA over the time and the whole body, in two headers; the public key stands in the webhook's settings.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from newsletter.bounces.providers.base import (
    Event,
    MalformedError,
    RefusedError,
    Request,
    decoded,
    listing,
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

SIGNATURE: Final = "x-twilio-email-event-webhook-signature"
TIMESTAMP: Final = "x-twilio-email-event-webhook-timestamp"
WINDOW_S: Final = 36 * 3600.0  # SendGrid comes again for a day with what it could not deliver
AHEAD_S: Final = 300.0


class SendGrid:
    """Implements :class:`newsletter.bounces.providers.base.Provider`; ValueError when ``public_key`` is none."""

    name = "sendgrid"

    def __init__(self, public_key: str) -> None:
        self._key = read_key(public_key)

    async def read(self, request: Request) -> list[Report]:
        """Return the reports of a request, which holds any number of events."""
        stamp = request.headers.get(TIMESTAMP, "")
        signature = decoded(request.headers.get(SIGNATURE, ""))
        try:
            self._key.verify(signature, stamp.encode() + request.body, ECDSA(SHA256()))
        except InvalidSignature as error:
            raise RefusedError("the signature is not SendGrid's") from error
        if not -AHEAD_S <= seconds_since(stamp, request.received_at) <= WINDOW_S:
            raise RefusedError("the request is too old")
        events = read_json(request.body)
        if not isinstance(events, list):
            raise MalformedError("the body is not a list of events")
        return reports(self.name, [event_of(mapping(event)) for event in listing(events)])


def read_key(text_form: str) -> EllipticCurvePublicKey:
    """Return the key that SendGrid shows (base 64 of its DER); ValueError when it is none."""
    try:
        key = load_der_public_key(base64.b64decode("".join(text_form.split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is not the verification key that SendGrid shows") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise ValueError("it is no key of an elliptic curve, as SendGrid's is")  # noqa: TRY004 (a wrong value)
    return key


def event_of(data: Mapping[str, Any]) -> Event:
    """Return an event in our words."""
    said = text(data.get("reason"))
    status = text(data.get("status"))
    return Event(
        kind=kind_of(data, status, said),
        identifier=text(data.get("sg_event_id")) or f"{data.get('sg_message_id')} {data.get('event')}",
        recipient=text(data.get("email")),
        message_id=text(data.get("smtp-id")),
        enhanced_code=code_in(status) or code_in(said),
        text=said or text(data.get("event")),
    )


def kind_of(data: Mapping[str, Any], status: str, said: str) -> BounceKind | None:
    """Return what an event means; ``deferred`` will be tried again, and is none yet."""
    event = text(data.get("event"))
    if event == "spamreport":
        return BounceKind.COMPLAINT
    if event == "bounce":  # or of type "blocked", which is a refusal of our mail
        return BounceKind.SOFT if text(data.get("type")) == "blocked" else kind_of_failure(status, said)[0]
    if event == "dropped":  # SendGrid did not try: what came before says why
        if said.startswith(("Bounced Address", "Invalid")):
            return BounceKind.HARD
        return BounceKind.COMPLAINT if said.startswith("Spam Reporting Address") else None
    return None
