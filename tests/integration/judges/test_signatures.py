"""OpenDKIM behind Postfix believes signatures of dkimpy and of ours alike, and none of a message that was changed."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dkim
import pytest

from newsletter.core.signing import Algorithm
from newsletter.mail.dkim import Signer, signed_data
from tests.support.judged import KEYS, MESSAGE_ID
from tests.support.opendkim import verdicts
from tests.support.signing import DOMAIN, pem

if TYPE_CHECKING:
    from tests.support.relaying import MailSystem

BOTH_PASS = ["pass rsa-sha256", "pass ed25519-sha256"]
BOTH_FAIL = ["fail rsa-sha256", "fail ed25519-sha256"]


def test_ours_pass(mail_system: MailSystem, signed: bytes) -> None:
    assert verdicts(mail_system.relay(signed, MESSAGE_ID)) == BOTH_PASS


def test_those_of_dkimpy_pass(mail_system: MailSystem, digest: bytes) -> None:
    named = re.sub(r"\s", "", signed_data(digest.partition(b"\r\n\r\n")[0])[0]).encode().split(b":")
    message = digest
    for key in reversed(KEYS):
        is_rsa = key.algorithm is Algorithm.RSA
        field = dkim.sign(
            digest,
            key.selector.encode(),
            DOMAIN.encode(),
            pem(key.algorithm).encode() if is_rsa else seed_of(key.algorithm),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=named,
            signature_algorithm=key.algorithm.encode(),
        )
        message = field + message
    assert verdicts(mail_system.relay(message, MESSAGE_ID)) == BOTH_PASS


def seed_of(algorithm: Algorithm) -> bytes:
    """Return an Ed25519 key as dkimpy wants it: its last 32 octets in base64 (RFC 8410, 7)."""
    der = base64.b64decode("".join(pem(algorithm).splitlines()[1:-1]))
    return base64.b64encode(der[-32:])


def test_a_message_without_a_signature_has_none(mail_system: MailSystem, digest: bytes) -> None:
    assert verdicts(mail_system.relay(digest, MESSAGE_ID)) == ["none"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Subject: ", b"Subject: [spam] "),
        (b"List-Unsubscribe: <https://news", b"List-Unsubscribe: <https://evil"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"),
        (b"From: The", b"From: A"),
        (b"DKIM-Signature:", b"From: Another <other@example.org>\r\nDKIM-Signature:"),
        (b"DKIM-Signature:", b"Subject: Another\r\nDKIM-Signature:"),
        (b"DKIM-Signature:", b"List-Unsubscribe: <https://evil.example>\r\nDKIM-Signature:"),
        (b"DKIM-Signature:", b"Reply-To: other@example.net\r\nDKIM-Signature:"),
        (b"Unsubscribe", b"Resubscribe"),
    ],
)
def test_what_was_changed_fails(mail_system: MailSystem, signed: bytes, before: bytes, after: bytes) -> None:
    where = signed.rindex(before) if before == b"Unsubscribe" else signed.index(before)  # in the body, or the header
    changed = signed[:where] + after + signed[where + len(before) :]
    assert verdicts(mail_system.relay(changed, MESSAGE_ID)) == BOTH_FAIL


def test_a_signature_of_another_domain_is_not_believed(mail_system: MailSystem, digest: bytes) -> None:
    forged = Signer("example.com", KEYS, lambda: datetime.now(UTC)).sign(digest)
    assert not [each for each in verdicts(mail_system.relay(forged, MESSAGE_ID)) if each.startswith("pass")]
