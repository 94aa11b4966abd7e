"""What an SMTP reply means for the delivery it answers (RFC 5321 section 4.2, enhanced codes RFC 3463)."""

from __future__ import annotations

import re
from typing import Final

from newsletter.model import Outcome, OutcomeKind, Step

SERVICE_CLOSING: Final = 421
INSUFFICIENT_STORAGE: Final = 452
STORAGE_EXCEEDED: Final = 552

ABOUT_US: Final = frozenset({Step.CONNECT, Step.TLS, Step.EHLO, Step.AUTH, Step.MAIL})
# 5.1.7 and 5.1.8 speak of the sender's address; 5.1.9 of a failed test. The rest of 5.1 is the recipient's (RFC 3463
# section 3.2), 5.2.1 a mailbox that is disabled. 5.2.2 (full) and 5.7 (policy) say nothing against the address.
BAD_ADDRESS: Final = re.compile(r"5\.(?:1\.(?:1|2|3|4|6|10)|2\.1)\b")
ENHANCED: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")
POLICY_WORDS: Final = re.compile(
    r"spam|block|black\s?list|reputation|policy|relay|denied|not (?:allowed|permitted)|spf|dkim|dmarc|rbl|quota|full"
    r"|authenticat",
    re.IGNORECASE,
)
NO_SUCH_MAILBOX: Final = frozenset({550, 551, 553})


def classify(step: Step, code: int, text: str) -> Outcome:
    """Return what a reply to ``step`` means: 2xx after the dot is accepted, 4xx waits, 5xx ends it.

    A 5xx before RCPT is about us and not about the recipient, so it waits too, and so do 452 and 552 (too much mail,
    or a full mailbox; RFC 5321 section 4.5.3.1.10). What is no reply at all counts as temporary.
    """
    kind = OutcomeKind.DEFERRED
    if step is Step.DOT and 200 <= code < 300:  # noqa: PLR2004 (reply classes of RFC 5321)
        kind = OutcomeKind.ACCEPTED
    elif 500 <= code < 600 and step not in ABOUT_US and code != STORAGE_EXCEEDED:  # noqa: PLR2004 (the same)
        kind = OutcomeKind.REJECTED
    return Outcome(kind, code, text, step=step)


def enhanced_code(text: str) -> str | None:
    """Return the enhanced status code that a reply's text begins with, e.g. ``5.1.1``."""
    found = ENHANCED.match(text.lstrip())
    return found.group(1) if found else None


def is_about_relay(outcome: Outcome) -> bool:
    """Whether every other message would fare the same: the relay cannot be reached, or wants nothing from us."""
    if outcome.kind is not OutcomeKind.DEFERRED or outcome.step not in ABOUT_US:
        return False
    if outcome.step is not Step.MAIL:
        return True
    return outcome.code is not None and outcome.code >= 500 and outcome.code != STORAGE_EXCEEDED  # noqa: PLR2004


def is_lost(outcome: Outcome) -> bool:
    """Whether the server fell silent: no reply at all to count on."""
    return outcome.kind is OutcomeKind.DEFERRED and outcome.code is None and outcome.step is not None


def is_bad_address(outcome: Outcome) -> bool:
    """Whether a rejection says that the recipient's address will never work, so that nobody should write to it again.

    An enhanced code decides; without one a 550, 551 or 553 at RCPT does, unless its text speaks of policy.
    """
    if outcome.kind is not OutcomeKind.REJECTED or outcome.step is not Step.RCPT:
        return False
    enhanced = enhanced_code(outcome.text)
    if enhanced is not None and not enhanced.endswith(".0.0"):
        return BAD_ADDRESS.fullmatch(enhanced) is not None
    return outcome.code in NO_SUCH_MAILBOX and POLICY_WORDS.search(outcome.text) is None
