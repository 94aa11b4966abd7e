"""Complaints: the abuse reporting format (RFC 5965), by which providers say who called a mail spam."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_string
from typing import TYPE_CHECKING, Final

from newsletter.bounces.limits import children, field, fields, parts, text_of
from newsletter.bounces.status import ADDRESS

if TYPE_CHECKING:
    from email.message import Message

# RFC 5965 section 7.3 and later registrations; what is not known counts as the complaint that it most likely is.
NO_COMPLAINT: Final = frozenset({"not-spam", "auth-failure", "dmarc"})


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """What a feedback report says; ``senders`` are the envelope senders of the mail that it is about."""

    kind: str
    recipients: tuple[str, ...]
    senders: tuple[str, ...]

    @property
    def is_complaint(self) -> bool:
        """Whether somebody does not want the mail."""
        return self.kind not in NO_COMPLAINT


def feedback_report(message: Message) -> FeedbackReport | None:
    """Return what a message reports, or None when it is no feedback report."""
    for part in parts(message):
        if part.get_content_type() == "message/feedback-report":
            block = _fields_of(part)
            kind = field(block, "Feedback-Type").lower() or "abuse"
            named = [*fields(block, "Original-Rcpt-To"), *fields(block, "Removal-Recipient")]
            senders = fields(block, "Original-Mail-From")
            return FeedbackReport(kind, _addresses(named), _addresses(senders))
    return None


def _fields_of(part: Message) -> Message:
    """Return the fields that the part holds, which the parser takes for a message within it, or for plain text."""
    held = children(part)
    return held[0] if held else message_from_string(text_of(part))


def _addresses(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match.lower() for value in values for match in ADDRESS.findall(value)))
