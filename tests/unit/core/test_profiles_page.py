"""Runs every example of docs/profiles.md, so that the page cannot promise what the program does not do."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from newsletter.core.keyword import validate_keyword
from newsletter.core.match import Matcher
from newsletter.core.match_authors import is_author, parse_author, parse_name
from newsletter.core.match_filter import matching_category
from newsletter.core.query_parse import parse_query
from newsletter.core.search import query_matches
from newsletter.errors import QueryError
from newsletter.model import Keyword, Paper, Profile, Topic

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "profiles.md").read_text(encoding="utf-8")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rows(kind: str) -> list[tuple[str, ...]]:
    blocks = re.findall(rf"^```text {kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [tuple(cell.strip() for cell in line.split(" | ")) for block in blocks for line in block.splitlines()]


def paper(title: str, abstract: str = "") -> Paper:
    return Paper(1, title, abstract, (), "", NOW, 1)


def score(keywords: tuple[Keyword, ...], title: str, abstract: str) -> float:
    profile = Profile("p", "P", topics=(Topic("T", keywords),), minimum_score=-1000)
    matches = Matcher([profile]).scan([paper(title, abstract)]).matches("p")
    return matches[0].score if matches else 0.0


@pytest.mark.parametrize(("keyword", "text", "verdict"), rows("keywords"))
def test_keyword(keyword: str, text: str, verdict: str) -> None:
    assert validate_keyword(keyword) is None
    for title, abstract in ((text, ""), ("", text)):
        assert bool(score((Keyword(keyword),), title, abstract)) is (verdict == "yes")


@pytest.mark.parametrize(("keyword", "message"), rows("keyword-errors"))
def test_keyword_that_is_refused(keyword: str, message: str) -> None:
    assert message in (validate_keyword(keyword) or "")


@pytest.mark.parametrize(("wanted", "name", "verdict"), rows("names"))
def test_name(wanted: str, name: str, verdict: str) -> None:
    term = parse_author(wanted)
    assert term is not None
    assert is_author(term, parse_name(name)) is (verdict == "yes")


@pytest.mark.parametrize(("pattern", "categories", "verdict"), rows("categories"))
def test_category(pattern: str, categories: str, verdict: str) -> None:
    stated = Paper(1, "A title", "", (), "", NOW, 1, categories=tuple(categories.split()))
    assert (matching_category((pattern,), stated) is not None) is (verdict == "yes")


@pytest.mark.parametrize(("query", "verdict"), rows("queries"))
def test_query(query: str, verdict: str) -> None:
    abstract = "We train networks on noisy pictures. The survey of related work is short."
    latent = Paper(
        1, "Latent Diffusion Models for Image Synthesis", abstract, ("Robin Example",), "", NOW, 1,
        categories=("cs.CV",), comment="Accepted at CVPR",
    )  # fmt: skip
    assert (query_matches(query, latent) is not None) is (verdict == "yes")


@pytest.mark.parametrize(("query", "column", "message"), rows("query-errors"))
def test_query_that_is_refused(query: str, column: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(query)
    assert caught.value.column == int(column)
    assert message in str(caught.value)


@pytest.mark.parametrize(("keywords", "texts", "expected"), rows("scores"))
def test_score(keywords: str, texts: str, expected: str) -> None:
    parts = [re.fullmatch(r"(.*?)(?: \((-?\d+)\))?", each.strip()) for each in keywords.split(";")]
    wanted = tuple(Keyword(found[1], float(found[2] or 1)) for found in parts if found)
    title, abstract = texts.split(" / ")
    assert score(wanted, title, abstract) == float(expected)


def test_every_kind_of_example_is_there() -> None:
    kinds = set(re.findall(r"^```text (\S+)$", PAGE, re.MULTILINE))
    assert kinds == {"keywords", "keyword-errors", "names", "categories", "queries", "query-errors", "scores"}


def test_the_profile_shown_matches_without_problems() -> None:
    block = re.search(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert block is not None
    shown = yaml.safe_load(block[1])
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE))))
    assert set(shown) <= documented
    for topic in shown["topics"]:
        for keyword in topic["keywords"]:
            assert validate_keyword(keyword if isinstance(keyword, str) else keyword["keyword"]) is None
        if "query" in topic:
            parse_query(topic["query"])
