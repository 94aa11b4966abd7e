"""Delivery status notifications (RFC 3464): what a mail server says became of a mail, recipient by recipient."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from newsletter.bounces.limits import PART_LIMIT, TEXT_LIMIT, children, field, parts, text_of
from newsletter.core.bounces import code_in, kind_of_failure

if TYPE_CHECKING:
    from email.message import Message

    from newsletter.model import BounceKind

XTEXT: Final = re.compile(r"\+([0-9A-F]{2})")  # RFC 3461 section 4
WORDS_LIMIT: Final = 10_000  # characters of the words for people that are looked at
ADDRESS: Final = re.compile(r"[^\s<>;,]+@[^\s<>;,]+")


@dataclass(frozen=True, slots=True)
class Failure:
    """A recipient that a report says failed for good, or for as long as the server was willing to try."""

    kind: BounceKind
    recipients: tuple[str, ...]
    enhanced_code: str | None
    text: str


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What a report says: what failed, the envelope id of the mail, and which actions it tells of."""

    failures: tuple[Failure, ...]
    envelope_id: str
    actions: tuple[str, ...]


def status_report(message: Message) -> StatusReport | None:
    """Return what a message reports, or None when it is no delivery status notification."""
    blocks = [block for part in parts(message) for block in _blocks(part)][:PART_LIMIT]
    if not blocks:
        return None
    failures, actions = [], []
    for block in blocks:
        action = field(block, "Action").lower().split("(")[0].strip()
        status = field(block, "Status")
        recipients = _recipients(block)
        if not action and not recipients:
            continue  # the block about the whole message
        actions.append(action)
        if _is_failure(action, status):
            failures.append(_failure(block, status, recipients, message))
    envelope_id = next(filter(None, (field(block, "Original-Envelope-Id") for block in blocks)), "")
    return StatusReport(tuple(failures), unxtext(envelope_id), tuple(actions))


def unxtext(text: str) -> str:
    """Return what xtext stands for: ``a+2Bb`` for ``a+b`` (RFC 3461 section 4)."""
    return XTEXT.sub(lambda found: chr(int(found[1], 16)), text)


def _blocks(part: Message) -> list[Message]:
    """Return the blocks of a ``message/delivery-status``, each of which the parser makes a message of its own."""
    kind = part.get_content_type()
    if kind not in ("message/delivery-status", "message/global-delivery-status") or not part.is_multipart():
        return []
    return children(part)


def _is_failure(action: str, status: str) -> bool:
    """Whether a block tells of a failure: a delay is none, nor is what was delivered, relayed or expanded.

    OpenSMTPD says ``error``; where a server says nothing, the class of the status does.
    """
    return action.startswith(("fail", "error")) if action else (code_in(status) or "").startswith("5.")


def _failure(block: Message, status: str, recipients: tuple[str, ...], report: Message) -> Failure:
    diagnostic = field(block, "Diagnostic-Code")
    said = diagnostic.partition(";")[2].strip() or diagnostic  # without its type: smtp, X-Postfix, …
    said = said or _told_in_words(report, recipients)
    kind, code = kind_of_failure(status, f"{said} {status.partition('(')[2]}")
    return Failure(kind, recipients, code, (said or status)[:TEXT_LIMIT])


def _told_in_words(report: Message, recipients: tuple[str, ...]) -> str:
    """Return what the words for people say of a recipient: OpenSMTPD has the server's answer there alone."""
    for part in parts(report):
        if part.get_content_type() == "text/plain":
            for line in text_of(part)[:WORDS_LIMIT].splitlines():
                address, _, said = line.strip().partition(": ")
                if address.lower() in recipients:
                    return said.strip()
    return ""


def _recipients(block: Message) -> tuple[str, ...]:
    """Return whom a block speaks of, in lower case: as the sender wrote it, or else as the last server did."""
    for name in ("Original-Recipient", "Final-Recipient"):
        kind, separator, value = field(block, name).partition(";")
        address = value if separator else kind
        if "rfc822" in kind.lower() or "utf-8" in kind.lower() or not separator:
            plain = address if name == "Final-Recipient" else unxtext(address)
            if found := [match.lower() for match in ADDRESS.findall(plain)]:
                return tuple(dict.fromkeys(found))
    return ()
