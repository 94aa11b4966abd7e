"""What a bounce means: for an address by its status code, and for its owner by how they stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from newsletter.core.bounce_score import BouncePolicy, added, weight
from newsletter.core.replies import ADDRESS_WORDS, BAD_ADDRESS, UNSPECIFIC, classify, is_bad_address
from newsletter.model import (
    BounceKind,
    Standing,
    Step,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
    Verdict,
)

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import Bounce, BounceScore

# Who has left, or is suppressed, stays so: a bounce says nothing of what they want.
GETS_MAIL: Final = frozenset({SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED, SubscriberStatus.PENDING})
VAGUE: Final = UNSPECIFIC | {"5.3.0"}  # sendmail's word for whatever failed
CODE: Final = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")
REPLY: Final = re.compile(r"(?<![\d.])([45]\d\d)[ -](.*)", re.DOTALL)


def code_in(text: str) -> str | None:
    """Return the first enhanced status code (RFC 3463) in ``text``."""
    found = CODE.search(text)
    return found[1] if found else None


def kind_of_failure(status: str, diagnostic: str) -> tuple[BounceKind, str | None]:
    """Return what a failure says of its address, and the enhanced code that says so.

    A status such as ``5.0.0`` tells the class alone (it is all that Exim gives): the diagnostic decides then, as the
    same reply would have at RCPT. Full mailboxes (5.2.2), refused mail (5.7) and unknown routes (5.4, which a name
    server of our relay's may be to blame for) are no bad addresses.
    """
    code = code_in(status)
    if code is None or code in VAGUE:
        code = code_in(diagnostic) or code
    if code is not None and code not in VAGUE:
        return BounceKind.HARD if code in BAD_ADDRESS else BounceKind.SOFT, code
    return BounceKind.HARD if says_no_such_address(diagnostic) else BounceKind.SOFT, code


def says_no_such_address(text: str) -> bool:
    """Whether words, and the reply code among them, say that an address does not exist."""
    found = REPLY.search(text)
    if found is None or (found[1].startswith("5") and ADDRESS_WORDS.search(found[2])):
        return ADDRESS_WORDS.search(text) is not None
    return is_bad_address(classify(Step.RCPT, int(found[1]), found[2]))


def judge(bounce: Bounce, standing: Standing, policy: BouncePolicy, now: datetime) -> Verdict:
    """Return what ``bounce`` changes for somebody who stands so."""
    said = " ".join(part for part in (bounce.enhanced_code, bounce.text) if part)
    is_reader = standing.subscriber.status in GETS_MAIL
    if bounce.kind is BounceKind.COMPLAINT:
        status, reason = SubscriberStatus.UNSUBSCRIBED, SuppressionReason.COMPLAINT
        words = "called a mail of ours spam"
    elif bounce.kind is BounceKind.HARD:
        status, reason, words = SubscriberStatus.BOUNCED, SuppressionReason.HARD_BOUNCE, said or "hard bounce"
    elif not is_reader:
        return Verdict(standing.score)
    elif standing.is_probe and is_on_probation(standing.score):
        status, reason = SubscriberStatus.BOUNCED, SuppressionReason.SOFT_BOUNCES
        words = f"mails kept coming back, and so did the probe: {said}".rstrip(": ")
    else:
        amount = weight(standing.subscriber.frequency, bounce.enhanced_code)
        return Verdict(added(standing.score, amount, now, policy))
    suppression = Suppression(
        SuppressionKind.ADDRESS, standing.subscriber.address.key, reason, words, bounce.source, now
    )
    return Verdict(None, status if is_reader else None, words if is_reader else "", suppression)


def is_on_probation(score: BounceScore | None) -> bool:
    """Whether a probe is to settle whether an address still takes mail."""
    return score is not None and score.probation_since is not None
