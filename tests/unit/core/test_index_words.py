"""What the search index holds of a paper, word for word."""

from __future__ import annotations

from newsletter.core.index_words import code, decode, index_entry
from tests.support.samples import make_paper

ADVICE = "the index holds other words than before: add a migration that empties indexed_papers, then change this test"


def test_the_words_of_a_paper_are_what_stored_indexes_hold() -> None:
    paper = make_paper(
        7, "Self-Supervised $\\beta$-VAEs", abstract="Policies of mice. Gödel!", authors=("Y. LeCun",), comment=None
    )
    assert (
        index_entry(paper).tokens
        == "twself twsupervis twbeta twvae awpolici awof awmous b awgodel nwlecun nwy gx63732e6c67 swarxiv"
    ), ADVICE


def test_codes_are_ascii_and_come_back() -> None:
    for word in ("network", "c++", "深", "сет", "z", "x6e"):
        assert code(word).isascii()
        assert code(word).isalnum()
        assert decode(code(word)) == word
    assert code("6e") != code("n")
