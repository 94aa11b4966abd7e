"""Which papers a query takes, and what its terms are worth there."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from newsletter.core.match_filter import is_category
from newsletter.core.match_score import FIELD_FACTORS, PLAIN_POINTS, repeats
from newsletter.core.match_terms import ALL_PARTS, PART_FACTORS, Part
from newsletter.core.query import And, Near, Not, Or, Query, QueryField, Term, leaves, positive_leaves
from newsletter.model import Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from newsletter.core.match_terms import Found, Terms

FIELD_PARTS = {
    QueryField.ALL: ALL_PARTS,
    QueryField.TITLE: (Part.TITLE,),
    QueryField.ABSTRACT: (Part.ABSTRACT,),
    QueryField.COMMENT: (Part.COMMENT,),
    QueryField.JOURNAL: (Part.JOURNAL,),
}
_MOST_TRIALS = 20_000  # combinations of places tried for one NEAR in one text
_WITH_NAMES = (QueryField.ALL, QueryField.AUTHOR)
_WITH_COMMENTS = (QueryField.ALL, QueryField.COMMENT, QueryField.JOURNAL)


def add_query(query: Query, terms: Terms) -> None:
    """Add to ``terms`` everything that this query looks for."""
    for leaf in leaves(query):
        terms.wants_comments = terms.wants_comments or leaf.field in _WITH_COMMENTS
        texts = leaf.terms if isinstance(leaf, Near) else (leaf.text,)
        if leaf.field in FIELD_PARTS:
            for text in texts:
                terms.add_text(text)
        if isinstance(leaf, Term) and leaf.field in _WITH_NAMES and _is_name(leaf.text):
            terms.add_author(leaf.text)


def _is_name(text: str) -> bool:
    return any(character.isalpha() for character in text)


class QueryEvaluator:
    """Answers queries over the papers of one scan, all papers at once."""

    def __init__(self, terms: Terms, found: Found) -> None:
        self._terms = terms
        self._found = found
        self._size = len(found.papers)

    def evaluate(self, query: Query) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the papers (indexes) that the query takes, and their scores."""
        taken = np.flatnonzero(self._mask(query))
        points = np.zeros(self._size)
        for leaf in dict.fromkeys(positive_leaves(query)):
            for _, _, paper, worth in self.places(leaf):
                points[paper] += worth
        scores = points[taken]
        return taken, np.where(scores > 0, scores, PLAIN_POINTS)

    def _mask(self, query: Query) -> NDArray[np.bool_]:
        match query:
            case Not(inner):
                return ~self._mask(inner)
            case And(queries):
                return reduce(np.logical_and, (self._mask(inner) for inner in queries))
            case Or(queries):
                return reduce(np.logical_or, (self._mask(inner) for inner in queries))
            case _:
                return self._leaf_mask(query)

    def _leaf_mask(self, leaf: Term | Near) -> NDArray[np.bool_]:
        mask = np.zeros(self._size, dtype=bool)
        if leaf.field is QueryField.CATEGORY and isinstance(leaf, Term):
            return np.fromiter(
                (any(is_category(leaf.text, name) for name in paper.categories) for paper in self._found.papers),
                dtype=bool,
                count=self._size,
            )
        mask[[paper for _, _, paper, _ in self.places(leaf)]] = True
        return mask

    def places(self, leaf: Term | Near) -> Iterator[tuple[str, list[tuple[int, int]], int, float]]:
        """Yield (field, spans in it, paper's index, points) for every field that a leaf stands in.

        Spans are places in the row of words for texts, and indexes of authors for ``authors``.
        """
        if leaf.field in FIELD_PARTS:
            for text, spans in self._stretches(leaf):
                part = Part(int(self._found.text_part[text]))
                if part in FIELD_PARTS[leaf.field]:
                    worth = PART_FACTORS[part] * repeats(1 if isinstance(leaf, Near) else len(spans))
                    yield part.name.lower(), spans, int(self._found.text_paper[text]), worth
        number = self._terms.author(leaf.text) if isinstance(leaf, Term) and leaf.field in _WITH_NAMES else None
        if number is not None:
            for paper, names in enumerate(self._found.authors):
                if number in names:
                    yield "authors", [(name, name) for name in names[number]], paper, FIELD_FACTORS[Field.AUTHORS]

    def _stretches(self, leaf: Term | Near) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        if isinstance(leaf, Term):
            yield from self._by_text(leaf.text).items()
            return
        places = [self._by_text(text) for text in leaf.terms]
        for text in sorted(set(places[0]).intersection(*places[1:])):
            near = self._nearest([each[text] for each in places], leaf.distance)
            if near:
                yield text, near

    def _by_text(self, text: str) -> dict[int, list[tuple[int, int]]]:
        number = self._terms.text(text)
        found: dict[int, list[tuple[int, int]]] = {}
        if number is None:
            return found
        stretch = self._found.hits.of(number)
        hits = self._found.hits
        columns = (hits.text[stretch].tolist(), hits.start[stretch].tolist(), hits.end[stretch].tolist())
        for index, start, end in zip(*columns, strict=True):
            found.setdefault(index, []).append((start, end))
        return found

    def _nearest(self, places: list[list[tuple[int, int]]], distance: int) -> list[tuple[int, int]]:
        """Return the first choice of one place for each term that lies close enough together, if there is one."""
        ordinals = self._found.hits.row.ordinals
        for trial, chosen in enumerate(product(*places)):
            if trial >= _MOST_TRIALS:
                break
            ordered = sorted(chosen)
            if any(left[1] > right[0] for left, right in pairwise(ordered)):
                continue
            between = sum(int(ordinals[right[0]] - ordinals[left[1]]) for left, right in pairwise(ordered))
            if between <= distance:
                return ordered
        return []
