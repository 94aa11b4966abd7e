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

_Ways = dict[str, list[tuple[str, float]]]
"""By the letter of the field: what follows a word there, and what that is worth."""


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
        terms = [(_groups(plan), self._rarity(plan)) for plan in self.terms]
        today = (self.now - YEAR_ONE).total_seconds() / 60
        half_life = HALF_LIFE.total_seconds() / 60
        found = []
        for minutes, text in papers:
            spaced = f" {text} "
            norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * text.count(" ") / self.statistics.average_length)
            total = 0.0
            for groups, rarity in terms:
                weighted = sum(_weighted(spaced, word, ways) for word, ways in groups)
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


def _groups(plan: Plan) -> list[tuple[str, _Ways]]:
    """Return what to look for in a paper's words, and what each way in which it goes on is worth.

    Grouped by the first word without its field: looking for that once is looking for it in every field.
    """
    groups: dict[str, _Ways] = {}
    for phrase in dict.fromkeys(phrases(plan)):
        words = " ".join(word.text for word in phrase.words) + ("" if phrase.words[-1].is_prefix else " ")
        first, space, rest = words.partition(" ")
        ways = groups.setdefault(first[1:] + space, {}).setdefault(first[0], [])
        ways.append((rest, FIELD_WEIGHTS.get(first[0], 1.0)))
    return list(groups.items())


def _weighted(text: str, word: str, ways: _Ways) -> float:
    """Return how often a word stands in a text (with a space at both ends) in one of these ways, weighted."""
    weighted = 0.0
    begin = text.find(word)
    while begin > 0:
        end = begin + len(word)
        if text[begin - 2] == " ":  # else these letters are the end of a longer word
            for rest, weight in ways.get(text[begin - 1], ()):
                if text.startswith(rest, end):
                    weighted += weight
        begin = text.find(word, end)
    return weighted
