"""Why a match is one: the reasons that add up to its score, with the places to highlight."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from newsletter.core.match_filter import matching_category
from newsletter.core.match_query import QueryEvaluator
from newsletter.core.match_score import AUTHOR_POINTS, FIELD_FACTORS, PLAIN_POINTS, repeats
from newsletter.core.match_terms import PART_FACTORS, PART_NAMES, PARTS, Part
from newsletter.core.query import positive_leaves
from newsletter.core.query_parse import parse_query
from newsletter.core.text import readable_name
from newsletter.errors import QueryError
from newsletter.model import Field, Reason, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.core.match_terms import Finder, Found, Terms
    from newsletter.model import Keyword, Match, Paper, Profile, Topic

_REMEMBERED = 600  # papers whose analysis is kept (about 30 kB each), since digests ask for the same ones again


class Explainer:
    """Explains matches by analysing one paper at a time, each once."""

    def __init__(self, terms: Terms, finder: Finder) -> None:
        self._terms = terms
        self._finder = finder
        self._known: dict[int, _Analysis] = {}

    def explain(self, paper: Paper, match: Match, profile: Profile) -> Match:
        """Return ``match`` with its reasons, what adds most first."""
        return self._analysis(paper).explained(match, profile)

    def explain_found(self, found: Found, match: Match, profile: Profile) -> Match:
        """Return the same from what has been found in the match's paper alone, which is not read again."""
        return _Analysis(found.papers[0], self._terms, found).explained(match, profile)

    def exclusions(self, paper: Paper, profile: Profile) -> list[str]:
        """Return, in words, which of the profile's exclusions stand in the paper."""
        analysis = self._analysis(paper)
        return [
            f"excluded by {keyword.text!r} in the {reason.field}"
            for keyword in profile.exclude
            for reason in analysis.keyword(keyword)
        ]

    def _analysis(self, paper: Paper) -> _Analysis:
        known = self._known.get(paper.id)
        if known is None or (known.paper is not paper and known.paper != paper):
            self._known.pop(paper.id, None)
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]  # the oldest
            known = self._known[paper.id] = _Analysis(paper, self._terms, self._finder.find([paper]))
        return known


class _Analysis:
    """Everything that all profiles look for, in one paper."""

    def __init__(self, paper: Paper, terms: Terms, found: Found) -> None:
        self.paper = paper
        self._terms = terms
        self._found = found
        self._authors = found.authors[0]
        self._parts = [Part(part) for part in found.text_part.tolist()]

    def explained(self, match: Match, profile: Profile) -> Match:
        reasons = [reason for topic in profile.topics if topic.name == match.topic for reason in self._topic(topic)]
        reasons += self._followed(profile)
        if not profile.topics and not profile.authors:
            reasons.append(_plain(self.paper, profile))
        if profile.trending:
            votes = self.paper.votes or 0
            reasons = [
                Reason("votes", f"{votes} {'vote' if votes == 1 else 'votes'}", "community", (), float(votes)),
                *(replace(reason, score=0.0) for reason in reasons if reason.kind != "category"),
            ]
        return replace(match, reasons=tuple(sorted(reasons, key=lambda reason: -reason.score)))

    def _topic(self, topic: Topic) -> Iterator[Reason]:
        for keyword in topic.keywords:
            yield from self.keyword(keyword)
        if topic.query is not None:
            yield from self._query(topic.query)

    def keyword(self, keyword: Keyword) -> Iterator[Reason]:
        if keyword.field is Field.AUTHORS:
            spans = self._names(self._terms.author(keyword.text))
            if spans:
                yield Reason("keyword", keyword.text, "authors", spans, keyword.weight * FIELD_FACTORS[Field.AUTHORS])
            return
        found = self._places(self._terms.text(keyword.text))
        for part in PARTS[keyword.field]:
            if part in found:
                points = keyword.weight * PART_FACTORS[part] * repeats(len(found[part]))
                yield Reason("keyword", keyword.text, PART_NAMES[part], tuple(found[part]), points)

    def _places(self, term: int | None) -> dict[Part, list[Span]]:
        found: dict[Part, list[Span]] = {}
        if term is None:
            return found
        hits = self._found.hits
        stretch = hits.of(term)
        columns = (hits.text[stretch].tolist(), hits.start[stretch].tolist(), hits.end[stretch].tolist())
        for text, start, end in zip(*columns, strict=True):
            found.setdefault(self._parts[text], []).append(Span(*hits.row.span(start, end)))
        return found

    def _followed(self, profile: Profile) -> Iterator[Reason]:
        for author in dict.fromkeys(profile.authors):
            spans = self._names(self._terms.author(author))
            if spans:
                yield Reason("author", author, "authors", spans, AUTHOR_POINTS)

    def _names(self, number: int | None) -> tuple[Span, ...]:
        if number is None or number not in self._authors:
            return ()
        return self._name_spans(self._authors[number])

    def _name_spans(self, indexes: list[int]) -> tuple[Span, ...]:
        begins: list[tuple[int, int]] = []
        position = 0
        for name in self.paper.authors:
            length = len(readable_name(name))
            begins.append((position, position + length))
            position += length + len(", ")
        return tuple(Span(*begins[index]) for index in indexes)

    def _query(self, text: str) -> Iterator[Reason]:
        try:
            query = parse_query(text)
        except QueryError:  # among the matcher's problems already
            return
        evaluator = QueryEvaluator(self._terms, self._found)
        if not len(evaluator.evaluate(query)[0]):
            return
        fields: dict[str, tuple[set[Span], float]] = {}
        for leaf in dict.fromkeys(positive_leaves(query)):
            for field, places, _, worth in evaluator.places(leaf):
                spans, points = fields.get(field, (set(), 0.0))
                fields[field] = (spans | set(self._spans(field, places)), points + worth)
        for field, (spans, points) in fields.items():
            ordered = tuple(sorted(spans, key=lambda span: (span.start, span.end)))
            yield Reason("query", text, field, ordered, points)
        if not fields:
            yield Reason("query", text, "categories", (), PLAIN_POINTS)

    def _spans(self, field: str, places: list[tuple[int, int]]) -> tuple[Span, ...]:
        if field == "authors":
            return self._name_spans([index for index, _ in places])
        return tuple(Span(*self._found.hits.row.span(start, end)) for start, end in places)


def _plain(paper: Paper, profile: Profile) -> Reason:
    category = matching_category(profile.categories, paper)
    return Reason("category", category or "every paper", "categories", (), PLAIN_POINTS)
