"""What becomes of mails when something fails: ``python -m tests.crash``, or ``make crash-test``.

A newsletter of 20,000 readers is killed (``kill -9``) at 50 random moments while it sends, and started again each
time; then it is stopped with SIGTERM as often; on SQLite, and on PostgreSQL with four workers of which random ones are
stopped. Then everything around a newsletter fails, one thing after the other.

Exits with 1 when a promise is broken: a mail is lost, one came twice that should not have, a reader got two
Message-IDs, a sum does not close. ``--seed`` repeats a run's random moments.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.crash import report
from tests.crash.campaign import Campaign, Findings, run
from tests.crash.catalogue import FAULTS, Result, suffer
from tests.support.daemon import ROOT
from tests.support.databases import running_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = {"kill": signal.SIGKILL, "term": signal.SIGTERM}
DATABASES = ("sqlite", "postgresql")
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
PARTS = ("campaign", "faults")
PAGE = ROOT / "docs" / "reliability.md"
CRITICAL = 50  # of logging: what is tried here fails all the time, and says so


def main() -> int:
    """Run what is asked for and return the exit code."""
    options = _options()
    console = Console(stderr=True)
    console.print(f"seed {options.seed}")
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))
    parts = options.part or PARTS
    figures: list[dict[str, object]] = []
    if "campaign" in parts:
        for kind in options.kind or KINDS:
            figures += _campaigns(options, kind, console)
    if "faults" in parts:
        figures += _all_faults(options, console)
    if options.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    return 1 if any(each["broken"] for each in figures) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part")
    parser.add_argument("--mails", type=int, default=20_000, help="of each campaign")
    parser.add_argument("--stops", type=int, default=50, help="how often it is killed, or told to stop")
    parser.add_argument("--workers", type=int, default=4, help="processes on PostgreSQL")
    parser.add_argument("--database", action="append", choices=DATABASES, help="campaigns on this one only")
    parser.add_argument("--kind", action="append", choices=KINDS, help="campaigns with this signal only")
    parser.add_argument("--fault-mails", type=int, default=1000, help="of each fault")
    parser.add_argument("--fault", help="only faults with this in their name")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {PAGE.relative_to(ROOT)} as well")
    options = parser.parse_args()
    if options.write and (options.database or options.fault):
        parser.error("--write replaces whole tables; leave out --database and --fault")
    return options


def _campaigns(options: argparse.Namespace, kind: str, console: Console) -> list[dict[str, object]]:
    measured = []
    for database in options.database or DATABASES:
        findings = _campaign(options, database, KINDS[kind], console)
        _complain(findings.broken(), console)
        measured.append((NAMES[database], findings))
    _show(options, kind, report.CAMPAIGN, [report.campaign_line(*each) for each in measured])
    return [report.campaign_figures(*each) for each in measured]


def _campaign(options: argparse.Namespace, database: str, kind: signal.Signals, console: Console) -> Findings:
    workers = options.workers if database == "postgresql" else 0
    campaign = Campaign(options.mails, options.stops, workers, kind, options.seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newsletter-crash-")))
        url = None
        if database == "postgresql":
            url = stack.enter_context(stack.enter_context(running_postgres()).database())
        stops = TextColumn("mails, {task.fields[stops]} stops")
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            stops,
            TimeElapsedColumn(),
            console=console,
        )
        stack.enter_context(bar)
        task = bar.add_task(f"{NAMES[database]}, {kind.name}", total=campaign.mails, stops=0)
        return run(campaign, folder, url, lambda mails, stops: bar.update(task, completed=mails, stops=stops))


def _all_faults(options: argparse.Namespace, console: Console) -> list[dict[str, object]]:
    results = list(_faults(options, console))
    _show(options, "faults", report.FAULTS, [report.fault_line(each) for each in results])
    return [report.fault_figures(each) for each in results]


def _show(options: argparse.Namespace, name: str, headings: report.Line, lines: list[report.Line]) -> None:
    """Print a table, and write it into the page where that is wanted, before the next is measured."""
    if not options.json:
        sys.stdout.write(f"{name}\n{report.as_text(headings, lines)}\n")
    if options.write:
        report.write(PAGE, name, report.as_markdown(headings, lines), options.seed)


def _faults(options: argparse.Namespace, console: Console) -> Iterator[Result]:
    chosen = [fault for fault in FAULTS if options.fault is None or options.fault in fault.name]
    with running_postgres() as postgres, Progress(console=console) as bar:
        for fault in bar.track(chosen, description="faults"):
            with tempfile.TemporaryDirectory(prefix="newsletter-fault-") as folder:
                result = asyncio.run(suffer(fault, Path(folder), options.fault_mails, postgres, options.seed))
            _complain([f"{fault.name}: {sentence}" for sentence in result.broken()], console)
            yield result


def _complain(broken: list[str], console: Console) -> None:
    for sentence in broken:
        console.print(f"broken: {sentence}", style="red", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
