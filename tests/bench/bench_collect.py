"""Collecting: an arXiv feed of 2,000 entries, from its bytes to stored papers, and a search over many papers.

``python -m tests.bench.bench_collect [--json] [--entries N] [--papers N]``. *read* includes the child process that
parses; its peer is feedparser alone on the same bytes, in this process, which makes no papers and is not safe there.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch
from xml.sax.saxutils import escape

import feedparser
import structlog

from newsletter.core.search import Searcher
from newsletter.model import FetchResult, SourceState
from newsletter.sources.base import SourceContext
from newsletter.sources.fetch import Fetcher, FetchSettings
from newsletter.sources.kinds import create_source
from newsletter.sources.parse import Parser
from newsletter.store import collection, indexing
from tests.bench.bench_match import Corpus, make_corpus
from tests.support.deliveries import make_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.core.index_words import IndexEntry
    from newsletter.model import Paper

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns="http://www.w3.org/2005/Atom" xml:lang="en-us">
<id>http://rss.arxiv.org/atom/cs.LG</id><title>cs.LG updates on arXiv.org</title>
<updated>2026-01-01T05:00:00+00:00</updated>
"""
ENTRY = """<entry><id>oai:arXiv.org:2601.{number:05}v1</id><title>{title}</title>
<updated>2026-01-01T05:00:00+00:00</updated>
<link href="https://arxiv.org/abs/2601.{number:05}" rel="alternate" type="text/html"/>
<summary>arXiv:2601.{number:05}v1 Announce Type: new
Abstract: {abstract}</summary>
<category term="cs.LG"/><category term="stat.ML"/><published>2026-01-01T00:00:00-05:00</published>
<arxiv:announce_type>new</arxiv:announce_type><dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>
<dc:creator>Ada Example, Bo Sample</dc:creator></entry>
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--entries", type=int, default=2000)
    parser.add_argument("--papers", type=int, default=10_000, help="how many to search")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    corpus = make_corpus(max(options.entries, options.papers))
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), corpus, options.entries))
    figures |= measure_search(corpus, options.papers)
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:24}{value:>12,}\n")


async def measure(folder: Path, corpus: Corpus, entries: int) -> dict[str, float]:
    feed = HEAD + "".join(
        ENTRY.format(number=paper.id, title=escape(paper.title), abstract=escape(paper.abstract))
        for paper in corpus.papers[:entries]
    )
    content = (feed + "</feed>").encode()
    (folder / "feed.xml").write_bytes(content)
    began = time.perf_counter()
    result = await read(folder)
    taken = time.perf_counter() - began
    if len(result.entries) != entries:
        raise SystemExit(str(result.fault or f"{len(result.entries)} entries of {entries}"))
    stored, indexing = await store(folder, result)
    began = time.perf_counter()
    feedparser.parse(io.BytesIO(content))
    peer = time.perf_counter() - began
    return {
        "entries": entries,
        "megabytes": round(len(content) / 1e6, 1),
        "read_s": round(taken, 2),
        "store_s": round(stored, 2),
        "indexing_s": round(indexing, 2),
        "feedparser_s": round(peer, 2),
    }


async def read(folder: Path) -> FetchResult:
    fetcher = Fetcher(FetchSettings("", ""))
    source = create_source("file", "arxiv", {"path": "feed.xml"}, SourceContext(fetcher, Parser(), folder, lambda: NOW))
    result = await source.fetch(SourceState("arxiv"))
    await fetcher.aclose()
    return result


async def store(folder: Path, result: FetchResult) -> tuple[float, float]:
    """Return the seconds that storing the entries takes, in one transaction, and how many of these indexing takes."""
    database = make_store(folder)
    spent = 0.0
    put = indexing.index_papers

    def entries_of(changed: Iterable[Paper]) -> list[IndexEntry]:
        nonlocal spent
        began = time.perf_counter()
        entries = indexing.entries_of(changed)
        spent += time.perf_counter() - began
        return entries

    async def index_papers(connection: AsyncConnection, entries: Sequence[IndexEntry]) -> None:
        nonlocal spent
        began = time.perf_counter()
        await put(connection, entries)
        spent += time.perf_counter() - began

    began = time.perf_counter()
    with patch.object(collection, "entries_of", entries_of), patch.object(collection, "index_papers", index_papers):
        await database.save_collection(SourceState("arxiv", last_success_at=NOW), list(result.entries), NOW)
    taken = time.perf_counter() - began
    await database.aclose()
    return taken, spent


def measure_search(corpus: Corpus, papers: int) -> dict[str, float]:
    """Return the seconds of one query over all papers, in memory."""
    common, rare = corpus.vocabulary[150], corpus.vocabulary[2000]
    searcher = Searcher(f'ti:{common} AND NOT abs:"{rare} {common}" OR abs:{rare}')
    began = time.perf_counter()
    found = sum(1 for _ in searcher.find(corpus.papers[:papers]))
    return {"searched": papers, "search_s": round(time.perf_counter() - began, 2), "found": found}


if __name__ == "__main__":
    main()
