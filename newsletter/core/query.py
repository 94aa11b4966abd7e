"""A boolean query as a tree of values, and the tree as text.

:mod:`newsletter.core.query_parse` reads queries; ``docs/profiles.md`` tells their language by example.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator


class QueryField(enum.StrEnum):
    """Where a term is looked for, by arXiv's names."""

    ALL = "all"
    TITLE = "ti"
    ABSTRACT = "abs"
    AUTHOR = "au"
    CATEGORY = "cat"
    COMMENT = "co"
    JOURNAL = "jr"


FIELD_NAMES = {field.value: field for field in QueryField} | {
    "title": QueryField.TITLE,
    "abstract": QueryField.ABSTRACT,
    "author": QueryField.AUTHOR,
    "category": QueryField.CATEGORY,
    "comment": QueryField.COMMENT,
    "journal": QueryField.JOURNAL,
}
OPERATORS = frozenset({"AND", "OR", "NOT", "ANDNOT"})
_BARE = re.compile(r'[^\s()"~:]+')
_NEAR = re.compile(r"NEAR(/\d+)?")


@dataclass(frozen=True, slots=True)
class Term:
    """A word, phrase, prefix, name or category in one field."""

    text: str
    field: QueryField = QueryField.ALL


@dataclass(frozen=True, slots=True)
class Near:
    """Words or phrases in one field with at most ``distance`` other words between them, in any order."""

    terms: tuple[str, ...]
    distance: int
    field: QueryField = QueryField.ALL


@dataclass(frozen=True, slots=True)
class Not:
    """Everything but."""

    query: Query


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    queries: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them."""

    queries: tuple[Query, ...]


Query: TypeAlias = Term | Near | Not | And | Or


def format_query(query: Query) -> str:
    """Return a query as text that parses to the same tree."""
    match query:
        case Term(text, field):
            return _prefixed(field, _quoted(text))
        case Near(terms, distance, field):
            if any(" " in term for term in terms):
                return " ".join((f" NEAR/{distance} ").join(_prefixed(field, _quoted(term)) for term in terms).split())
            return _prefixed(field, f'"{" ".join(terms)}"~{distance}')
        case Not(inner):
            return f"NOT {_nested(inner)}"
        case And(queries):
            return " AND ".join(_nested(inner) for inner in queries)
        case Or(queries):
            return " OR ".join(_nested(inner) for inner in queries)


def _nested(query: Query) -> str:
    text = format_query(query)
    is_group = isinstance(query, And | Or | Not) or (isinstance(query, Near) and " NEAR/" in text)
    return f"({text})" if is_group else text


def _prefixed(field: QueryField, text: str) -> str:
    return text if field is QueryField.ALL else f"{field}:{text}"


def _quoted(text: str) -> str:
    is_bare = _BARE.fullmatch(text) and text.upper() not in OPERATORS and not _NEAR.fullmatch(text)
    return text if is_bare else f'"{text}"'


def is_bounded(query: Query) -> bool:
    """Return whether something must be there for a paper to match: ``NOT survey`` alone would take all the others."""
    match query:
        case Not():
            return False
        case And(queries):
            return any(is_bounded(inner) for inner in queries)
        case Or(queries):
            return all(is_bounded(inner) for inner in queries)
        case _:
            return True


def positive_leaves(query: Query) -> Iterator[Term | Near]:
    """Yield the terms that speak for a paper, in order; not those under a NOT."""
    match query:
        case Not():
            return
        case And(queries) | Or(queries):
            for inner in queries:
                yield from positive_leaves(inner)
        case _:
            yield query


def leaves(query: Query) -> Iterator[Term | Near]:
    """Yield every term, in order."""
    match query:
        case Not(inner):
            yield from leaves(inner)
        case And(queries) | Or(queries):
            for each in queries:
                yield from leaves(each)
        case _:
            yield query
