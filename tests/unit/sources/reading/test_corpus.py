"""Every feed of the corpus comes out as the file beside it says."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from newsletter.model import Community, Entry
from newsletter.sources.reading.formats import read_document

FEEDS = Path(__file__).resolve().parents[3] / "corpus" / "feeds"
DOCUMENTS = sorted(path for path in FEEDS.iterdir() if path.with_name(f"{path.name}.expected.json").exists())
NOW = datetime(2025, 9, 1, tzinfo=UTC)


def brief(value: Entry | Community) -> dict[str, Any]:
    """Return the fields that are not at their default, as JSON has them."""
    told: dict[str, Any] = {}
    for field in fields(value):
        part = getattr(value, field.name)
        if field.default is not MISSING and part == field.default:
            continue
        if isinstance(part, Community):
            part = brief(part)
        told[field.name] = part.isoformat() if isinstance(part, datetime) else part
    return told


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_document_holds_what_is_expected(path: Path) -> None:
    reading = read_document(path.read_bytes(), "any", None, "https://feed.example/base/", NOW)

    told = {
        "skipped": reading.skipped,
        "notes": reading.notes,
        "entries": [brief(entry) for entry in reading.entries],
    }
    expected = json.loads(path.with_name(f"{path.name}.expected.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(told)) == expected


def test_every_document_of_the_corpus_has_an_expectation() -> None:
    documents = [path for path in FEEDS.iterdir() if ".expected." not in path.name and path.suffix != ".md"]
    assert sorted(documents) == DOCUMENTS
    assert len(DOCUMENTS) >= 12
