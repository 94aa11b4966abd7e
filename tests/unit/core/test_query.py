from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.query import And, Near, Not, Or, Query, QueryField, Term, format_query, is_bounded
from newsletter.core.query_parse import parse_query
from newsletter.errors import QueryError

words = st.sampled_from(["diffusion", "graph", "and", "not", "NEAR", "k-means", "superv*", "3D", "ti", "深度"])
phrases = st.lists(words.filter(lambda word: "*" not in word), min_size=2, max_size=3).map(" ".join)
text_fields = st.sampled_from(
    [QueryField.ALL, QueryField.TITLE, QueryField.ABSTRACT, QueryField.COMMENT, QueryField.JOURNAL]
)
leaves = st.one_of(
    st.builds(Term, st.one_of(words, phrases), text_fields),
    st.builds(Term, st.sampled_from(["cs.LG", "cs.*"]), st.just(QueryField.CATEGORY)),
    st.builds(Term, st.sampled_from(["lecun", "Yann LeCun", "lecun_y"]), st.just(QueryField.AUTHOR)),
    st.builds(
        Near,
        st.lists(st.one_of(words, phrases), min_size=2, max_size=3).map(tuple),
        st.integers(0, 100),
        text_fields,
    ),
)


def _flat(kind: type[And | Or], parts: list[Query]) -> Query:
    return kind(tuple(inner for part in parts for inner in (part.queries if isinstance(part, kind) else (part,))))


def _joined(inner: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        several.map(lambda parts: _flat(And, parts)),
        several.map(lambda parts: _flat(Or, parts)),
        inner.map(lambda part: part.query if isinstance(part, Not) else Not(part)),
    )


queries: st.SearchStrategy[Query] = st.recursive(leaves, _joined, max_leaves=8)


def mistake(text: str) -> QueryError | None:
    try:
        parse_query(text)
    except QueryError as error:
        return error
    return None


@settings(max_examples=200, deadline=None)
@given(queries.filter(is_bounded))
def test_a_printed_query_parses_to_itself(query: Query) -> None:
    assert parse_query(format_query(query)) == query


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*'()"~:*/ ab\\$', "AND ", "OR ", "NOT ", "NEAR/3 ", "ti:", "zz:"])).map("".join))
def test_any_text_parses_or_is_refused_at_a_column_within_it(text: str) -> None:
    error = mistake(text)
    if error is not None:
        assert 1 <= error.column <= len(text) + 1
        assert "\n" not in str(error)


def test_binding() -> None:
    a, b, c = Term("a1"), Term("b1"), Term("c1")
    assert parse_query("a1 OR b1 c1") == Or((a, And((b, c))))
    assert parse_query("(a1 OR b1) AND c1") == And((Or((a, b)), c))
    assert parse_query("a1 ANDNOT b1") == parse_query("a1 AND NOT b1") == parse_query("a1 NOT b1")
    assert parse_query("NOT NOT a1") == a
    assert parse_query('"a1 b1"~5') == parse_query("a1 NEAR/5 b1") == Near(("a1", "b1"), 5)


def test_a_field_holds_within_its_parentheses() -> None:
    assert parse_query("ti:(a1 OR abs:b1) c1") == And(
        (Or((Term("a1", QueryField.TITLE), Term("b1", QueryField.ABSTRACT))), Term("c1"))
    )


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "a1" + ")" * 5000, "NOT " * 2000 + "a1", "a1 OR " * 1500 + "a1", "x" * 20000]
)
def test_monstrous_queries_are_answered(text: str) -> None:
    error = mistake(text)
    assert error is None or 1 <= error.column <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "column"),
    [("", 1), ("a1 &&  b1", 4), ("-a1", 1), ("a1~5", 1), ("a1 NEAR/2 (b1)", 11), ("ti:", 1), ("NOT", 1)],
)
def test_mistakes_point_at_their_column(text: str, column: int) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    assert caught.value.column == column
