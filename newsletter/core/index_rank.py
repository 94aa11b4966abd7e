"""In which order a search shows what it found: by words (BM25 with weighted fields), then by freshness.

A term counts ``f = Σ field weight × times it stands there``, is lessened for long papers, and saturates:
``rarity × f / (f + 1.2 × (0.5 + 0.5 × length / average))``. The sum over the query's terms is multiplied by
``1 + 0.5 × 2^(-age / 60 days)``, so that what was published today counts half as much again. ``docs/web.md`` states
it for readers.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.index_plan import AllOf, AnyOf, Phrase
from newsletter.core.index_words import FAMILY, NAME, YEAR_ONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from newsletter.core.index_plan import Plan

FIELD_WEIGHTS: Final = {"t": 4.0, "a": 1.0, "c": 0.5, "j": 0.5, NAME: 4.0, FAMILY: 4.0, "g": 0.5}
SATURATION: Final = 1.2
LENGTH_SHARE: Final = 0.5
FRESH_SHARE: Final = 0.5
HALF_LIFE: Final = timedelta(days=60)
USUAL_LENGTH: Final = 200.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """In how many of some papers each word of the index stands; from it, how much a word tells."""

    papers: int = 0
    holding: Counter[str] = field(default_factory=Counter)
    average_length: float = USUAL_LENGTH

    def rarity(self, word: str) -> float:
        """Return how much it tells that a paper holds this word: about 0 for one that stands everywhere."""
        known = self.holding.get(word, 0)
        return math.log(1 + (self.papers - known + 0.5) / (known + 0.5))


def statistics(texts: Iterable[str]) -> Statistics:
    """Return the statistics of the papers whose words these are."""
    holding: Counter[str] = Counter()
    count = length = 0
    for text in texts:
        words = text.split(" ")
        holding.update(set(words))
        count += 1
        length += len(words)
    return Statistics(count, holding, length / count if count else USUAL_LENGTH)


@dataclass(frozen=True, slots=True)
class Scorer:
    """Scores papers for one query, each term of it as the plan that finds it."""

    terms: Sequence[Plan]
    statistics: Statistics
    now: datetime

    def scores(self, papers: Iterable[tuple[int, str]]) -> list[float]:
        """Return the score of each (minutes since the year 1, words)."""
        terms = [(_needles(plan), self._rarity(plan)) for plan in self.terms]
        today = (self.now - YEAR_ONE).total_seconds() / 60
        half_life = HALF_LIFE.total_seconds() / 60
        found = []
        for minutes, text in papers:
            spaced = f" {text.replace(' ', '  ')} "
            norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * text.count(" ") / self.statistics.average_length)
            total = 0.0
            for groups, rarity in terms:
                weighted = 0.0
                for word, needles in groups:
                    if word in text:  # most papers hold one spelling, in one or two fields
                        weighted += sum(weight * spaced.count(needle) for needle, weight in needles)
                total += rarity * weighted / (weighted + norm)
            age = max(0.0, today - minutes)
            found.append(total * (1 + FRESH_SHARE * 2 ** (-age / half_life)))
        return found

    def _rarity(self, plan: Plan) -> float:
        """Return how much a term tells: its rarest word; the beginning of a word is taken for a whole one."""
        rarities = [max(self.statistics.rarity(word.text) for word in phrase.words) for phrase in phrases(plan)]
        return min(rarities, default=0.0)


def phrases(plan: Plan) -> Iterator[Phrase]:
    """Yield every phrase that speaks for a paper."""
    match plan:
        case Phrase():
            yield plan
        case AllOf(plans, _) | AnyOf(plans):
            for inner in plans:
                yield from phrases(inner)


def _needles(plan: Plan) -> list[tuple[str, list[tuple[str, float]]]]:
    """Return what to count in a paper's words (with two spaces between them), and what each is worth.

    Grouped by the first word without its field: where that is not in the text, none of the group is.
    """
    groups: dict[str, dict[str, float]] = {}
    for phrase in phrases(plan):
        end = "" if phrase.words[-1].is_prefix else " "
        text = " " + "  ".join(word.text for word in phrase.words) + end
        first = phrase.words[0].text
        groups.setdefault(first[1:], {})[text] = FIELD_WEIGHTS.get(first[0], 1.0)
    return [(word, list(needles.items())) for word, needles in groups.items()]
