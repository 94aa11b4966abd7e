"""Editor's picks in digests: whom they reach, and how they are told apart from what a profile took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from newsletter.model import gettext_noop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from newsletter.model import Pick

PICKS_PROFILE: Final = "picks:"  # stands where a section has the name of a profile; no file may name one so
PICKS_TITLE: Final = gettext_noop("Editor’s picks")
MOST_PICKS: Final = 5  # of one digest; the others wait for the next


@dataclass(frozen=True, slots=True)
class Picks:
    """The picks of late, newest first. With ``for_everyone`` they reach all readers, else only those whose profiles
    take the paper anyway.
    """

    picks: tuple[Pick, ...] = ()
    for_everyone: bool = True
    _first: Mapping[int, Pick] = field(init=False)

    def __post_init__(self) -> None:
        # Newest first: of a paper's picks, the one that was made first is the last.
        object.__setattr__(self, "_first", {pick.paper_id: pick for pick in self.picks})

    def note(self, paper_id: int) -> tuple[str, str]:
        """Return a paper's note and its curator, of the pick that was made first; both empty where nobody picked it."""
        pick = self._first.get(paper_id)
        return (pick.note, pick.curator) if pick is not None else ("", "")

    def offered(self, since: datetime) -> list[int]:
        """Return the papers picked since then that are for everyone, the newest picks first."""
        if not self.for_everyone:
            return []
        return list(dict.fromkeys(pick.paper_id for pick in self.picks if pick.picked_at >= since))
