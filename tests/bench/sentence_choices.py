"""Ways to choose sentences of an abstract that mails are compared with: what is most central, and what was learned from
other abstracts of the same file.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from newsletter.mail.sentences import rated_sentences, split_sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from newsletter.mail.sentences import Sentence

    Array = NDArray[np.float64]

_WORD = re.compile(r"[a-z]{2,}")
_VOCABULARY = 400  # words that a model may look at: the commonest of the abstracts that it learns from
_PLACES = 10
_STEPS, _RATE, _SHRINKING = 120, 1.0, 0.002  # of the descent: enough for it to stand still


def words(text: str) -> Counter[str]:
    """Return how often each word occurs."""
    return Counter(_WORD.findall(text.lower()))


def most_central(text: str, sentences: Sequence[Sentence], count: int) -> list[Sentence]:
    """Return the sentences that are most like all others together, by the cosine of their words (LexRank's degree)."""
    bags = [words(text[each.start : each.end]) for each in sentences]
    vocabulary = sorted(set().union(*bags))
    table = np.array([[bag[word] for word in vocabulary] for bag in bags], float)
    rarity = np.log(1 + len(bags) / np.maximum(1, (table > 0).sum(axis=0)))
    rows = table * rarity
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    degree = (rows @ rows.T).sum(axis=1)
    return [sentences[index] for index in np.argsort(-degree)[:count]]


class Learned:
    """Two logistic regressions over words and places: which sentence is the idea, and which the result."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        counts: Counter[str] = Counter()
        for row in rows:
            counts.update(words(row["abstract"]).keys())
        self._vocabulary = {word: index for index, (word, _) in enumerate(counts.most_common(_VOCABULARY))}
        seen = np.vstack([self._features(row["abstract"]) for row in rows])
        self._weights = {label: _fitted(seen, _marks(rows, label)) for label in ("idea", "result")}

    def choose(self, text: str, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the likeliest idea, and of the others the likeliest result."""
        features = self._features(text)
        idea, result = (features @ self._weights[label] for label in ("idea", "result"))
        first = int(np.argmax(idea))
        result[first] = -np.inf
        chosen = [first, int(np.argmax(result))] if len(sentences) > 1 else [first]
        return [sentences[index] for index in chosen]

    def _features(self, text: str) -> Array:
        bounds = split_sentences(text)
        table = np.zeros((len(bounds), _VOCABULARY + _PLACES + 1))
        table[:, -1] = 1
        for index, (start, end) in enumerate(bounds):
            for word in words(text[start:end]):
                if word in self._vocabulary:
                    table[index, self._vocabulary[word]] = 1
            place = index / max(1, len(bounds) - 1)
            table[index, _VOCABULARY + min(_PLACES - 1, int(place * _PLACES))] = 1
        return table


def _marks(rows: Sequence[dict[str, Any]], label: str) -> Array:
    marks = [
        any(span["label"] == label and span["start"] < each.end and span["end"] > each.start for span in row["spans"])
        for row in rows
        for each in rated_sentences(row["abstract"])
    ]
    return np.array(marks, float)


def _fitted(features: Array, marks: Array) -> Array:
    weights = np.zeros(features.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-features @ weights))
        weights -= _RATE * (features.T @ (likely - marks) / len(marks) + _SHRINKING * weights)
    return weights
