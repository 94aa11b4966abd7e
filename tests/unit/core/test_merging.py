from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.merging import Collection, entry_version, merge, strongest, unite
from newsletter.model import AnnounceType, Community, Entry, Paper

NOW = datetime(2026, 1, 5, tzinfo=UTC)
FIRST = Collection("arxiv", 1, NOW)
LATER = Collection("arxiv", 2, NOW + timedelta(days=1))
ENTRY = Entry(
    "oai:arXiv.org:2601.00001v1", "A title", "An abstract.", ("Ada",), "https://arxiv.org/abs/2601.00001", version=1
)


def paper_of(*entries: Entry) -> Paper:
    paper = None
    for number, entry in enumerate(entries, start=1):
        paper = merge(paper, entry, Collection(f"source{number}", number, NOW)).paper
    assert paper is not None
    return paper


def test_a_new_paper_is_what_its_entry_says() -> None:
    merged = merge(None, ENTRY, replace(FIRST, is_first=True))
    paper = merged.paper
    assert (paper.id, paper.title, paper.arxiv_id, paper.version) == (0, "A title", "2601.00001", 1)
    assert (paper.first_seen_at, paper.arrival, paper.version_arrival, paper.backlog) == (NOW, 1, None, True)
    assert merged.version is not None
    assert (merged.version.version, merged.version.source, merged.is_newer_version) == (1, "arxiv", False)


def test_the_same_again_changes_nothing() -> None:
    paper = merge(None, ENTRY, FIRST).paper
    assert merge(paper, ENTRY, LATER, ENTRY).paper == paper


def test_blanks_are_filled_and_nothing_is_emptied() -> None:
    known = paper_of(replace(ENTRY, abstract="", doi=None))
    fuller = replace(ENTRY, title="", abstract="Now there is one.", doi="10.1000/X", comment="5 pages", authors=())
    paper = merge(known, fuller, LATER).paper
    assert (paper.title, paper.abstract, paper.doi) == ("A title", "Now there is one.", "10.1000/x")
    assert (paper.comment, paper.authors, paper.arrival) == ("5 pages", ("Ada",), 2)


def test_backlog_stays_what_it_was() -> None:
    known = merge(None, ENTRY, replace(FIRST, is_first=True)).paper
    assert merge(known, replace(ENTRY, categories=("cs.LG",)), LATER).paper.backlog
    fresh = merge(None, ENTRY, FIRST).paper
    assert not merge(fresh, ENTRY, replace(LATER, is_first=True)).paper.backlog


@pytest.mark.parametrize("late", [1, 2])
def test_an_older_or_equal_version_rewrites_nothing(late: int) -> None:
    known = paper_of(replace(ENTRY, version=2))
    merged = merge(known, replace(ENTRY, version=late, title="Old words"), LATER)
    assert (merged.paper.title, merged.paper.version, merged.is_newer_version) == ("A title", 2, False)


def test_a_newer_version_without_an_abstract_keeps_the_old_one() -> None:
    paper = merge(paper_of(ENTRY), replace(ENTRY, version=3, abstract=""), LATER).paper
    assert (paper.abstract, paper.version, paper.version_arrival) == ("An abstract.", 3, 2)


def test_an_edit_is_followed_only_where_the_text_came_from_there() -> None:
    blog = Entry("post", "A blgo post", "Their words.", url="https://lab.example/post")
    paper = paper_of(blog)
    edited = replace(blog, title="A blog post", abstract="Better words.")
    followed = merge(paper, edited, LATER, blog).paper
    assert (followed.title, followed.abstract, followed.arrival) == ("A blog post", "Better words.", 1)
    elsewhere = replace(paper, title="From elsewhere")
    assert merge(elsewhere, edited, LATER, blog).paper.title == "From elsewhere"


@given(st.permutations(list(AnnounceType)))
def test_the_strongest_announcement_stands_whatever_the_order(order: list[AnnounceType]) -> None:
    paper = paper_of(*(replace(ENTRY, announce_type=each) for each in order))
    assert paper.announce_type is AnnounceType.NEW


def test_announcements_are_ordered() -> None:
    assert strongest(AnnounceType.REPLACE, AnnounceType.CROSS) is AnnounceType.CROSS
    assert strongest(AnnounceType.REPLACE, AnnounceType.REPLACE_CROSS) is AnnounceType.REPLACE


def test_the_version_of_the_text_is_not_that_of_a_link() -> None:
    assert entry_version(Entry("post", "Our paper is out", url="https://arxiv.org/abs/2601.00001v7")) is None
    assert entry_version(Entry("oai:arXiv.org:2601.00001v7", "A title")) == 7
    assert entry_version(Entry("oai:arXiv.org:2601.00001v7", "A title", version=2)) == 2


def test_a_count_of_none_is_not_zero() -> None:
    known = paper_of(replace(ENTRY, community=Community(upvotes=5, comments=2)))
    after = merge(known, replace(ENTRY, community=Community(upvotes=0)), LATER).paper.community
    assert (after.upvotes, after.comments) == (0, 2)


def test_united_papers_lose_nothing() -> None:
    one = replace(paper_of(replace(ENTRY, categories=("cs.LG",))), id=4, backlog=True, arrival=3)
    other = Paper(
        id=9,
        title="The article",
        abstract="Printed.",
        authors=("Ada L.",),
        url="https://journal.example/1",
        first_seen_at=NOW - timedelta(days=9),
        arrival=7,
        doi="10.1000/x",
        categories=("Machine Learning",),
        announce_type=AnnounceType.CROSS,
        community=Community(upvotes=3),
        sources=("journal",),
        version_arrival=6,
    )
    both = unite(one, other)
    assert (both.id, both.title, both.doi, both.arxiv_id) == (4, "A title", "10.1000/x", "2601.00001")
    assert (both.arrival, both.version_arrival, both.backlog) == (7, 6, False)
    assert both.first_seen_at == NOW - timedelta(days=9)
    assert both.categories == ("cs.LG", "Machine Learning")
    assert both.sources == ("source1", "journal")
    assert both.community.upvotes == 3
    assert replace(unite(other, one), id=4).title == "A title"  # the text with the higher version leads
