"""One query over papers, for ``newsletter papers search`` and for anybody who asks about a single paper."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from newsletter.core.match import Matcher
from newsletter.core.query_parse import parse_query
from newsletter.model import Match, Profile, Replacements, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from newsletter.model import Paper, Reason

_NAME = "search"
_BATCH = 1000


class Searcher:
    """Evaluates one query; QueryError, pointing at the column, when it is malformed."""

    def __init__(self, query: str) -> None:
        parse_query(query)
        topics = (Topic(_NAME, query=query),)
        self._matcher = Matcher([Profile(_NAME, _NAME, topics=topics, replacements=Replacements.UPDATED)])

    def find(self, papers: Iterable[Paper]) -> Iterator[Match]:
        """Yield a match without reasons for each paper that the query takes, reading papers in batches."""
        remaining = iter(papers)
        while batch := list(islice(remaining, _BATCH)):
            yield from self._matcher.scan(batch).matches(_NAME)

    def explain(self, paper: Paper, match: Match) -> Match:
        """Return a match of this search with its reasons."""
        return self._matcher.explain(paper, match)


def query_matches(query: str, paper: Paper) -> tuple[Reason, ...] | None:
    """Return why a query takes a paper, or None when it does not; QueryError when the query is malformed."""
    searcher = Searcher(query)
    match = next(searcher.find([paper]), None)
    return None if match is None else searcher.explain(paper, match).reasons
