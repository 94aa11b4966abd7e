import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.keyword_text import (
    format_keyword,
    format_keywords,
    parse_keyword,
    parse_keywords,
    split_list,
)
from newsletter.model import Field, Keyword

TEXTS = st.text('ab ;:^\\"*$2-ét', min_size=1, max_size=12).map(str.strip).filter(lambda text: text.strip('"* ')) | (
    st.sampled_from(["none", "None", "title: x", "abstract:", "x^2", "x^", r"$\beta$-VAE", "\\", "a\\", "^^", "any:b"])
)
KEYWORDS = st.builds(
    Keyword,
    TEXTS,
    st.sampled_from([1.0, 2.0, 0.5, 1 / 3, 1000.0, 1e-7]) | st.floats(0.001, 999),
    st.sampled_from(Field),
)


@given(KEYWORDS)
def test_a_keyword_is_read_back_as_it_was_written(keyword: Keyword) -> None:
    assert parse_keyword(format_keyword(keyword)) == keyword


@given(st.lists(KEYWORDS, max_size=4, unique=True).map(tuple))
def test_a_list_of_keywords_is_read_back_as_it_was_written(keywords: tuple[Keyword, ...]) -> None:
    assert parse_keywords(format_keywords(keywords)) == keywords


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("diffusion model", Keyword("diffusion model")),
        (' "RAG" ', Keyword('"RAG"')),
        ("Title: graph*^2.5", Keyword("graph*", 2.5, Field.TITLE)),
        (r"$\beta$-VAE", Keyword(r"$\beta$-VAE")),
        ("$x^n$", Keyword("$x^n$")),
        ("e^-1", Keyword("e^-1")),
        (r"title\: a reply", Keyword("title: a reply")),
        ("C++", Keyword("C++")),
        ("topic: modelling", Keyword("topic: modelling")),
    ],
)
def test_what_people_write_is_understood(text: str, expected: Keyword) -> None:
    assert parse_keyword(text) == expected


@pytest.mark.parametrize("text", ["", "  ", "title:", "^2", '""', "*", "x^0", "x^1001", "x^1e99", "a\x07b"])
def test_what_is_no_keyword_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"holds no word|is not above 0|invisible"):
        parse_keyword(text)


def test_lists_are_split_at_semicolons_that_stand_for_themselves() -> None:
    assert split_list(r"a; b ;;c\;d;e\\;f") == ["a", "b", r"c\;d", "e\\\\", "f"]


def test_an_empty_list_is_written_as_a_word() -> None:
    assert parse_keywords("None") == ()
    assert format_keywords(()) == "none"
    assert parse_keywords("none;") == (Keyword("none"),)
