"""Amazon SES by SNS (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).

Anybody can have SNS sign a message: it must be of a topic that the operator named. The certificate is fetched from
Amazon alone, and kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from newsletter.bounces.limits import PART_LIMIT
from newsletter.bounces.providers.base import (
    Event,
    Fetch,
    MalformedError,
    RefusedError,
    Request,
    decoded,
    listing,
    mapping,
    read_json,
    reports,
    text,
)
from newsletter.bounces.returned import UNSUBSCRIBE
from newsletter.core.bounces import code_in, kind_of_failure
from newsletter.model import BounceKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from newsletter.model import Report

HOST: Final = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?")
CERTIFICATE: Final = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,100}\.pem")
CERTIFICATES: Final = 10  # kept; Amazon uses one at a time in each region
SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
NO_COMPLAINT: Final = frozenset({"not-spam"})


class Ses:
    """Implements :class:`newsletter.bounces.providers.base.Provider` for messages of ``topics`` (ARNs).

    ``fetch`` returns what an address at Amazon holds: it is only ever given such. A subscription to one of the topics
    is confirmed; to any other it is refused.
    """

    name = "ses"

    def __init__(self, topics: Sequence[str], fetch: Fetch) -> None:
        self._topics = frozenset(topics)
        self._fetch = fetch
        self._keys: dict[str, RSAPublicKey] = {}

    async def read(self, request: Request) -> list[Report]:
        """Return the reports of a request: one for each recipient of its event."""
        message = mapping(read_json(request.body))
        kind = text(message.get("Type"))
        if kind not in SIGNED:
            raise MalformedError("it is no message of SNS")
        if text(message.get("TopicArn")) not in self._topics:
            raise RefusedError("the topic is none of ours")
        await self._check(message, SIGNED[kind])
        if kind == "SubscriptionConfirmation":
            await self._confirm(text(message.get("SubscribeURL")))
        if kind != "Notification":
            return []
        event = mapping(read_json(text(message.get("Message")).encode()))
        return reports(self.name, events_of(event, text(message.get("MessageId"))))

    async def _check(self, message: Mapping[str, Any], names: Sequence[str]) -> None:
        plain = "".join(f"{name}\n{text(message[name])}\n" for name in names if message.get(name) is not None)
        version = text(message.get("SignatureVersion"))
        if version not in ("1", "2"):
            raise RefusedError("the signature is of no version that SNS has")
        key = await self._key(text(message.get("SigningCertURL")))
        # Version 1 is the topic's default still; what it signs with is for SNS to choose.
        digest = SHA256() if version == "2" else SHA1()  # noqa: S303
        try:
            key.verify(decoded(text(message.get("Signature"))), plain.encode(), PKCS1v15(), digest)
        except InvalidSignature as error:
            raise RefusedError("the signature is not Amazon's") from error

    async def _key(self, url: str) -> RSAPublicKey:
        if not is_at_amazon(url, CERTIFICATE):
            raise RefusedError("the certificate is not at Amazon")
        if url not in self._keys:
            if len(self._keys) >= CERTIFICATES:
                self._keys.clear()
            try:
                key = load_pem_x509_certificate(await self._fetch(url)).public_key()
            except ValueError as error:
                raise RefusedError("the certificate cannot be read") from error
            if not isinstance(key, RSAPublicKey):
                raise RefusedError("the certificate is not of the kind that SNS has")
            self._keys[url] = key
        return self._keys[url]

    async def _confirm(self, url: str) -> None:
        """Say that we want what the topic tells: signed, and at Amazon, so that nobody can send us elsewhere."""
        if not is_at_amazon(url, re.compile(r"/")):
            raise RefusedError("the subscription is not confirmed at Amazon")
        await self._fetch(url)


def is_at_amazon(url: str, path: re.Pattern[str]) -> bool:
    """Whether an address is one of SNS's own, over https, with such a path and nothing odd in it."""
    try:
        parts = urlsplit(url)
        is_plain = parts.port is None and parts.username is None and parts.password is None and not parts.fragment
    except ValueError:
        return False
    host = parts.netloc
    return parts.scheme == "https" and is_plain and bool(HOST.fullmatch(host) and path.fullmatch(parts.path))


def events_of(event: Mapping[str, Any], message_id: str) -> list[Event]:
    """Return an event of SES, of a notification or of a configuration set, in our words: one for each recipient."""
    kind = text(event.get("notificationType")) or text(event.get("eventType"))
    mail = mapping(event.get("mail"))
    if kind == "Bounce":
        bounce = mapping(event.get("bounce"))
        people = [mapping(each) for each in listing(bounce.get("bouncedRecipients"))]
        return [_event(kind_of_bounce(bounce, who), mail, who, message_id) for who in people]
    if kind == "Complaint":
        complaint = mapping(event.get("complaint"))
        people = [mapping(each) for each in listing(complaint.get("complainedRecipients"))]
        is_one = text(complaint.get("complaintFeedbackType")) not in NO_COMPLAINT
        return [_event(BounceKind.COMPLAINT if is_one else None, mail, who, message_id) for who in people]
    return []


def kind_of_bounce(bounce: Mapping[str, Any], who: Mapping[str, Any]) -> BounceKind:
    """Return what a bounce of SES means: permanent ones are hard but where the code says that it is about our mail."""
    if text(bounce.get("bounceType")) != "Permanent":
        return BounceKind.SOFT
    status = text(who.get("status"))
    if text(bounce.get("bounceSubType")) in ("NoEmail", "Suppressed", "OnAccountSuppressionList"):
        return BounceKind.HARD
    if code_in(status) is None:
        return BounceKind.HARD
    return kind_of_failure(status, text(who.get("diagnosticCode")))[0]


def _event(kind: BounceKind | None, mail: Mapping[str, Any], who: Mapping[str, Any], message_id: str) -> Event:
    said = text(who.get("diagnosticCode"))
    headers = [mapping(each) for each in listing(mail.get("headers"))[:PART_LIMIT]]
    links = [text(each.get("value")) for each in headers if text(each.get("name")).lower() == "list-unsubscribe"]
    address = text(who.get("emailAddress"))
    return Event(
        kind=kind,
        identifier=f"{message_id} {address}",
        recipient=address.rpartition("<")[2].strip("<> "),
        message_id=text(mapping(mail.get("commonHeaders")).get("messageId")),
        return_path=text(mail.get("source")),
        enhanced_code=code_in(text(who.get("status"))) or code_in(said),
        text=said.partition(";")[2].strip() or said or "complaint",
        unsubscribe_tokens=tuple(token for link in links for token in UNSUBSCRIBE.findall(link)),
    )
