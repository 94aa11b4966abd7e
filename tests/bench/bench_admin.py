"""How fast the admin's pages answer: ``python -m tests.bench.bench_admin [--people N] [--papers N] [--json]``.

A month of mails to 4,500 readers, 100,000 deliveries, in SQLite; each page is asked five times. A draft of a profile is
tried on 15,000 synthetic papers of the last 30 days, as in ``bench_match``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from newsletter.store.dialect import parse_address
from newsletter.store.indexing import index_missing
from newsletter.store.migrate import connect
from newsletter.store.paperrows import paper_row
from newsletter.store.schema import papers as table
from newsletter.wiring.application import open_application
from tests.bench.bench_match import make_corpus
from tests.support.adminsite import OWN, log_in, make_admin_configuration, make_history, token_of, visitor

if TYPE_CHECKING:
    import httpx2

    from tests.bench.bench_match import Corpus

ROUNDS = 5
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date()
PAGES = {
    "overview": "/admin",
    "issues": "/admin/issues?days=90",
    "one issue": f"/admin/issues/{YESTERDAY}",
    "deliveries": "/admin/deliveries",
    "deliveries that nobody has": "/admin/deliveries?domain=none.example",
    "one delivery": "/admin/deliveries/5000",
    "sources": "/admin/sources",
    "relays": "/admin/relays",
    "bounces": "/admin/bounces",
    "suppression": "/admin/suppression",
    "growth": "/admin/growth?days=90",
    "profiles": "/admin/profiles",
    "one profile": "/admin/profiles/language-models",
}


def fill(url: str, corpus: Corpus) -> None:
    """Store all papers, spread over the last 29 days."""
    now = datetime.now(UTC)
    step = timedelta(days=29) / max(len(corpus.papers), 1)
    rows = []
    for paper in corpus.papers:
        at = now - step * paper.id
        dated = replace(paper, id=paper.id + 100, published_at=at, first_seen_at=at, arxiv_id=None, backlog=False)
        rows.append(paper_row(dated))
    with connect(parse_address(url), 30, writing=True) as connection:
        connection.execute(table.insert(), rows)
        index_missing(connection)


async def ask(directory: Path, words: list[str]) -> dict[str, float]:
    """Return the median time of each page, and that of a draft, in milliseconds."""
    figures = {}
    async with open_application(directory) as application, visitor(application) as client:
        await log_in(client)
        for name, path in PAGES.items():
            times = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                answer = await client.get(path)
                times.append((time.perf_counter() - began) * 1000)
                answer.raise_for_status()
            figures[name] = statistics.median(times)
        keywords = "".join(f"  - {word}\n" for word in words[300:340])
        figures["draft"] = await try_draft(client, f"keywords:\n{keywords}")
    return figures


async def try_draft(client: httpx2.AsyncClient, text: str) -> float:
    """Return how many milliseconds a draft takes."""
    files = {"token": (None, await token_of(client)), "draft": (None, text)}
    began = time.perf_counter()
    answer = await client.post("/admin/profiles/language-models", files=files, headers=OWN, timeout=120)
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1000


def measure(people: int, papers: int) -> dict[str, float]:
    """Return the figures of all pages in milliseconds, with how much there was."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    with tempfile.TemporaryDirectory(prefix="newsletter-admin-") as folder:
        directory = Path(folder) / "config"
        make_admin_configuration(directory)
        make_history(directory, people)
        corpus = make_corpus(papers)
        fill(f"sqlite:///{directory}/data/newsletter.db", corpus)
        figures = asyncio.run(ask(directory, corpus.vocabulary))
    return {"people": people, "papers": papers, **figures}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--people", type=int, default=4_500)
    parser.add_argument("--papers", type=int, default=15_000)
    arguments = parser.parse_args()
    figures = measure(arguments.people, arguments.papers)
    if arguments.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:28} {value:10,.0f}\n")


if __name__ == "__main__":
    main()
