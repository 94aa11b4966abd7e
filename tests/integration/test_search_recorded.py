"""The search over the page on which the project began: what it found by the letter, and what words cannot reach."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from newsletter.model import Entry, SearchRequest
from newsletter.service.search import WordSearch
from newsletter.store.sql import open_store
from tests.support.databases import migrated_file, sqlite_url
from tests.support.stored import NOW, succeeded

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["migrated_file", "sqlite_url"]


async def test_unsupervised_finds_what_the_page_found_by_the_letter(sqlite_url: str, shared_data: Path) -> None:
    recording = shared_data / "papers" / "hf-search.json"
    papers = json.loads(recording.read_text("utf-8"))["papers"]
    entries = [Entry(f"hf-{paper['n']}", paper["title"], paper["abstract"] or "") for paper in papers]
    by_letter = {each.title for each in entries if "unsupervised" in f"{each.title} {each.abstract}".lower()}
    store = open_store(sqlite_url)
    try:
        await store.save_collection(succeeded("hf"), entries, NOW)
        page = await WordSearch(store).search(SearchRequest("unsupervised", limit=200), NOW)
    finally:
        await store.aclose()
    assert {hit.paper.title for hit in page.hits} == by_letter
    assert (len(papers), page.total) == (108, 104)  # four were found by their meaning alone
