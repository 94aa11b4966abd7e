"""Whether mail may go at all: not from a copy of a store that is at home elsewhere, nor while an operator says no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.model import PauseScope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from newsletter.model import Pause, Place, Seal


@dataclass(frozen=True, slots=True)
class Clearance:
    """What is known of it at one moment: what is paused, where the store is, and where it is at home (None: nowhere
    yet, for it has never sent).
    """

    here: Place
    seal: Seal | None = None
    pauses: tuple[Pause, ...] = ()

    @property
    def is_sealed(self) -> bool:
        """Whether the store is at home elsewhere, so that nothing is sent from here."""
        return self.seal is not None and self.seal.place.fingerprint != self.here.fingerprint

    @property
    def paused_profiles(self) -> frozenset[str]:
        """The profiles whose papers wait."""
        return names(self.pauses, PauseScope.PROFILE)

    @property
    def paused_relays(self) -> frozenset[str]:
        """The relays that are given nothing."""
        return names(self.pauses, PauseScope.RELAY)

    @property
    def refusal(self) -> str:
        """Why nothing at all may be sent, in one line with the command that changes it; empty when it may."""
        if self.is_sealed and self.seal is not None:
            return (
                f"the store is sealed, nothing is sent from {self.here.name}: it is at home at {self.seal.place.name}; "
                "to send from here, run `newsletter unseal`"
            )
        everything = [pause for pause in self.pauses if pause.scope is PauseScope.ALL]
        if everything:
            return f"sending is {paused(everything[0])}; `newsletter unpause` goes on"
        return ""


def names(pauses: Iterable[Pause], scope: PauseScope) -> frozenset[str]:
    """Return the names of what is paused in a scope."""
    return frozenset(pause.name for pause in pauses if pause.scope is scope)


def paused(pause: Pause) -> str:
    """Return since when something is paused and why, as people say it."""
    why = f" ({pause.reason})" if pause.reason else ""
    return f"paused since {pause.since:%Y-%m-%d %H:%M} UTC{why}"


def described(pause: Pause) -> str:
    """Return a pause in one line."""
    what = "sending" if pause.scope is PauseScope.ALL else f"the {pause.scope} {pause.name}"
    return f"{what} is {paused(pause)}"
