from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.joining import Joining, Known, may_join, may_unite
from newsletter.core.merging import Collection
from newsletter.model import Entry, KeyScheme, Paper

NOW = datetime(2026, 1, 5, tzinfo=UTC)
PAPER = Paper(
    1, "A title of some length", "", ("Ada",), "https://lab.example/a", NOW, 1, arxiv_id="2601.00001", sources=("lab",)
)
ENTRY = Entry("x", "A title of some length", authors=("Ada",), url="https://lab.example/a")


@pytest.mark.parametrize(
    ("paper", "entry", "scheme", "expected"),
    [
        (PAPER, ENTRY, KeyScheme.TITLE, True),
        (PAPER, replace(ENTRY, arxiv_id="2601.00002"), KeyScheme.TITLE, False),
        (PAPER, replace(ENTRY, arxiv_id="2601.00002", doi="10.1000/x"), KeyScheme.DOI, False),
        (PAPER, replace(ENTRY, arxiv_id="2601.00001", doi="10.1000/y"), KeyScheme.ARXIV, True),
        (replace(PAPER, doi="10.1000/x"), replace(ENTRY, doi="10.1000/y"), KeyScheme.TITLE, False),
        (replace(PAPER, doi="10.1000/x"), replace(ENTRY, doi="10.1000/y"), KeyScheme.URL, False),
        (PAPER, replace(ENTRY, doi="10.1000/y"), KeyScheme.TITLE, True),
        (PAPER, replace(ENTRY, title="Another title on that page"), KeyScheme.URL, False),
        (replace(PAPER, sources=("b",)), replace(ENTRY, title="Another title on that page"), KeyScheme.URL, True),
    ],
)
def test_a_key_joins_only_what_does_not_contradict_it(
    paper: Paper, entry: Entry, scheme: KeyScheme, *, expected: bool
) -> None:
    assert may_join(paper, entry, scheme, "lab") is expected


def test_papers_with_different_identifiers_never_become_one() -> None:
    article = replace(PAPER, id=2, arxiv_id=None, doi="10.1000/x")
    assert may_unite(PAPER, article)
    assert not may_unite(PAPER, replace(article, arxiv_id="2601.00002"))
    assert not may_unite(replace(PAPER, arxiv_id=None, doi="10.1000/y"), article)
    assert may_unite(replace(PAPER, doi="10.1000/y"), replace(article, arxiv_id="2601.00001"))


numbers = st.integers(1, 3)
entries = st.builds(
    lambda item, arxiv, doi, title, link, abstract: Entry(
        f"item-{item}",
        f"A title of some length, number {title}",
        abstract=f"Told in way {abstract}" if abstract else "",
        authors=("Ada",),
        arxiv_id=f"2601.0000{arxiv}" if arxiv else None,
        doi=f"10.1000/{doi}" if doi else None,
        url=f"https://lab.example/{link}" if link else "",
    ),
    numbers,
    st.none() | numbers,
    st.none() | numbers,
    numbers,
    st.none() | numbers,
    st.none() | numbers,
)


def joined(*collections: list[Entry]) -> Joining:
    known = Known()
    joining = Joining(known, Collection("lab", 0, NOW))
    for number, listed in enumerate(collections, start=1):
        joining = Joining(known, Collection("lab", number, NOW))
        joining.take_all(listed)
        renamed = {paper_id: abs(paper_id) + 1000 * number for paper_id in joining.papers if paper_id < 0}
        known = Known(
            {renamed.get(key, key): replace(paper, id=renamed.get(key, key)) for key, paper in joining.papers.items()},
            {key: renamed.get(joining.resolve(owner), joining.resolve(owner)) for key, owner in joining.owners.items()},
            {
                key: replace(seen, paper_id=renamed.get(joining.resolve(seen.paper_id), joining.resolve(seen.paper_id)))
                for key, seen in joining.sightings.items()
            },
        )
    return joining


@given(st.lists(entries, min_size=1, max_size=8))
def test_saving_again_changes_nothing_whatever_a_feed_contains(listed: list[Entry]) -> None:
    again = joined(listed, listed)
    assert again.counts.unchanged == len(listed)
    assert not again.changed
    assert not again.seen
    assert not again.keys


@given(st.lists(entries, min_size=1, max_size=8))
def test_every_entry_is_about_one_stored_paper_and_no_arxiv_id_about_two(listed: list[Entry]) -> None:
    joining = joined(listed)
    ids = [paper.arxiv_id for paper in joining.papers.values() if paper.arxiv_id]
    assert len(ids) == len(set(ids)) == len({entry.arxiv_id for entry in listed if entry.arxiv_id})
    for sighting in joining.sightings.values():
        paper = joining.papers[joining.resolve(sighting.paper_id)]
        assert sighting.entry.arxiv_id in (None, paper.arxiv_id)
    assert joining.counts.entries == len(listed)
    assert joining.counts.new - len(joining.moved) == len(joining.papers)
