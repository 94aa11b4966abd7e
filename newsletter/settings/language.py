"""Keywords and queries in profile files, checked by the core's own parsers; complaints point at the character."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from newsletter.core.keyword import validate_keyword
from newsletter.core.query_parse import parse_query
from newsletter.errors import QueryError
from newsletter.model import Problem
from newsletter.settings.document import MappingNode, ScalarNode
from newsletter.settings.positions import character_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.settings.document import Document, Node
    from newsletter.settings.explain import Location
    from newsletter.settings.profilemodels import KeywordEntry

LONGEST_ACRONYM = 6


def check_keywords(document: Document, location: Location, entries: Sequence[KeywordEntry]) -> list[Problem]:
    """Return what is wrong or unwise about the keywords of one list."""
    problems = []
    lines: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        place = document.place((*location, index, "keyword"))
        wrong = validate_keyword(entry.keyword)
        if wrong:
            problems.append(Problem(document.file, place.line, place.column, wrong))
            continue
        same = lines[entry.keyword.casefold(), entry.field]
        if same:
            message, advice = f"the keyword “{entry.keyword}” is there twice", f"line {same[0]} has it already"
            problems.append(Problem(document.file, place.line, place.column, message, advice, "warning"))
        same.append(place.line)
        if _is_quoted_acronym(_keyword_node(document, (*location, index)), entry.keyword):
            message = f"YAML takes these quotes away: {entry.keyword} also matches {entry.keyword.lower()}"
            advice = f"for the acronym alone write '\"{entry.keyword}\"', else leave the quotes out"
            problems.append(Problem(document.file, place.line, place.column, message, advice, "warning"))
    return problems


def check_query(document: Document, location: Location, query: str) -> list[Problem]:
    """Return what is wrong with a query, at the character of the file where it goes wrong."""
    try:
        parse_query(query)
    except QueryError as error:
        node = document.node(location)
        mark = document.place(location)
        if isinstance(node, ScalarNode):
            mark = character_mark(document, node, error.column - 1)
        return [Problem(document.file, mark.line, mark.column, f"query: {error.message}", error.advice)]
    return []


def _keyword_node(document: Document, location: Location) -> Node | None:
    node = document.node(location)
    return node.values.get("keyword") if isinstance(node, MappingNode) else node


def _is_quoted_acronym(node: Node | None, keyword: str) -> bool:
    """Whether somebody wrote "RAG" and may have meant the exact form, whose quotes YAML has eaten."""
    is_quoted = isinstance(node, ScalarNode) and node.style == '"'
    return is_quoted and keyword.isalpha() and keyword.isupper() and 1 < len(keyword) <= LONGEST_ACRONYM
