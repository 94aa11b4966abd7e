"""Sign-ups: what somebody asked for on a page, until the address itself has said yes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 (fields are read at run time)

from newsletter.model.subscribers import Subscriber, SubscriberDraft  # noqa: TC001 (fields are read at run time)


@dataclass(frozen=True, slots=True)
class Signup:
    """What was asked for one address, and with which words; ``confirmed_at`` is None until the address agreed."""

    id: int
    asked_at: datetime
    choices: SubscriberDraft
    proof: str
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignupStanding:
    """What is known of an address that was entered: ``confirmations`` were sent to it within a day, and it was last
    reminded of its subscription at ``reminded_at``.
    """

    subscriber: Subscriber | None = None
    is_suppressed: bool = False
    confirmations: int = 0
    reminded_at: datetime | None = None


class SignupEvent(enum.StrEnum):
    """What became of a form to sign up, for figures: they name nobody."""

    ASKED = "asked"  # the address was sent a confirmation
    REMINDED = "reminded"  # it is subscribed, and was told so
    SILENT = "silent"  # nothing was sent: it is suppressed, or was asked often enough
    TRAPPED = "trapped"  # a field was filled in that no person sees
    HELD_BACK = "held_back"  # there were too many, from one network or in all
    CONFIRMED = "confirmed"
    REFUSED = "refused"  # the address wants no mail
