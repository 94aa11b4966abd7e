"""What each form to sign up carries: signed, dated, good for one use, and the puzzle that a browser's script solves."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.work import is_solved

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.core.links import Links

LASTS: Final = timedelta(hours=2)
MOST_USED: Final = 50_000  # that are remembered; the limits hold all the same when there are more


@dataclass(frozen=True, slots=True)
class Attempt:
    """A form that came back in time: how old it is, and whether the puzzle was solved."""

    age: timedelta
    is_solved: bool


@dataclass(slots=True)
class Challenges:
    """Makes and takes them. ``bits`` is how hard the puzzle is."""

    links: Links
    bits: int
    _used: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def new(self, now: datetime) -> str:
        """Return a challenge for one form."""
        return self.links.challenge(secrets.token_urlsafe(9), now)

    def look(self, challenge: str, answer: str, now: datetime) -> Attempt | None:
        """Return what came back; None when it is none of ours, too old, or was used."""
        made_at = self.links.read_challenge(challenge)
        if made_at is None or challenge in self._used or not timedelta() <= now - made_at <= LASTS:
            return None
        return Attempt(now - made_at, is_solved(challenge, answer, self.bits))

    def use(self, challenge: str) -> None:
        """Let a challenge be of no more use."""
        self._used[challenge] = None
        while len(self._used) > MOST_USED:
            self._used.popitem(last=False)
