"""Mails per second of 1, 2 and 4 workers on PostgreSQL, and of one process on SQLite: one run, turn about.

``python -m tests.bench.bench_workers [--json] [--messages N] [--rounds N]``. Each worker is a process with ten
connections to a relay ten milliseconds away. All begin at once on one queue; the clock stops when the last has ended.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete

from newsletter.model import DeliveryState
from newsletter.store.dialect import parse_address
from newsletter.store.migrate import connect
from newsletter.store.schema import deliveries
from tests.bench.bench_send import sink
from tests.bench.distance import ROOT, far_away
from tests.bench.loaded import DAYS, TODAY, count, databases, fill, issue

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE_WAY_MS = 10
SETTINGS = (("sqlite", 1), ("postgresql", 1), ("postgresql", 2), ("postgresql", 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    figures = measure(options.messages, options.rounds)
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:28}{value:>12,}\n")


def measure(messages: int, rounds: int) -> dict[str, float]:
    """Return mails per second by database and number of workers, and by what each is more than one on PostgreSQL."""
    found: dict[str, list[float]] = {f"{name}_{workers}": [] for name, workers in SETTINGS}
    with databases() as urls, sink() as near, far_away(near, ONE_WAY_MS) as far:
        for url in urls.values():
            fill(url, messages * DAYS)
        for _ in range(rounds):
            for name, workers in SETTINGS:
                plan_anew(urls[name])
                found[f"{name}_{workers}"].append(messages / drained(urls[name], far, workers, messages))
    figures: dict[str, float] = {"messages": messages, "rounds": rounds}
    for key, rates in found.items():
        figures[f"{key}_per_s"] = round(statistics.median(rates))
        ratios = [rate / one for rate, one in zip(rates, found["postgresql_1"], strict=True)]
        figures[f"{key}_ratio"] = round(statistics.median(ratios), 2)
    return figures


def plan_anew(url: str) -> None:
    """Let the last day's deliveries be due, as if none had been sent."""
    with connect(parse_address(url), 30, writing=True) as connection:
        connection.execute(delete(deliveries).where(deliveries.c.issue_date == TODAY))
        connection.execute(issue(TODAY))


def drained(url: str, port: int, workers: int, messages: int) -> float:
    """Return the seconds that so many workers take for everything that is due."""
    with ExitStack() as stack:
        started = [stack.enter_context(one(url, port, number)) for number in range(workers)]
        for worker in started:
            assert worker.stdout is not None
            if worker.stdout.readline() != "ready\n":
                raise SystemExit("a worker did not start")
        for worker in started:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        ends: list[dict[str, Any]] = [json.loads(worker.communicate()[0]) for worker in started]
    if sum(end["accepted"] for end in ends) != messages or count(url, DeliveryState.PLANNED):
        raise SystemExit(str(ends))
    began, ended = min(end["began"] for end in ends), max(end["ended"] for end in ends)
    return float(ended - began)


@contextmanager
def one(url: str, port: int, number: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.bench.one_worker", url, str(port), f"worker-{number}"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    main()
