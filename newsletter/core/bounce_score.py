"""How much has come back from somebody lately: a score that decays, and at some height asks for a probe."""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from newsletter.model import BounceScore, DeliveryState, Frequency

if TYPE_CHECKING:
    from newsletter.model import Delivery

# A mail a day that comes back each time reaches the threshold within a week. Who reads less often is counted higher for
# each, or could never reach it: at one a week, half of the score is gone before the next mail.
PER_MAIL: Final = {Frequency.DAILY: 1.0, Frequency.WEEKDAYS: 1.4, Frequency.WEEKLY: 3.0}
POLICY: Final = re.compile(r"[45]\.7\.\d+")
ABOUT_OUR_MAIL: Final = 0.5  # a refusal of our mail, rather than of the mailbox, counts half


@dataclass(frozen=True, slots=True)
class BouncePolicy:
    """What the operator decided about mail that comes back.

    A score halves in ``half_life``; at ``threshold`` the address is probed, and digests wait for ``probe`` after that.
    """

    half_life: timedelta = timedelta(days=7)
    threshold: float = 5.0
    probe: timedelta = timedelta(days=3)


def weight(frequency: Frequency, enhanced_code: str | None) -> float:
    """Return what one soft bounce adds to the score of somebody who reads this often."""
    is_policy = enhanced_code is not None and POLICY.fullmatch(enhanced_code) is not None
    return PER_MAIL[frequency] * (ABOUT_OUR_MAIL if is_policy else 1.0)


def decayed(score: BounceScore, now: datetime, half_life: timedelta) -> float:
    """Return what is left of a score at ``now``; a clock that was put back makes it no larger."""
    age = max(now - score.scored_at, timedelta())
    return score.value * math.exp2(-(age / half_life))


def added(score: BounceScore | None, amount: float, now: datetime, policy: BouncePolicy) -> BounceScore:
    """Return the score after another ``amount``; at the threshold probation begins, and it goes on once begun."""
    before = score or BounceScore(0.0, now)
    value = decayed(before, now, policy.half_life) + amount
    since = before.probation_since or (now if value >= policy.threshold else None)
    return replace(before, value=value, scored_at=max(now, before.scored_at), probation_since=since)


class Probation(enum.Enum):
    """What somebody's next issue is to be."""

    NONE = enum.auto()  # as usual
    PROBE = enum.auto()  # a probe, instead of a digest
    WAIT = enum.auto()  # nothing: the probe is on its way, or may yet come back
    OVER = enum.auto()  # as usual again: the probe did not come back


def probation(score: BounceScore | None, probe: Delivery | None, now: datetime, policy: BouncePolicy) -> Probation:
    """Return what somebody's next issue is to be; ``probe`` is their newest one.

    A probe that came to nothing for the relay's sake, or ours, is sent again: only one that was accepted can be
    answered by silence.
    """
    if score is None or score.probation_since is None:
        return Probation.NONE
    if probe is None or probe.planned_at < score.probation_since:
        return Probation.PROBE
    if not probe.state.is_final:
        return Probation.WAIT
    if probe.state not in (DeliveryState.ACCEPTED, DeliveryState.UNKNOWN):
        return Probation.PROBE
    is_early = now < (probe.finished_at or probe.planned_at) + policy.probe
    return Probation.WAIT if is_early else Probation.OVER
