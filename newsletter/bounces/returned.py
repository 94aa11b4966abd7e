"""From bytes to a report: what a mail that came to the address for bounces says, and what may tell whom it is about.

Nothing here raises, whatever the bytes are, nor does more work than :mod:`newsletter.bounces.limits` allows. Nothing is
believed either: who is meant is for :mod:`newsletter.service.bounces` to find out, by what only we can have signed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from newsletter.bounces import zoo
from newsletter.bounces.complaint import feedback_report
from newsletter.bounces.limits import PART_LIMIT, TEXT_LIMIT, children, field, fields, one_line, parse, parts, text_of
from newsletter.bounces.status import ADDRESS, Failure, status_report, unxtext
from newsletter.core.bounces import kind_of_failure
from newsletter.model import BounceKind, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from email.message import Message

# Where mail servers and mailboxes note whom they delivered a mail to.
DELIVERED_TO: Final = (
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Delivered-To",
    "X-Rcpt-To",
    "To",
)
RETURN_PATHS: Final = ("Return-Path", "X-Envelope-From", "X-Return-Path", "Sender")  # of the mail that was returned
UNSUBSCRIBE: Final = re.compile(r"/unsubscribe/([A-Za-z0-9._-]{8,200})")
MESSAGE_ID: Final = re.compile(r"<([^<>\s]{3,250})>")
RETURNED: Final = re.compile(r"^message-id:|^list-unsubscribe:|^return-path:", re.IGNORECASE | re.MULTILINE)
VACATION: Final = re.compile(
    r"out of (?:the )?office|auto(?:matic)?[- ]?(?:reply|response|answer)|vacation|on leave|away from"
    r"|abwesen|absence|ausencia|assenza|afwezig",
    re.IGNORECASE,
)
TAG: Final = re.compile(r"<[^<>]{0,500}>|<!--.{0,2000}?-->", re.DOTALL)
SEVERITY: Final = (BounceKind.HARD, BounceKind.SOFT)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a mail says, without whom it is about."""

    kind: BounceKind | None
    text: str
    recipients: tuple[str, ...] = ()
    enhanced_code: str | None = None


def read_returned(data: bytes, envelope_recipients: Sequence[str] = ()) -> Report:
    """Return what a mail reports; ``envelope_recipients`` are whom it was addressed to, where that is known."""
    digest = hashlib.sha256(_lasting(data)).hexdigest()[:40]
    try:
        return _read(parse(data), tuple(envelope_recipients), digest)
    except Exception as error:  # noqa: BLE001 (the standard library's parser trips over some forgeries, too)
        text = f"it cannot be read: {type(error).__name__}"
        return Report(None, digest, return_paths=tuple(envelope_recipients), text=text)


def _lasting(data: bytes) -> bytes:
    """Return what is equal for every copy of a mail, whichever way it came: without the servers' own lines on top."""
    head, separator, body = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    kept = [line for line in head.split(b"\n") if re.match(rb"(?i)(?:message-id|from|date):", line)]
    return b"\n".join(kept) + separator + body.rstrip()


def _read(message: Message, envelope_recipients: tuple[str, ...], digest: str) -> Report:
    feedback, status = feedback_report(message), status_report(message)
    copies = list(_returned_headers(message))
    senders = [match for copy in copies for name in RETURN_PATHS for match in _addresses(fields(copy, name))]
    if feedback is not None:
        said = f"feedback report: {one_line(feedback.kind)}"
        kind = BounceKind.COMPLAINT if feedback.is_complaint else None
        finding = Finding(kind, said, feedback.recipients)
        senders += feedback.senders
    elif status is not None and status.actions:
        finding = _of_status(status.failures, status.actions)
    else:
        finding = _of_prose(message)
    delivered = [match for name in DELIVERED_TO for match in _addresses(fields(message, name))]
    paths = (*envelope_recipients, *delivered, *senders)
    ids = [match for copy in copies for value in fields(copy, "Message-ID") for match in MESSAGE_ID.findall(value)]
    if status is not None and status.envelope_id:
        ids.insert(0, status.envelope_id.strip("<> "))
    tokens = [token for copy in copies for value in _links(copy) for token in UNSUBSCRIBE.findall(value)]
    return Report(
        finding.kind,
        digest,
        recipients=finding.recipients[:PART_LIMIT],
        return_paths=tuple(dict.fromkeys(unquoted for path in paths for unquoted in (path, unxtext(path))))[
            :PART_LIMIT
        ],
        unsubscribe_tokens=tuple(dict.fromkeys(tokens))[:PART_LIMIT],
        message_ids=tuple(dict.fromkeys(ids))[:PART_LIMIT],
        enhanced_code=finding.enhanced_code,
        text=finding.text[:TEXT_LIMIT],
    )


def _of_status(failures: Sequence[Failure], actions: Sequence[str]) -> Finding:
    """Return the worst that a delivery status notification tells of; every recipient of that kind."""
    for kind in SEVERITY:
        worst = [failure for failure in failures if failure.kind is kind]
        if worst:
            recipients = tuple(dict.fromkeys(address for failure in worst for address in failure.recipients))
            return Finding(kind, worst[0].text, recipients, worst[0].enhanced_code)
    return Finding(None, f"no failure: {one_line(', '.join(dict.fromkeys(actions)))}")


def _of_prose(message: Message) -> Finding:
    """Return what a mail in no standard format says: a failure that somebody knows the format of, or nothing."""
    if _is_vacation(message):
        return Finding(None, "an auto-reply")
    temporary, permanent = zoo.failures(message)
    if permanent:
        said = _opening(message)
        kind, code = kind_of_failure("", said)
        return Finding(kind, said, permanent, code)
    if temporary:
        return Finding(None, "no failure: delayed", temporary)
    return Finding(None, "an auto-reply" if _is_automatic(message) else "not a report")


def _is_vacation(message: Message) -> bool:
    """Whether a person's own program answered for them. Mail servers' reports are ``auto-replied`` as well."""
    if any(message.get(name) for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponse")):
        return True
    if "vacation" in field(message, "Auto-Submitted").lower() or field(message, "Precedence").lower() == "auto_reply":
        return True
    is_report = message.get_content_type() == "multipart/report" or message.get("X-Failed-Recipients") is not None
    return not is_report and VACATION.search(field(message, "Subject")) is not None


def _is_automatic(message: Message) -> bool:
    return field(message, "Auto-Submitted").lower() not in ("", "no")


def _opening(message: Message) -> str:
    """Return the first words that a mail says, in plain text if it can."""
    for subtype in ("plain", "html"):
        for part in parts(message):
            if part.get_content_type() == f"text/{subtype}" and (said := one_line(TAG.sub(" ", text_of(part)))):
                return said
    return ""


def _returned_headers(message: Message) -> Iterable[Message]:
    """Yield the headers of the mail that was returned, where a report holds them, whole or in part.

    Some servers, and all that are not standard, put them into plain text.
    """
    for part in parts(message):
        kind = part.get_content_type()
        if kind in ("message/rfc822", "message/global") and part.is_multipart():
            yield from children(part)
        elif part.is_multipart():
            continue
        elif kind.endswith(("rfc822-headers", "message/rfc822", "global-headers")):
            yield parse(text_of(part).encode())
        elif part.get_content_maintype() == "text" and (found := RETURNED.search(text_of(part))):
            yield parse(text_of(part)[found.start() :].encode())


def _links(copy: Message) -> list[str]:
    # Folded in the middle of an address by some servers that return it.
    return [value.replace(" ", "") for value in fields(copy, "List-Unsubscribe")]


def _addresses(values: Iterable[str]) -> list[str]:
    return [match.strip(".") for value in values for match in ADDRESS.findall(value)]
