from __future__ import annotations

import time

import pytest

from newsletter.sources.reading.people import authors_of


@pytest.mark.parametrize(
    ("names", "authors"),
    [
        (["Ann Lee", "Bo Li"], ("Ann Lee", "Bo Li")),
        (["Lee, Ann", "Li, B. C."], ("Ann Lee", "B. C. Li")),
        (["Lee, A., Li, B. C., Van den Berg, J.-P."], ("A. Lee", "B. C. Li", "J.-P. Van den Berg")),
        (["Zhang, a., jiang, x., zhang, x."], ("a. Zhang", "x. jiang", "x. zhang")),
        (["Lee A, Li BC"], ("Lee A", "Li BC")),
        (["Lee, Ann; Li, Bo"], ("Ann Lee", "Bo Li")),
        (["Lee, Ann"], ("Ann Lee",)),
        (["Ann Lee and Bo Li"], ("Ann Lee", "Bo Li")),
        (["Ann Lee, Bo Li, and Cy Roe"], ("Ann Lee", "Bo Li", "Cy Roe")),
        (["By Ann Lee & Bo Li"], ("Ann Lee", "Bo Li")),
        (["Anderson Sandoval, Bo Brand"], ("Anderson Sandoval", "Bo Brand")),
        (["John Roe, Jr., Ann Lee"], ("John Roe Jr.", "Ann Lee")),
        (["Ann Lee et al."], ("Ann Lee et al.",)),
        (["Ann Lee", "Ann Lee"], ("Ann Lee",)),
        (["admin"], ()),
        (["ann@lab.example"], ()),
        (["", "  "], ()),
        (["M&uuml;ller, <b>Jo</b>"], ("Jo Müller",)),
    ],
)
def test_names_are_split(names: list[str], authors: tuple[str, ...]) -> None:
    assert authors_of(names) == authors


@pytest.mark.parametrize(
    ("text", "authors"),
    [
        ("Ann Lee, Bo Li", ("Ann Lee", "Bo Li")),
        ("Ann Lee (1 and 2), Bo Li (Univ. of X, Dept. (Y), Z) , Cy", ("Ann Lee", "Bo Li", "Cy")),
        ("OpenAI, Ann Lee", ("OpenAI", "Ann Lee")),
        ("OpenAI, Google", ("OpenAI", "Google")),
        ("The CMS and LHCb Collaborations", ("The CMS and LHCb Collaborations",)),
        ("Ann Lee (unclosed, Bo Li", ("Ann Lee",)),
    ],
)
def test_arxiv_lists_have_no_commas_within_names(text: str, authors: tuple[str, ...]) -> None:
    assert authors_of([text], is_arxiv=True) == authors


@pytest.mark.parametrize("text", ["(" * 100_000, "a. " * 33_000, ", " * 50_000, "A.-" * 33_000 + ",x", " and" * 25_000])
def test_hostile_lists_take_no_quadratic_time(text: str) -> None:
    started = time.process_time()

    authors_of(["x, " + text])

    assert time.process_time() - started < 3
