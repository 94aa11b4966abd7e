"""One query over papers, for ``newsletter papers search`` and for anybody who asks about a single paper."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from newsletter.core.match import Matcher
from newsletter.core.query_parse import parse_query
from newsletter.model import Match, Profile, Replacements, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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

    def explained(self, papers: Sequence[Paper], most: int) -> dict[int, tuple[Reason, ...]]:
        """Return why the query takes papers, by their ids: the first ones that it takes of these, at most so many."""
        scan = self._matcher.scan(papers)
        taken = {match.paper_id: match for match in scan.matches(_NAME)}
        first = islice((paper.id for paper in papers if paper.id in taken), most)
        return {paper_id: scan.explain(taken[paper_id]).reasons for paper_id in first}


def query_matches(query: str, paper: Paper) -> tuple[Reason, ...] | None:
    """Return why a query takes a paper, or None when it does not; QueryError when the query is malformed."""
    return Searcher(query).explained([paper], 1).get(paper.id)
