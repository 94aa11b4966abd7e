"""Which papers each profile takes, found in one pass over all distinct keywords of all profiles.

:class:`Matcher` is built from profiles once, scans papers in batches, and explains single matches afterwards. What a
profile's words mean is told, with an example for every rule, in ``docs/profiles.md``.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from newsletter.core.keyword import KeywordError
from newsletter.core.match_explain import Explainer
from newsletter.core.match_filter import admits, refusals
from newsletter.core.match_query import QueryEvaluator, add_query
from newsletter.core.match_score import AUTHOR_POINTS, FIELD_FACTORS, PLAIN_POINTS
from newsletter.core.match_terms import PARTS, Postings, Terms
from newsletter.core.query_parse import parse_query
from newsletter.errors import NotFoundError, QueryError
from newsletter.model import Field, Keyword, Match, Profile, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from newsletter.core.match_terms import Finder, Found
    from newsletter.model import Paper, Replacements

AUTHORS_TOPIC = "Authors you follow"
"""The topic of papers that came because of who wrote them."""

_Scores = tuple["NDArray[np.int64]", "NDArray[np.float64]"]
_FilterKey = tuple[tuple[str, ...], tuple[str, ...], "Replacements"]


class Matcher:
    """Matches papers against profiles. It remembers words and papers it has met: not for several threads at once.

    ``problems`` names (profile, message) for each keyword, name or query that could not be understood; it is left
    out of matching, and the rest of the profile stands.
    """

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self._profiles = {profile.name: profile for profile in profiles}
        self._terms = Terms()
        problems: list[tuple[str, str]] = []
        for profile in self._profiles.values():
            problems += [(profile.name, message) for message in _add_profile(profile, self._terms)]
        self.problems = tuple(problems)
        self._finder: Finder = self._terms.finder()
        self._explainer = Explainer(self._terms, self._finder)

    def scan(self, papers: Iterable[Paper]) -> Scan:
        """Return what every profile takes of these papers."""
        return Scan(self, self._terms, self._finder.find(list(papers)))

    def explain(self, paper: Paper, match: Match) -> Match:
        """Return ``match`` with the reasons that add up to its score."""
        return self._explainer.explain(paper, match, self.profile(match.profile))

    def explain_found(self, found: Found, match: Match) -> Match:
        """Return the same from what a scan found in the match's paper alone, which is not read again."""
        return self._explainer.explain_found(found, match, self.profile(match.profile))

    def why_not(self, paper: Paper, profile_name: str) -> tuple[str, ...]:
        """Return, in plain words, why the profile does not take this paper; nothing when it does."""
        profile = self.profile(profile_name)
        scan = self.scan([paper])
        if scan.matches(profile_name):
            return ()
        return (*refusals(profile, paper), *self._explainer.exclusions(paper, profile), *scan.shortfalls(profile))

    def profile(self, name: str) -> Profile:
        """Return a profile by its name; NotFoundError with the nearest name when there is none."""
        profile = self._profiles.get(name)
        if profile is None:
            near = get_close_matches(name, list(self._profiles), n=1)
            raise NotFoundError(f"no profile {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return profile


class Scan:
    """What profiles take of one batch of papers; a profile's matches are computed when asked for."""

    def __init__(self, matcher: Matcher, terms: Terms, found: Found) -> None:
        self._matcher = matcher
        self._terms = terms
        self._found = found
        self._papers = found.papers
        self._ids = [paper.id for paper in found.papers]
        self._postings = {field: found.text_postings(parts) for field, parts in PARTS.items()}
        self._postings[Field.AUTHORS] = found.author_postings(terms.author_count)
        self._queries = QueryEvaluator(terms, found)
        self._query_scores: dict[str, _Scores] = {}
        self._admitted: dict[_FilterKey, NDArray[np.bool_]] = {}
        self._votes = np.array([paper.votes or 0 for paper in found.papers], dtype=float)

    def matches(self, profile_name: str) -> list[Match]:
        """Return the profile's matches, topic by topic, best first, without their reasons.

        A paper is there once for each topic that it matches. NotFoundError when there is no such profile.
        """
        profile = self._matcher.profile(profile_name)
        if not self._papers:
            return []
        admitted = self._admit(profile)
        matches: list[Match] = []
        for topic, papers, scores in self._topics(profile):
            keep = admitted[papers] & (scores >= _minimum(profile, topic))
            matches += _matches(profile.name, topic, papers[keep], scores[keep], self._ids)
        return matches

    def explain(self, match: Match) -> Match:
        """Return one of this scan's matches with the reasons that add up to its score."""
        return self._matcher.explain_found(self._found.of(self._ids.index(match.paper_id)), match)

    def shortfalls(self, profile: Profile) -> list[str]:
        """Return, in words, why no topic of the profile takes the only paper of this scan."""
        found = [(topic, float(scores[0])) for topic, papers, scores in self._topics(profile) if len(papers)]
        if not found:
            return ["no community votes yet"] if profile.trending and not self._votes[0] else [_nothing(profile)]
        topic, score = max(found, key=lambda pair: pair[1])
        least = _minimum(profile, topic)
        return [f"below the minimum score: {score:g} < {least:g} in {topic!r}"] if score < least else []

    def _topics(self, profile: Profile) -> Iterable[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
        """Return (topic, papers, scores) before filters; an author's points count in every topic."""
        bonus_papers, bonus = self._authors(profile)
        found = [(topic.name, *self._topic(topic)) for topic in profile.topics]
        if len(bonus_papers):
            dense = np.zeros(len(self._papers))
            dense[bonus_papers] = bonus
            found = [(name, papers, scores + dense[papers]) for name, papers, scores in found]
            found.append((AUTHORS_TOPIC, bonus_papers, bonus))
        if not profile.topics and not profile.authors:
            everything = np.arange(len(self._papers))
            found.append((profile.title or profile.name, everything, np.full(len(everything), PLAIN_POINTS)))
        if profile.trending:
            found = [self._by_votes(*each) for each in found]
        return found

    def _by_votes(
        self, topic: str, papers: NDArray[np.int64], scores: NDArray[np.float64]
    ) -> tuple[str, NDArray[np.int64], NDArray[np.float64]]:
        votes = self._votes[papers]
        keep = (votes > 0) & (scores >= 0)
        return topic, papers[keep], votes[keep]

    def _topic(self, topic: Topic) -> _Scores:
        """Return the papers that a topic's positive keywords or its query bring, and their scores."""
        stretches = [(keyword.weight, *self._stretch(keyword)) for keyword in topic.keywords]
        papers = [found for _, found, _ in stretches]
        points = [weight * worth for weight, _, worth in stretches]
        bring = [found for weight, found, _ in stretches if weight > 0]
        if topic.query is not None:
            by_query, scores = self._query(topic.query)
            papers.append(by_query)
            points.append(scores)
            bring.append(by_query)
        if not bring:
            return np.zeros(0, np.int64), np.zeros(0)
        size = len(self._papers)
        brought = np.flatnonzero(np.bincount(np.concatenate(bring), minlength=size)).astype(np.int64)
        total = np.bincount(np.concatenate(papers), weights=np.concatenate(points), minlength=size)
        return brought, total[brought].astype(np.float64)

    def _stretch(self, keyword: Keyword) -> _Scores:
        return self._points(keyword.text, keyword.field)

    def _points(self, text: str, field: Field) -> _Scores:
        number = self._terms.author(text) if field is Field.AUTHORS else self._terms.text(text)
        postings: Postings = self._postings[field]
        if number is None:
            return np.zeros(0, np.int64), np.zeros(0)
        stretch = postings.of(number)
        points = postings.points[stretch]
        return postings.papers[stretch], points * FIELD_FACTORS[field] if field is Field.AUTHORS else points

    def _query(self, text: str) -> _Scores:
        known = self._query_scores.get(text)
        if known is None:
            try:
                known = self._queries.evaluate(parse_query(text))
            except QueryError:  # among the matcher's problems already
                known = (np.zeros(0, np.int64), np.zeros(0))
            self._query_scores[text] = known
        return known

    def _authors(self, profile: Profile) -> _Scores:
        if not profile.authors:
            return np.zeros(0, np.int64), np.zeros(0)
        found = [self._points(author, Field.AUTHORS)[0] for author in dict.fromkeys(profile.authors)]
        counts = np.bincount(np.concatenate(found), minlength=len(self._papers))
        papers = np.flatnonzero(counts).astype(np.int64)
        return papers, (counts[papers] * AUTHOR_POINTS).astype(np.float64)

    def _admit(self, profile: Profile) -> NDArray[np.bool_]:
        key = (profile.categories, profile.sources, profile.replacements)
        admitted = self._admitted.get(key)
        if admitted is None:
            admitted = np.fromiter((admits(profile, paper) for paper in self._papers), bool, len(self._papers))
            self._admitted[key] = admitted
        if profile.exclude:
            admitted = admitted.copy()
            for keyword in profile.exclude:
                admitted[self._stretch(keyword)[0]] = False
        return admitted


def _minimum(profile: Profile, topic: str) -> float:
    """Return the least score: a followed author's paper comes whatever else it holds, except among votes."""
    return -np.inf if topic == AUTHORS_TOPIC and not profile.trending else profile.minimum_score


def _matches(
    profile: str, topic: str, papers: NDArray[np.int64], scores: NDArray[np.float64], ids: Sequence[int]
) -> list[Match]:
    order = np.argsort(-scores, kind="stable")
    return [
        Match(ids[paper], profile, topic, score)
        for paper, score in zip(papers[order].tolist(), scores[order].tolist(), strict=True)
    ]


def _nothing(profile: Profile) -> str:
    count = sum(len(topic.keywords) for topic in profile.topics)
    sought = ["no keyword" if count == 1 else f"none of {count} keywords"] if count else []
    if any(topic.query for topic in profile.topics):
        sought.append("no query")
    if profile.authors:
        sought.append("none of the followed authors")
    return f"{' and '.join(sought) or 'nothing'} matched"


def _add_profile(profile: Profile, terms: Terms) -> list[str]:
    """Add all that a profile looks for; return what could not be understood."""
    problems: list[str] = []
    for keyword in (*(each for topic in profile.topics for each in topic.keywords), *profile.exclude):
        try:
            _add_keyword(keyword, terms)
        except KeywordError as error:
            problems.append(str(error))
    for author in profile.authors:
        try:
            terms.add_author(author)
        except KeywordError as error:
            problems.append(str(error))
    for topic in profile.topics:
        if topic.query is not None:
            try:
                add_query(parse_query(topic.query), terms)
            except QueryError as error:
                problems.append(f"query {topic.query!r}: {error}")
    return problems


def _add_keyword(keyword: Keyword, terms: Terms) -> None:
    if keyword.field is Field.AUTHORS:
        terms.add_author(keyword.text)
        return
    terms.wants_comments = terms.wants_comments or keyword.field is Field.COMMENT
    terms.add_text(keyword.text)
