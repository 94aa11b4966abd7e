"""What an SMTP reply means for the delivery it answers (RFC 5321 section 4.2, enhanced codes RFC 3463).

A reply is somebody's fault: the relay's, ours, or the recipient's. Only what says that the recipient's address is bad
for good ends a delivery; everything else waits, for it will be mended, and a list must not be burnt meanwhile.
``docs/operations.md`` has the table.
"""

from __future__ import annotations

import enum
import re
from typing import Final

from newsletter.model import Outcome, OutcomeKind, Step

SERVICE_CLOSING: Final = 421
STORAGE_EXCEEDED: Final = 552
NO_SUCH_MAILBOX: Final = frozenset({550, 551, 553, 556})  # 556: the domain takes no mail (RFC 7504)
NOT_UNDERSTOOD: Final = frozenset({500, 502, 503, 504, 555})
NEEDS_LOGIN: Final = frozenset({530, 534, 535, 538})  # RFC 4954

OPENING: Final = frozenset({Step.CONNECT, Step.TLS, Step.EHLO, Step.AUTH})
ABOUT_US: Final = OPENING | {Step.MAIL}

ENHANCED: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")
# No such mailbox, domain or system, a wrong address, one that has moved, a domain without mail (RFC 7505), and a
# mailbox that is disabled. 5.1.4 is ambiguous, 5.1.7 and 5.1.8 speak of the sender, 5.1.9 of a failed conversion.
BAD_ADDRESS: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
BAD_SENDER: Final = frozenset({"5.1.7", "5.1.8"})
# Mailbox full, message too long for it, system full, message too big for it, too many recipients, an address that
# needs SMTPUTF8 where there is none: this message cannot be taken now, and that says nothing of any other.
ABOUT_THIS_MESSAGE: Final = frozenset({"5.2.2", "5.2.3", "5.3.1", "5.3.4", "5.5.3", "5.6.7"})
UNSPECIFIC: Final = frozenset({"5.0.0", "5.1.0", "5.2.0", "5.5.0"})  # outlook.com says 5.5.0 of unknown users

ADDRESS_WORDS: Final = re.compile(
    r"no such (?:user|mailbox|recipient|address|account|person)|unknown (?:user|recipient|mailbox|address)"
    r"|(?:user|recipient|mailbox|address|account)(?: is| was)? (?:unknown|not found)"
    r"|mailbox name not allowed|does(?:n't| not) (?:exist|have an? [\w.]+ account)",
    re.IGNORECASE,
)
POLICY_WORDS: Final = re.compile(
    r"spam|block|black\s?list|reputation|policy|relay|denied|not (?:allowed|permitted)|spf|dkim|dmarc|rbl"
    r"|authenticat",
    re.IGNORECASE,
)
FULL_WORDS: Final = re.compile(r"quota|\bfull\b|storage|too (?:large|big|many recipients)", re.IGNORECASE)
# Amazon says "454 Throttling failure: Maximum sending rate exceeded", Postfix "450 4.7.1 Error: too much mail from …".
RATE_WORDS: Final = re.compile(
    r"throttl|\brate\b|rate-?limit|too (?:many|much) (?:connections?|messages?|e?-?mails?|logins?|recipients from)"
    r"|sending quota|daily message quota|too (?:fast|quickly)|slow(?:ing)? down",
    re.IGNORECASE,
)
GREYLIST_WORDS: Final = re.compile(r"gr[ae]y-?\s?list", re.IGNORECASE)


class Cause(enum.StrEnum):
    """Whose fault it is that a mail was not taken, and so who is to be left alone."""

    NONE = "none"  # nobody's: it was taken, or not tried
    UNREACHABLE = "unreachable"  # the relay's: it cannot be reached, falls silent, or has trouble of its own
    THROTTLED = "throttled"  # the relay's, which asks us to slow down: 421, or a limit (4.7.x)
    POLICY = "policy"  # ours: it will not have our mail for its content, our reputation or our login
    RECIPIENT = "recipient"  # the address's, for good: a hard bounce
    MAILBOX = "mailbox"  # this mailbox or this message, for now: greylisted, full, too large


def classify(step: Step, code: int, text: str) -> Outcome:
    """Return what a reply to ``step`` means: 2xx after the dot is accepted, a bad address is rejected, the rest waits.

    What is no reply at all (a class other than 2 to 5, or one that does not fit the step) counts as temporary.
    """
    enhanced = enhanced_code(text)
    kind = OutcomeKind.DEFERRED
    if step is Step.DOT and 200 <= code < 300:  # noqa: PLR2004 (reply classes of RFC 5321)
        kind = OutcomeKind.ACCEPTED
    elif _cause(step, code, enhanced, text) is Cause.RECIPIENT:
        kind = OutcomeKind.REJECTED
    return Outcome(kind, code, text, step=step, enhanced_code=enhanced)


def cause_of(outcome: Outcome) -> Cause:
    """Return whose fault an outcome is. It depends on what an attempt keeps, so it can be asked of old ones too."""
    if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.SUPPRESSED) or outcome.step is None:
        return Cause.NONE
    if outcome.kind is OutcomeKind.REJECTED:
        return Cause.RECIPIENT
    enhanced = outcome.enhanced_code or enhanced_code(outcome.text)
    if outcome.code is None:
        # With an enhanced code it is our own answer, in the relay's place: it has told what it cannot do.
        return Cause.UNREACHABLE if enhanced is None else Cause.MAILBOX
    return _cause(outcome.step, outcome.code, enhanced, outcome.text)


def enhanced_code(text: str) -> str | None:
    """Return the enhanced status code that a reply's text begins with, e.g. ``5.1.1``."""
    found = ENHANCED.match(text.lstrip())
    return found.group(1) if found else None


def is_about_relay(outcome: Outcome) -> bool:
    """Whether every other message would fare the same: the relay cannot be reached, or wants nothing from us.

    A refusal for policy at RCPT may be that of one recipient, so that only several in a row speak of the relay.
    """
    cause = cause_of(outcome)
    if cause is Cause.POLICY:
        return outcome.step is not Step.RCPT
    if outcome.step is Step.MAIL and outcome.code is None:
        return False
    return cause in (Cause.UNREACHABLE, Cause.THROTTLED) and outcome.step in ABOUT_US


def is_lost(outcome: Outcome) -> bool:
    """Whether the server fell silent: no reply at all to count on."""
    return outcome.code is None and cause_of(outcome) is Cause.UNREACHABLE


def is_bad_address(outcome: Outcome) -> bool:
    """Whether an outcome says that the recipient's address will never work, so that nobody should write to it again."""
    return cause_of(outcome) is Cause.RECIPIENT


def _cause(step: Step, code: int, enhanced: str | None, text: str) -> Cause:
    if code == SERVICE_CLOSING:
        return Cause.THROTTLED
    if enhanced is not None and enhanced[0] != str(code)[0]:
        enhanced = None  # the two contradict each other (RFC 2034 section 4): the basic code counts
    if not 500 <= code < 600:  # noqa: PLR2004 (reply classes of RFC 5321)
        return _transient(step, enhanced or "", text)
    if step in OPENING:
        return _refused_opening(step, enhanced or "", text)
    return _permanent(step, code, enhanced, text)


def _transient(step: Step, enhanced: str, text: str) -> Cause:
    """Return the cause of a 4xx.

    Greylisting answers 4.7.1 as often as 4.2.0, so that 4.7.1 is a limit only where the text says so.
    """
    if RATE_WORDS.search(text):
        return Cause.THROTTLED
    if step in OPENING:
        return Cause.UNREACHABLE
    if enhanced.startswith("4.7.") and enhanced != "4.7.1" and not GREYLIST_WORDS.search(text):
        return Cause.THROTTLED
    if enhanced.startswith("4.3.") and step is not Step.RCPT:
        return Cause.UNREACHABLE  # its disk is full, or its system not well: no recipient has been spoken of
    return Cause.MAILBOX


def _refused_opening(step: Step, enhanced: str, text: str) -> Cause:
    """Return the cause of a 5xx before MAIL: what is said of our name, our network or our login is about us."""
    if step in (Step.EHLO, Step.AUTH) or enhanced.startswith("5.7.") or POLICY_WORDS.search(text):
        return Cause.POLICY
    return Cause.UNREACHABLE


def _permanent(step: Step, code: int, enhanced: str | None, text: str) -> Cause:
    """Return the cause of a 5xx from MAIL on. An enhanced code decides; without one the basic code and the words do.

    A bad address is believed after DATA too: there is one recipient to a message.
    """
    if enhanced in ABOUT_THIS_MESSAGE or code == STORAGE_EXCEEDED:
        return Cause.MAILBOX
    if step is not Step.MAIL and enhanced in BAD_ADDRESS:
        return Cause.RECIPIENT
    if step is not Step.RCPT or enhanced in BAD_SENDER:
        return Cause.POLICY
    if enhanced is None or enhanced in UNSPECIFIC:
        return _unspecific(code, text)
    # What is left is a route, a system, a conversion: it may be mended before the deadline.
    return Cause.POLICY if enhanced.startswith(("5.5.", "5.7.")) else Cause.MAILBOX


def _unspecific(code: int, text: str) -> Cause:
    """Return the cause of a 5xx to RCPT that only its basic code and its words explain."""
    if ADDRESS_WORDS.search(text):
        return Cause.RECIPIENT
    if FULL_WORDS.search(text):
        return Cause.MAILBOX
    if POLICY_WORDS.search(text) or code in NOT_UNDERSTOOD | NEEDS_LOGIN:
        return Cause.POLICY
    return Cause.RECIPIENT if code in NO_SUCH_MAILBOX else Cause.MAILBOX
