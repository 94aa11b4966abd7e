"""Which room a mail gets: the first in which its HTML is within its budget, found without filling it in each.

What a template says of a paper is kept (:mod:`newsletter.mail.once`), and here how long that is in each room. So a mail
is filled in the room that the last one with as many papers got; how long it would be in others follows from its papers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from newsletter.mail.rooms import ROOMS, cannot_do
from newsletter.mail.view import shown_of, sizes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.mail.fill import Compiled
    from newsletter.mail.placeholders import Cut
    from newsletter.mail.view import SectionView


@dataclass(frozen=True, slots=True)
class Trial:
    """A mail filled in the room with this number; ``over`` is by how many bytes it is too long."""

    number: int
    sections: tuple[SectionView, ...]
    html: Cut
    over: int


@dataclass(slots=True)
class _Experience:
    """What is known of a template: the rooms that mails got, by their papers, and whether rooms change nothing in it
    but what is kept of papers.
    """

    usual: dict[int, int] = field(default_factory=dict)
    is_even: bool = True


class Fitting:
    """Finds rooms. ``size`` says how many bytes something has that was filled for a paper, ``link`` how long the web
    side's address is.
    """

    def __init__(self, size: Callable[[str], int], link: int) -> None:
        self._size, self._link = size, link
        self._known: WeakKeyDictionary[Compiled, _Experience] = WeakKeyDictionary()

    def fit(self, compiled: Compiled, papers: int, fill: Callable[[int], Trial]) -> Trial:
        """Return a mail of so many papers in the first room that does, or else in the last one."""
        known = self._known.setdefault(compiled, _Experience())
        trial = first = fill(known.usual.get(papers, 0) if known.is_even else 0)
        if first.number == 0 and first.over <= 0:
            return first
        sizes, over = _Sizes(compiled, self._size, known, first), 0
        for number, room in enumerate(ROOMS):
            if over and cannot_do(room, over, papers, self._link):
                continue
            over = sizes.over(number)
            if over <= 0:
                trial = first if number == first.number else sizes.remembered(fill(number))
                over = trial.over
            if over <= 0:
                break
        known.usual[papers] = trial.number
        return trial


class _Sizes:
    """How long a mail is in each room, as far as its papers were filled in it before; ``first`` is it in one room."""

    def __init__(self, compiled: Compiled, size: Callable[[str], int], known: _Experience, first: Trial) -> None:
        self._compiled, self._size, self._known, self._first = compiled, size, known, first
        self._papers = self._remember(first)
        self._own = self._of_papers(first.number)

    def over(self, number: int) -> int:
        """Return by how many bytes it is too long in a room; 0 where that must be tried."""
        other = self._of_papers(number)
        has_all = ROOMS[number].papers == ROOMS[self._first.number].papers
        return self._first.over + other - self._own if self._known.is_even and has_all and self._own and other else 0

    def remembered(self, trial: Trial) -> Trial:
        """Return what was tried, and remember how long its papers are in its room."""
        self._remember(trial)
        if self.over(trial.number) not in (0, trial.over):
            self._known.is_even = False
        return trial

    def _remember(self, trial: Trial) -> list[dict[int, int]]:
        """Return how long each paper is, by the number of the room."""
        found = []
        for section in trial.sections:
            for place, paper in enumerate(section.papers):
                sizes = sizes_of(paper).setdefault((self._compiled, place == 0), {})
                if trial.number not in sizes:
                    sizes[trial.number] = sum(map(self._size, shown_of(paper)))
                found.append(sizes)
        return found

    def _of_papers(self, number: int) -> int:
        """Return how long the papers are in a room; 0 where not all have been filled in it."""
        try:
            return sum([sizes[number] for sizes in self._papers])
        except KeyError:
            return 0
