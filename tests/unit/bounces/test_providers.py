"""Webhooks of providers: what they sign is believed, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from newsletter.bounces.providers.base import MalformedError, RefusedError, Request
from newsletter.bounces.providers.mailgun import Mailgun
from newsletter.bounces.providers.postmark import Postmark
from newsletter.bounces.providers.sendgrid import SIGNATURE, TIMESTAMP, SendGrid, read_key
from newsletter.bounces.providers.ses import SIGNED, Ses, is_at_amazon
from newsletter.model import BounceKind

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
HARD, SOFT, COMPLAINT = BounceKind.HARD, BounceKind.SOFT, BounceKind.COMPLAINT


def request(body: object, headers: Mapping[str, str] | None = None) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(dict(headers or {}), data, NOW)


# --- SES by SNS -------------------------------------------------------------------------------------------------------

TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
RSA_KEY = rsa.generate_private_key(65537, 2048)


def certificate(key: rsa.RSAPrivateKey = RSA_KEY) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM)


class Amazon:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return certificate()


def sns(message: object, *, version: str = "2", key: rsa.RSAPrivateKey = RSA_KEY, **said: str) -> dict[str, Any]:
    body = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-11-24T06:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
    } | said
    plain = "".join(f"{name}\n{body[name]}\n" for name in SIGNED[body["Type"]] if name in body)
    digest = SHA256() if version == "2" else SHA1()  # noqa: S303 (as SNS has it)
    body["Signature"] = base64.b64encode(key.sign(plain.encode(), padding.PKCS1v15(), digest)).decode()
    return body


MAIL = {
    "source": "bounces+dtoken@news.example",
    "commonHeaders": {"messageId": "<20261124.abc@news.example>"},
    "headers": [{"name": "List-Unsubscribe", "value": "<https://news.example/unsubscribe/MTI.signature-x>"}],
}
BOUNCE = {
    "notificationType": "Bounce",
    "mail": MAIL,
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "Reader@bad.test",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
    },
}


def bounce(**said: object) -> dict[str, Any]:
    return BOUNCE | {"bounce": {**BOUNCE["bounce"], **said}}  # type: ignore[dict-item]


def complaint(**said: object) -> dict[str, Any]:
    return {"complainedRecipients": [{"emailAddress": "a@b.test"}]} | said


@pytest.mark.parametrize("version", ["1", "2"])
async def test_ses_tells_of_a_bounce(version: str) -> None:
    amazon = Amazon()
    ses = Ses([TOPIC], amazon)
    [report] = await ses.read(request(sns(BOUNCE, version=version, Subject="Amazon SES")))
    assert (report.kind, report.enhanced_code, report.recipients) == (HARD, "5.1.1", ("reader@bad.test",))
    assert report.return_paths == ("bounces+dtoken@news.example",)
    assert report.message_ids == ("20261124.abc@news.example",)
    assert report.unsubscribe_tokens == ("MTI.signature-x",)
    assert report.text == "550 5.1.1 user unknown"
    assert report.is_vouched
    await ses.read(request(sns(BOUNCE)))
    assert amazon.asked == [CERTIFICATE_URL]  # fetched once, and kept


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (bounce(bounceType="Transient", bounceSubType="MailboxFull"), SOFT),
        (bounce(bounceType="Undetermined"), SOFT),
        (bounce(bouncedRecipients=[{"emailAddress": "a@b.test", "status": "5.7.1"}]), SOFT),
        (bounce(bouncedRecipients=[{"emailAddress": "a@b.test"}]), HARD),
        (bounce(bounceSubType="OnAccountSuppressionList", bouncedRecipients=[{"emailAddress": "a@b.test"}]), HARD),
        ({"eventType": "Complaint", "mail": MAIL, "complaint": complaint()}, COMPLAINT),
        ({"notificationType": "Complaint", "complaint": complaint(complaintFeedbackType="not-spam")}, None),
    ],
)  # fmt: skip
async def test_what_events_of_ses_mean(event: dict[str, Any], kind: BounceKind | None) -> None:
    [report] = await Ses([TOPIC], Amazon()).read(request(sns(event)))
    assert report.kind is kind


async def test_deliveries_and_the_like_of_ses_are_passed_over() -> None:
    assert await Ses([TOPIC], Amazon()).read(request(sns({"notificationType": "Delivery"}))) == []
    assert await Ses([TOPIC], Amazon()).read(request(sns([1, 2]))) == []


async def test_a_forged_message_of_sns_is_refused() -> None:
    amazon = Amazon()
    ses = Ses([TOPIC], amazon)
    stranger = rsa.generate_private_key(65537, 2048)
    forged = [
        sns(BOUNCE, key=stranger),
        sns(BOUNCE) | {"Message": json.dumps(bounce(bounceType="Transient"))},
        sns(BOUNCE) | {"Signature": "bm9uc2Vuc2U="},
        sns(BOUNCE) | {"Signature": "not base 64 !"},
        sns(BOUNCE) | {"SignatureVersion": "3"},
        sns(BOUNCE) | {"SignatureVersion": "1"},
    ]
    for message in forged:
        with pytest.raises(RefusedError):
            await ses.read(request(message))


async def test_anothers_topic_is_refused_before_anything_is_fetched() -> None:
    amazon = Amazon()
    with pytest.raises(RefusedError):
        await Ses([TOPIC], amazon).read(request(sns(BOUNCE, TopicArn=TOPIC.replace("123456789012", "999999999999"))))
    assert amazon.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/SimpleNotificationService-0123.pem",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123.pem",
        "https://evil.example#sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem#x",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com/other.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0123.pem",
        "https://[sns/SimpleNotificationService-0123.pem",
        "",
    ],
)
async def test_a_certificate_from_elsewhere_is_never_fetched(url: str) -> None:
    amazon = Amazon()
    with pytest.raises(RefusedError):
        await Ses([TOPIC], amazon).read(request(sns(BOUNCE, SigningCertURL=url)))
    assert amazon.asked == []


async def test_a_subscription_to_our_topic_is_confirmed_at_amazon_alone() -> None:
    amazon = Amazon()
    ses = Ses([TOPIC], amazon)
    url = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc"

    def asking(**said: str) -> Request:
        return request(sns("you have chosen", **({"Type": "SubscriptionConfirmation", "Token": "abc"} | said)))  # type: ignore[arg-type]

    assert await ses.read(asking(SubscribeURL=url)) == []
    assert amazon.asked == [CERTIFICATE_URL, url]
    with pytest.raises(RefusedError):
        await ses.read(asking(SubscribeURL="https://internal.example/?x"))
    with pytest.raises(RefusedError):
        await ses.read(asking(SubscribeURL=url, TopicArn="arn:aws:sns:x:1:other"))
    assert amazon.asked == [CERTIFICATE_URL, url]


async def test_what_is_no_message_of_sns_is_malformed() -> None:
    for body in (b"", b"[]", b"{}", b"not json", b"[" * 100_000):
        with pytest.raises(MalformedError):
            await Ses([TOPIC], Amazon()).read(request(body))


async def test_a_certificate_that_is_none_is_refused() -> None:
    async def fetch(_: str) -> bytes:
        return b"<html>"

    with pytest.raises(RefusedError):
        await Ses([TOPIC], fetch).read(request(sns(BOUNCE)))


def test_regions_of_china_are_amazons_too() -> None:
    import re  # noqa: PLC0415

    assert is_at_amazon("https://sns.cn-north-1.amazonaws.com.cn/x", re.compile("/x"))


# --- SendGrid ---------------------------------------------------------------------------------------------------------

EC_KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_KEY = base64.b64encode(
    EC_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()


def sendgrid(events: object, at: datetime = NOW, key: ec.EllipticCurvePrivateKey = EC_KEY) -> Request:
    body, stamp = json.dumps(events).encode(), str(int(at.timestamp()))
    signature = key.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
    return request(body, {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: stamp})


async def test_sendgrid_tells_of_a_batch() -> None:
    events = [
        {"event": "bounce", "type": "bounce", "email": "a@b.test", "status": "5.1.1", "reason": "550 5.1.1 unknown",
         "smtp-id": "<20261124.abc@news.example>", "sg_event_id": "e1"},
        {"event": "bounce", "type": "blocked", "email": "a@b.test", "reason": "550 5.7.1 spam", "sg_event_id": "e2"},
        {"event": "spamreport", "email": "a@b.test", "sg_event_id": "e3"},
        {"event": "dropped", "email": "a@b.test", "reason": "Bounced Address", "sg_event_id": "e4"},
        {"event": "dropped", "email": "a@b.test", "reason": "Spam Reporting Address", "sg_event_id": "e5"},
        {"event": "deferred", "email": "a@b.test", "sg_event_id": "e6"},
        {"event": "open", "email": "a@b.test", "sg_event_id": "e7"},
        "nonsense",
    ]  # fmt: skip
    reports = await SendGrid(PUBLIC_KEY).read(sendgrid(events))
    assert [report.kind for report in reports] == [HARD, SOFT, COMPLAINT, HARD, COMPLAINT, None, None, None]
    assert reports[0].message_ids == ("20261124.abc@news.example",)
    assert reports[0].recipients == ("a@b.test",)
    assert len({report.fingerprint for report in reports}) == len(reports)


async def test_a_forged_or_old_request_of_sendgrid_is_refused() -> None:
    provider, good = SendGrid(PUBLIC_KEY), sendgrid([])
    bad = [
        sendgrid([], key=ec.generate_private_key(ec.SECP256R1())),
        replace(good, body=b"[{}]"),
        replace(good, headers={}),
        replace(good, headers=dict(good.headers) | {TIMESTAMP: "1"}),
        sendgrid([], at=NOW - timedelta(hours=37)),
        sendgrid([], at=NOW + timedelta(hours=1)),
    ]
    for each in bad:
        with pytest.raises(RefusedError):
            await provider.read(each)
    assert await provider.read(good) == []
    with pytest.raises(MalformedError):
        await provider.read(sendgrid({"event": "bounce"}))


def test_a_key_that_is_none_is_refused() -> None:
    der = RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for text in ("nonsense", "!", base64.b64encode(der).decode()):
        with pytest.raises(ValueError, match="it is n"):
            read_key(text)


# --- Postmark ---------------------------------------------------------------------------------------------------------


def postmark(kind: str, details: str = "", record: str = "Bounce") -> dict[str, Any]:
    return {"RecordType": record, "Type": kind, "ID": 42, "Email": "A@b.test", "Details": details}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (postmark("HardBounce", "smtp;550 5.1.1 unknown"), HARD),
        (postmark("HardBounce"), HARD),
        (postmark("HardBounce", "smtp;550 5.7.1 spam"), SOFT),
        (postmark("BadEmailAddress"), HARD),
        (postmark("SoftBounce", "full"), SOFT),
        (postmark("SpamNotification"), SOFT),
        (postmark("SpamComplaint", record="SpamComplaint"), COMPLAINT),
        (postmark("AutoResponder"), None),
        (postmark("Transient"), None),
    ],
)
async def test_what_events_of_postmark_mean(body: dict[str, Any], kind: BounceKind | None) -> None:
    [report] = await Postmark("a secret").read(request(body, {"x-webhook-secret": "a secret"}))
    assert report.kind is kind
    assert report.recipients == ("a@b.test",)


async def test_postmark_proves_itself_by_password_or_header() -> None:
    provider, body = Postmark("a secret"), postmark("HardBounce")
    basic = base64.b64encode(b"hook:a secret").decode()
    assert len(await provider.read(request(body, {"authorization": f"Basic {basic}"}))) == 1
    wrong = base64.b64encode(b"hook:another").decode()
    for headers in ({}, {"x-webhook-secret": "another"}, {"authorization": f"Basic {wrong}"},
                    {"authorization": "Basic !"}, {"authorization": f"Bearer {basic}"}):  # fmt: skip
        with pytest.raises(RefusedError):
            await provider.read(request(body, headers))
    allowed = {"x-webhook-secret": "a secret"}
    assert await provider.read(request({"RecordType": "Open"}, allowed)) == []
    with pytest.raises(MalformedError):
        await provider.read(request({}, allowed))


# --- Mailgun ----------------------------------------------------------------------------------------------------------


def mailgun(at: datetime = NOW, token: str = "t1", key: str = "signing key", **event: object) -> dict[str, Any]:
    stamp = str(int(at.timestamp()))
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    data = {
        "event": "failed",
        "severity": "permanent",
        "id": "e1",
        "recipient": "a@b.test",
        "message": {"headers": {"message-id": "20261124.abc@news.example"}},
        "envelope": {"sender": "bounces+dtoken@news.example"},
        "delivery-status": {"code": 550, "enhanced-code": "5.1.1", "message": "550 5.1.1 unknown"},
    } | event
    return {"signature": {"timestamp": stamp, "token": token, "signature": signature}, "event-data": data}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({}, HARD),
        ({"severity": "temporary"}, None),
        ({"event": "complained"}, COMPLAINT),
        ({"event": "delivered"}, None),
        ({"delivery-status": {"code": 550, "message": "5.7.1 spam"}}, SOFT),
        ({"delivery-status": {"code": 550, "message": "No such user"}}, HARD),
        ({"delivery-status": {"code": 605}, "reason": "suppress-bounce"}, HARD),
        ({"delivery-status": "nonsense"}, SOFT),
    ],
)
async def test_what_events_of_mailgun_mean(event: dict[str, Any], kind: BounceKind | None) -> None:
    [report] = await Mailgun("signing key").read(request(mailgun(**event)))
    assert report.kind is kind
    assert report.message_ids == ("20261124.abc@news.example",)
    assert report.return_paths == ("bounces+dtoken@news.example",)


async def test_a_forged_or_old_request_of_mailgun_is_refused() -> None:
    provider = Mailgun("signing key")
    for body in (mailgun(key="another"), mailgun(NOW - timedelta(hours=13)), mailgun(NOW + timedelta(hours=1)), {}):
        with pytest.raises(RefusedError):
            await provider.read(request(body))


async def test_a_signature_of_mailgun_serves_for_one_event_alone() -> None:
    provider = Mailgun("signing key")
    for _ in range(2):  # it comes again until we have answered
        assert len(await provider.read(request(mailgun()))) == 1
    with pytest.raises(RefusedError):
        await provider.read(request(mailgun(recipient="somebody@else.test")))
