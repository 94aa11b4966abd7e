"""The recorded feeds beside the project come out as their README says; skipped where they are absent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from newsletter.model import AnnounceType, FetchResult, SourceState
from newsletter.sources.base import SourceContext
from newsletter.sources.fetch import Fetcher, FetchSettings
from newsletter.sources.kinds import create_source
from newsletter.sources.parse import Parser

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, tzinfo=UTC)


async def read(folder: Path, name: str) -> FetchResult:
    """Return what a recorded file holds."""
    context = SourceContext(Fetcher(FetchSettings("", "")), Parser(), folder / "feeds", lambda: NOW)
    return await create_source("file", name, {"path": name}, context).fetch(SourceState(name))


@pytest.mark.parametrize(
    ("name", "entries", "skipped", "with_authors", "with_abstracts", "with_links"),
    [
        ("arxiv_atom_cs.AI_2025-08-20.xml", 7, 0, 7, 7, 7),
        ("arxiv_rss_cs.AI_2026-04-27.xml", 3, 0, 3, 3, 3),
        ("arxiv_api_transformer_2026-06-14.xml", 5, 0, 5, 5, 5),
        ("hf_daily_papers_2026-06-12.json", 30, 0, 30, 30, 30),
        ("biorxiv_plant_biology_2019-08.rdf", 30, 0, 30, 30, 30),
        ("blog_bair_2026-04-27.xml", 3, 0, 0, 3, 3),
        ("blog_deepmind_2026-04-27.xml", 3, 0, 0, 2, 3),
        ("nasty_latin1_undeclared.xml", 9, 1, 0, 9, 9),
        ("nasty_untitled_items.rss", 50, 0, 0, 47, 50),
    ],
)
async def test_counts(  # noqa: PLR0917 (one row of the table above)
    shared_data: Path, name: str, entries: int, skipped: int, with_authors: int, with_abstracts: int, with_links: int
) -> None:
    result = await read(shared_data, name)

    assert result.fault is None
    assert (len(result.entries), result.skipped) == (entries, skipped)
    assert sum(bool(entry.authors) for entry in result.entries) == with_authors
    assert sum(bool(entry.abstract) for entry in result.entries) == with_abstracts
    assert sum(entry.url.startswith("http") for entry in result.entries) == with_links
    assert all(entry.title and entry.published_at for entry in result.entries)
    assert len({entry.entry_id for entry in result.entries}) == entries
    assert not any("<p>" in entry.abstract or "&lt;" in entry.abstract for entry in result.entries)


@pytest.mark.parametrize("name", ["arxiv_atom_cs.AI_2025-08-20.xml", "arxiv_rss_cs.AI_2026-04-27.xml"])
async def test_arxiv_announcements(shared_data: Path, name: str) -> None:
    entries = (await read(shared_data, name)).entries

    kinds = [entry.announce_type for entry in entries]
    expected = {AnnounceType.CROSS: 5, AnnounceType.NEW: 2} if "atom" in name else {AnnounceType.NEW: 3}
    assert {kind: kinds.count(kind) for kind in kinds} == expected
    assert all(entry.version == 1 and "cs.AI" in entry.categories for entry in entries)
    assert all(entry.url == f"https://arxiv.org/abs/{entry.arxiv_id}" for entry in entries)
    assert not any("Announce Type" in entry.abstract for entry in entries)
    assert all("," not in author for entry in entries for author in entry.authors)


async def test_huggingface_counts(shared_data: Path) -> None:
    communities = [entry.community for entry in (await read(shared_data, "hf_daily_papers_2026-06-12.json")).entries]

    known = [community for community in communities if community]
    assert sum(community.summary is not None for community in known) == 30
    assert sum(community.code_url is not None for community in known) == 16
    assert sum(community.organisation is not None for community in known) == 16
    votes = [community.upvotes for community in known if community.upvotes is not None]
    assert (len(votes), min(votes), max(votes)) == (30, 0, 118)


async def test_biorxiv_identity(shared_data: Path) -> None:
    entries = (await read(shared_data, "biorxiv_plant_biology_2019-08.rdf")).entries

    assert all(entry.doi and entry.doi.startswith("10.1101/") and entry.version for entry in entries)
    assert entries[0].authors[:2] == ("M. Kaur", "A. Shukla")
    assert entries[0].published_at == datetime(2019, 8, 27, tzinfo=UTC)


async def test_latin1_is_read_without_being_declared(shared_data: Path) -> None:
    texts = " ".join(entry.abstract for entry in (await read(shared_data, "nasty_latin1_undeclared.xml")).entries)

    assert "à l'origine de troubles neuro-développementaux chez l'enfant" in texts
    assert "Ã" not in texts


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("arxiv_api_error_400.xml", "status", "incorrect id format for abc"),
        ("arxiv_api_error_400.json", "not-a-feed", "no feed"),
        ("arxiv_oai_arXivRaw_2014-01-16.xml", "not-a-feed", "OAI-PMH"),
        ("medrxiv_api_2026-09-15.json", "not-a-feed", "no feed"),
    ],
)
async def test_what_is_no_feed(shared_data: Path, name: str, kind: str, words: str) -> None:
    result = await read(shared_data, name)

    assert not result.entries
    assert result.fault is not None
    assert result.fault.kind == kind
    assert words in result.fault.message
