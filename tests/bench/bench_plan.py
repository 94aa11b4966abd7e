"""Planning: issues for 10,000 subscribers on SQLite, of 1,000 papers and 20 profiles, two for each subscriber.

``python -m tests.bench.bench_plan [--json] [--subscribers N]``: from the stored subscribers to committed deliveries and
ledger rows (about 40 papers each), and the run after it, for which nothing is due.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from newsletter.core.selection import Limits
from newsletter.model import Entry, Origin, SourceState
from newsletter.service.issue import IssuePolicy, Issuer
from tests.support.deliveries import make_store
from tests.support.samples import NOW, make_consent, make_draft, make_profile

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

PAPERS, PROFILES = 1000, 20
DAY = timedelta(days=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--subscribers", type=int, default=10_000)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), options.subscribers))
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:24}{value:>12,}\n")


async def measure(folder: Path, subscribers: int) -> dict[str, float]:
    store = make_store(folder)
    await fill(store, subscribers)
    profiles = {f"p{each}": make_profile(f"p{each}", f"topic{each}", f"topic{each + 20}") for each in range(PROFILES)}
    policy = IssuePolicy(Limits(7 * DAY, 14 * DAY), 2 * DAY, mail_when_quiet=False, message_domain="example.org")
    issuer = Issuer(store, profiles, ("arxiv",), policy)
    began, worked = time.perf_counter(), time.process_time()
    report = await issuer.issue(NOW)
    taken, worked = time.perf_counter() - began, time.process_time() - worked
    began = time.perf_counter()
    await issuer.issue(NOW)
    idle = time.perf_counter() - began
    await store.aclose()
    if report.planned != subscribers:
        raise SystemExit(str(report))
    return {
        "subscribers": subscribers,
        "distinct_digests": report.digests,
        "issue_s": round(taken, 2),
        "issue_cpu_s": round(worked, 2),
        "per_s": round(subscribers / taken),
        "nothing_due_ms": round(idle * 1000, 1),
    }


async def fill(store: SqlStore, subscribers: int) -> None:
    await store.save_collection(SourceState("arxiv", last_success_at=NOW), [], NOW)  # so that the next is no backlog
    await store.save_collection(
        SourceState("arxiv", last_success_at=NOW), [entry(number) for number in range(PAPERS)], NOW
    )
    drafts = [
        make_draft(f"r{number}@example.org", profiles=(f"p{number % PROFILES}", f"p{number * 7 % PROFILES}"))
        for number in range(subscribers)
    ]
    await store.apply_drafts(drafts, make_consent(), Origin.STORE, NOW)


def entry(number: int) -> Entry:
    return Entry(
        f"oai:{number}",
        f"Paper {number} on diffusion models and topic{number % 50}",
        "We study things. " * 60,
        authors=("Ada Example",),
        url=f"https://arxiv.org/abs/2611.{number:05}",
        published_at=NOW,
        categories=("cs.LG",),
        arxiv_id=f"2611.{number:05}",
        version=1,
    )


if __name__ == "__main__":
    main()
