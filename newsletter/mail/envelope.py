"""MAIL and RCPT with what the server offers: SIZE, 8BITMIME, SMTPUTF8 and DSN (RFC 1870, 6152, 6531, 3461)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from newsletter.model import EmailAddress, Outcome, OutcomeKind, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

UNSAFE_IN_PATH: Final = re.compile(r"[\x00-\x20<>\x7f]")
NO_XCHAR: Final = re.compile(r"[^\x21-\x2a\x2c-\x3c\x3e-\x7e]")
NO_QUCHAR: Final = re.compile(r"[\x00-\x20+=\\\x7f]")
ENVID_LIMIT: Final = 100  # characters (RFC 3461 section 4.4)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the server said it can do (the keywords of its EHLO reply, with what follows them), and how long we wait.

    ``wants_dsn``: whether we ask for delivery status notifications where it offers them.
    """

    extensions: Mapping[str, str]
    timeout_s: float
    final_timeout_s: float
    wants_dsn: bool = False

    @property
    def size_limit(self) -> int | None:
        """The largest message in octets that it takes, or None when it names no limit (RFC 1870 section 3)."""
        stated = self.extensions.get("size", "").strip()
        limit = int(stated) if stated.isascii() and stated.isdigit() and len(stated) <= 20 else 0  # noqa: PLR2004
        return limit or None


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom and to whom a message goes. ``identifier`` comes back in delivery status notifications (ENVID)."""

    sender: str
    recipient: EmailAddress
    identifier: str = ""


def commands(offer: Offer, message: bytes, envelope: Envelope) -> list[bytes] | Outcome:
    """Return MAIL, RCPT and DATA as they go on the wire, or why this server cannot be given the message."""
    sender, recipient = envelope.sender, envelope.recipient.wire
    fault = _fault(offer, message, envelope)
    if fault is not None:
        return fault
    mail, rcpt = [f"MAIL FROM:<{sender}>"], [f"RCPT TO:<{recipient}>"]
    if "size" in offer.extensions:
        mail.append(f"SIZE={len(message)}")
    if not message.isascii():
        mail.append("BODY=8BITMIME")
    if needs_smtputf8(envelope):
        mail.append("SMTPUTF8")
    if offer.wants_dsn and "dsn" in offer.extensions:
        mail.append("RET=HDRS")
        if 0 < len(xtext(envelope.identifier)) <= ENVID_LIMIT:
            mail.append(f"ENVID={xtext(envelope.identifier)}")
        rcpt += ["NOTIFY=FAILURE,DELAY", f"ORCPT={original_recipient(recipient)}"]
    return [" ".join(words).encode() + b"\r\n" for words in (mail, rcpt, ["DATA"])]


def needs_smtputf8(envelope: Envelope) -> bool:
    """Whether the addresses can only be written in UTF-8."""
    return envelope.recipient.needs_smtputf8 or not envelope.sender.isascii() or not envelope.recipient.wire.isascii()


def _fault(offer: Offer, message: bytes, envelope: Envelope) -> Outcome | None:
    """Return why the message is not even tried: our answer in the server's place, with the code that it would give.

    What the server cannot take waits: another relay may, or this one when its operator has changed it.
    """
    if UNSAFE_IN_PATH.search(envelope.sender):
        text = "the envelope sender holds characters that SMTP has no way to carry"
        return Outcome(OutcomeKind.DEFERRED, None, text, step=Step.MAIL, enhanced_code="5.1.7")
    if UNSAFE_IN_PATH.search(envelope.recipient.wire):
        text = "the address holds characters that SMTP has no way to carry"
        return Outcome(OutcomeKind.REJECTED, None, text, step=Step.RCPT, enhanced_code="5.1.3")
    limit = offer.size_limit
    if limit is not None and len(message) > limit:
        text = f"the message has {len(message)} octets, and the relay takes no more than {limit} (SIZE, RFC 1870)"
        return Outcome(OutcomeKind.DEFERRED, None, text, step=Step.MAIL, enhanced_code="5.3.4")
    if not message.isascii() and "8bitmime" not in offer.extensions:
        text = "the message is not ASCII and the relay does not offer 8BITMIME (RFC 6152)"
        return Outcome(OutcomeKind.DEFERRED, None, text, step=Step.MAIL, enhanced_code="5.6.3")
    if needs_smtputf8(envelope) and "smtputf8" not in offer.extensions:
        text = "the address is not ASCII and the relay does not offer SMTPUTF8 (RFC 6531)"
        return Outcome(OutcomeKind.DEFERRED, None, text, step=Step.RCPT, enhanced_code="5.6.7")
    return None


def xtext(value: str) -> str:
    """Return ASCII text with everything but plain visible characters as ``+`` and hexadecimal (RFC 3461 section 4)."""
    return NO_XCHAR.sub(lambda found: f"+{ord(found.group()):02X}", value)


def original_recipient(address: str) -> str:
    """Return an address as ORCPT carries it: ``rfc822`` in xtext, or ``utf-8`` when it is not ASCII (RFC 6533)."""
    if address.isascii():
        return f"rfc822;{xtext(address)}"
    return "utf-8;" + NO_QUCHAR.sub(lambda found: f"\\x{{{ord(found.group()):X}}}", address)
