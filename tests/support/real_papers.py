"""Papers that people wrote: the recorded ones beside the project when they are there, else the shipped samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.samples import make_paper

if TYPE_CHECKING:
    from newsletter.model import Paper

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT.parent / "shared" / "data" / "papers" / "hf-search.json"
SAMPLES = ROOT / "config" / "samples" / "daily-papers-sample.json"


def real_papers(count: int) -> dict[int, Paper]:
    """Return so many papers by their ids; the samples are repeated where they are too few."""
    texts = _recorded() if RECORDED.exists() else _samples()
    chosen = [texts[number % len(texts)] for number in range(count)]
    return {
        number: make_paper(number, title, abstract=abstract) for number, (title, abstract) in enumerate(chosen, start=1)
    }


def _recorded() -> list[tuple[str, str]]:
    return [(each["title"], each["abstract"]) for each in json.loads(RECORDED.read_text("utf-8"))["papers"]]


def _samples() -> list[tuple[str, str]]:
    return [(each["paper"]["title"], each["paper"]["summary"]) for each in json.loads(SAMPLES.read_text("utf-8"))]
