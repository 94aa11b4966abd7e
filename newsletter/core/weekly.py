"""The weekly form of a digest: the week's best papers first, and how many each topic brought."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from newsletter.model import Section, gettext_noop

if TYPE_CHECKING:
    from newsletter.model import Digest, Selected

WEEKLY: Final = "weekly"
"""The template of who reads weekly and has chosen no other."""
BEST_TOPIC: Final = gettext_noop("The week’s best")
MOST_BEST: Final = 5


@dataclass(frozen=True, slots=True)
class TopicCount:
    """How many papers a section's topic brought, those over the limit too; ``share`` is that of the largest one, 1 to
    100.
    """

    section: Section
    count: int
    share: int


def is_weekly(digest: Digest) -> bool:
    """Whether a digest is to be shown in the weekly form."""
    return digest.template == WEEKLY


def week_of(digest: Digest) -> Digest:
    """Return a digest whose best papers have a section of their own before all others, the best one first. They are
    not repeated where they came from. A digest of one section, or of few papers, stays as it is.
    """
    everyone = [paper for section in digest.sections for paper in section.papers]
    if len(digest.sections) < 2 or len(everyone) <= MOST_BEST:  # noqa: PLR2004 (nothing to choose from)
        return digest
    best = sorted(everyone, key=lambda paper: -paper.score)[:MOST_BEST]
    first = Section("", "", BEST_TOPIC, tuple(best))
    others = (_without(section, best) for section in digest.sections)
    return replace(digest, sections=(first, *(each for each in others if each.papers or each.omitted)))


def topic_counts(digest: Digest) -> tuple[TopicCount, ...]:
    """Return what each section brought, the largest first."""
    counted = [(len(section.papers) + section.omitted, section) for section in digest.sections]
    most = max((count for count, _ in counted), default=1) or 1
    ranked = sorted(counted, key=lambda each: -each[0])
    return tuple(TopicCount(section, count, max(1, round(100 * count / most))) for count, section in ranked if count)


def _without(section: Section, papers: list[Selected]) -> Section:
    return replace(section, papers=tuple(each for each in section.papers if each not in papers))
