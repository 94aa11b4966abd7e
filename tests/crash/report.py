"""The figures of a run: as text for the terminal, as JSON, and as the tables of ``docs/reliability.md``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.bench.document import replaced
from tests.bench.table import machine
from tests.crash.newsletters import CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.crash.campaign import Findings
    from tests.crash.faults import Result

Line = tuple[str, ...]
CAMPAIGN = (
    "database",
    "stops",
    "mails",
    "lost",
    "came twice",
    "of at most",
    "unexplained",
    "other Message-IDs",
    "adds up",
)
FAULTS = (
    "what fails",
    "mails",
    "came to",
    "attempts and queries that failed",
    "lost",
    "came twice",
    "of at most",
    "adds up",
)


def campaign_line(database: str, findings: Findings) -> Line:
    """Return a campaign as a row."""
    campaign, verdict = findings.campaign, findings.verdict
    processes = f", {campaign.workers} workers" if campaign.workers else ""
    return (
        f"{database}{processes}",
        f"{campaign.stops}",
        f"{verdict.mails:,}",
        f"{verdict.lost}",
        f"{verdict.doubled}",
        f"{findings.most_doubled}",
        f"{verdict.unexplained}",
        f"{verdict.other_ids}",
        _yes(is_so=verdict.adds_up),
    )


def fault_line(result: Result) -> Line:
    """Return a fault as a row."""
    verdict = result.verdict
    states = ", ".join(f"{number:,} {state}" for state, number in sorted(verdict.states.items()))
    return (
        result.fault.name,
        f"{verdict.mails:,}",
        states,
        f"{result.failures:,}",
        f"{verdict.lost}",
        f"{verdict.doubled}",
        f"{result.most_doubled if result.fault.doubles else 0}",
        _yes(is_so=verdict.adds_up),
    )


def campaign_figures(database: str, findings: Findings) -> dict[str, object]:
    """Return a campaign's figures, for machines."""
    campaign, verdict = findings.campaign, findings.verdict
    return {
        "campaign": campaign.kind.name,
        "database": database,
        "seed": campaign.seed,
        "mails": verdict.mails,
        "workers": campaign.workers,
        "connections": CONNECTIONS,
        "stops": campaign.stops,
        "lost": verdict.lost,
        "unrecorded": verdict.unrecorded,
        "doubled": verdict.doubled,
        "most_doubled": findings.most_doubled,
        "unexplained": verdict.unexplained,
        "other_message_ids": verdict.other_ids,
        "adds_up": verdict.adds_up,
        "states": dict(verdict.states),
        "by_kill": [len(cut.ports) for cut in findings.cuts],
        "seconds": round(findings.seconds),
        "broken": findings.broken(),
    }


def fault_figures(result: Result) -> dict[str, object]:
    """Return a fault's figures, for machines."""
    verdict = result.verdict
    return {
        "fault": result.fault.name,
        "group": result.fault.group,
        "mails": verdict.mails,
        "lost": verdict.lost,
        "unrecorded": verdict.unrecorded,
        "doubled": verdict.doubled,
        "most_doubled": result.most_doubled if result.fault.doubles else 0,
        "other_message_ids": verdict.other_ids,
        "adds_up": verdict.adds_up,
        "states": dict(verdict.states),
        "failures": result.failures,
        "seconds": round(result.seconds, 1),
        "broken": result.broken(),
    }


def as_text(headings: Line, lines: Sequence[Line]) -> str:
    """Return a table for the terminal."""
    widths = [max(len(line[column]) for line in (headings, *lines)) for column in range(len(headings))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in (headings, *lines)
    )


def write(page: Path, name: str, table: str, seed: int) -> None:
    """Put a table into the page, with the command that measured it; ``name`` is a kind of campaign, or ``faults``."""
    part = "faults" if name == "faults" else f"campaign --kind {name}"
    command = f"`.venv/bin/python -m tests.crash --part {part} --seed {seed}`"
    when = f"\n{command}, on {machine()}; {datetime.now(UTC):%d %B %Y}.\n"
    page.write_text(replaced(page.read_text("utf-8"), name, table + when), "utf-8")


def as_markdown(headings: Line, lines: Sequence[Line]) -> str:
    """Return a table for the page."""
    rule = ("---", *("---:" if _is_number(cell) else "---" for cell in lines[0][1:]))
    return "".join(f"| {' | '.join(line)} |\n" for line in (headings, rule, *lines))


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").isdigit()


def _yes(*, is_so: bool) -> str:
    return "yes" if is_so else "NO"
