"""The crash campaign: ``python -m tests.crash [--mails N] [--stops N] [--database …] [--seed N] [--json]``.

A newsletter of 20,000 readers is killed (``kill -9``) at 50 random moments while it sends, and started again each time;
then it is stopped with SIGTERM as often. Exits with 1 when a promise is broken: a mail lost, one that came twice and no
kill explains it, two Message-IDs for one reader, a sum that does not close. ``--seed`` repeats a run's moments.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.crash.campaign import Campaign, Findings, run
from tests.support.databases import running_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = {"kill": signal.SIGKILL, "term": signal.SIGTERM}
DATABASES = ("sqlite", "postgresql")
COLUMNS = ("{task.description}", "{task.fields[stops]} stops")


def main() -> int:
    """Run what is asked for and return the exit code."""
    options = _options()
    console = Console(stderr=True)
    console.print(f"seed {options.seed}")
    results: list[dict[str, object]] = []
    for database in options.database or DATABASES:
        for kind in options.kind or KINDS:
            campaign = Campaign(
                mails=options.mails,
                stops=options.stops,
                workers=options.workers if database == "postgresql" else 1,
                kind=KINDS[kind],
                seed=options.seed,
            )
            findings = _run(campaign, database, console)
            results.append(as_json(database, findings))
            for sentence in findings.broken():
                console.print(f"[red]broken: {sentence}[/red]")
    if options.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    else:
        sys.stdout.write(as_text(results))
    return 1 if any(result["broken"] for result in results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--mails", type=int, default=20_000)
    parser.add_argument("--stops", type=int, default=50, help="how often it is killed, or told to stop")
    parser.add_argument("--workers", type=int, default=4, help="processes on PostgreSQL")
    parser.add_argument("--database", action="append", choices=DATABASES, help="only this one")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only with this signal")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def _run(campaign: Campaign, database: str, console: Console) -> Findings:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newsletter-crash-")))
        url = stack.enter_context(_postgres_url()) if database == "postgresql" else None
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("mails, {task.fields[stops]} stops"),
            TimeElapsedColumn(),
            console=console,
        )
        stack.enter_context(bar)
        task = bar.add_task(f"{database}, {campaign.kind.name}", total=campaign.mails, stops=0)
        return run(campaign, folder, url, lambda mails, stops: bar.update(task, completed=mails, stops=stops))


@contextmanager
def _postgres_url() -> Iterator[str]:
    with running_postgres() as server:
        yield server.address(server.create(empty=True))


def as_json(database: str, findings: Findings) -> dict[str, object]:
    """Return the figures of one campaign."""
    campaign, verdict = findings.campaign, findings.verdict
    return {
        "database": database,
        "signal": campaign.kind.name,
        "seed": campaign.seed,
        "mails": verdict.mails,
        "workers": campaign.workers,
        "connections": campaign.connections,
        "stops": campaign.stops,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "most_doubled": findings.most_doubled,
        "unexplained": verdict.unexplained,
        "other_message_ids": verdict.other_ids,
        "states": dict(verdict.states),
        "seconds": round(findings.seconds),
        "broken": findings.broken(),
    }


def as_text(results: list[dict[str, object]]) -> str:
    """Return the figures as a table, a line a campaign."""
    names = [name for name in results[0] if name not in {"states", "broken"}]
    lines = [names, *([str(result[name]) for name in names] for result in results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    return "".join(
        "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)) + "\n" for line in lines
    )


if __name__ == "__main__":
    sys.exit(main())
