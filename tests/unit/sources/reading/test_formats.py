"""Whatever JSON or XML comes, it becomes entries that a store can take, or a clear refusal."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.sources.reading.document import NotAFeedError
from newsletter.sources.reading.formats import read_document

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = st.sampled_from(["", " ", "2601.00001v2", "10.5555/x", "https://a.example/\ud800", "a\0b", "<p>x</p>"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ITEM_NAMES = "id url external_url title summary content_html authors author tags date_published attachments doi"
PAPER_NAMES = "id title summary authors publishedAt upvotes githubRepo ai_keywords organization"
ITEMS = st.dictionaries(st.sampled_from(ITEM_NAMES.split()), VALUES)
PAPERS = st.fixed_dictionaries(
    {"paper": st.dictionaries(st.sampled_from(PAPER_NAMES.split()), VALUES)},
    optional={"numComments": VALUES, "thumbnail": VALUES, "title": VALUES, "organization": VALUES},
)


def check(document: Any) -> None:
    """Read a document; what comes out must be storable, and nothing but a refusal may be raised."""
    try:
        reading = read_document(json.dumps(document).encode(), "any", None, "https://f.example/", NOW)
    except NotAFeedError:
        return
    for entry in reading.entries:
        assert entry.title
        assert entry.entry_id
        stored = json.dumps(asdict(entry), default=str, ensure_ascii=False)
        stored.encode("utf-8")
        assert "\\u0000" not in stored


@settings(max_examples=60)
@given(st.lists(ITEMS | VALUES, max_size=4), VALUES)
def test_any_json_feed(items: list[Any], extra: object) -> None:
    check({"version": "https://jsonfeed.org/version/1.1", "items": items, "home_page_url": extra, "authors": extra})


@settings(max_examples=60)
@given(st.lists(PAPERS | VALUES, max_size=4))
def test_any_daily_papers(papers: list[Any]) -> None:
    check(papers)


@settings(max_examples=30)
@given(VALUES)
def test_any_json(value: object) -> None:
    check(value)
