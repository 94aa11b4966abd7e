"""What two versions of a profile would have sent, day by day. Pure: papers in, days and papers out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from newsletter.core.match import Matcher
from newsletter.core.rank import select

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from newsletter.model import Paper, Profile

BEFORE: Final = "before"
AFTER: Final = "after"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the profile in force and a draft of it would have sent: papers by day, each day cut at the profile's most.

    ``gained`` and ``lost`` are papers that only the draft, and only the one in force, would have sent, newest first.
    """

    days: Sequence[date]
    before: Mapping[date, Sequence[int]]
    after: Mapping[date, Sequence[int]]
    gained: Sequence[Paper]
    lost: Sequence[Paper]

    def counts(self) -> tuple[list[int], list[int]]:
        """Return how many papers each would have sent on each day: the one in force, and the draft."""
        return [len(self.before.get(day, ())) for day in self.days], [len(self.after.get(day, ())) for day in self.days]


def compare(
    in_force: Profile | None, draft: Profile, papers: Mapping[date, Sequence[Paper]], days: Sequence[date]
) -> Comparison:
    """Return how a draft differs from the profile in force (None: there is none yet) over the papers of these days."""
    profiles = [replace(draft, name=AFTER)]
    if in_force is not None:
        profiles.append(replace(in_force, name=BEFORE))
    matcher = Matcher(profiles)
    sent: dict[str, dict[date, list[int]]] = {BEFORE: {}, AFTER: {}}
    for day in days:
        listed = {paper.id: paper for paper in papers.get(day, ())}
        for name, ids in sent_on(matcher, profiles, listed).items():
            sent[name][day] = ids
    by_id = {paper.id: paper for day in reversed(days) for paper in papers.get(day, ())}
    before, after = ({each for ids in sent[name].values() for each in ids} for name in (BEFORE, AFTER))
    gained, lost = ([paper for key, paper in by_id.items() if key in ids] for ids in (after - before, before - after))
    return Comparison(days, sent[BEFORE], sent[AFTER], gained, lost)


def sent_on(matcher: Matcher, profiles: Iterable[Profile], papers: Mapping[int, Paper]) -> dict[str, list[int]]:
    """Return by profile which of a day's papers a digest would hold."""
    scan = matcher.scan(papers.values())
    return {
        profile.name: [
            match.paper_id for _, chosen, _ in select(scan.matches(profile.name), papers, profile) for match in chosen
        ]
        for profile in profiles
    }
