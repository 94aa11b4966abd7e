"""``newsletter deliveries report``: what was planned against what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import run
from newsletter.cli.delivery_options import Day, Since, Until, period
from newsletter.cli.options import AsJson, member_of
from newsletter.cli.output import heading, note, print_json, print_table
from newsletter.core.sums import flaw_sentence, shortfall, unclosed
from newsletter.model import Aspect, DeliveryState, Inconsistency, IssueSums, Share

if TYPE_CHECKING:
    from newsletter.wiring.application import Application

USUAL = timedelta(days=7)
ENDS = (
    DeliveryState.ACCEPTED,
    DeliveryState.DEFERRED,
    DeliveryState.REJECTED,
    DeliveryState.SUPPRESSED,
    DeliveryState.EXPIRED,
    DeliveryState.SUPERSEDED,
    DeliveryState.UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Report:
    """The sums of some issues, what they consist of, and in which ways the ledger contradicts itself."""

    sums: list[IssueSums]
    shares: list[Share]
    flaws: list[Inconsistency]


def report(
    context: typer.Context,
    *,
    day: Day = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[str | None, typer.Option(metavar="WHAT", help="And by kind, relay, profile or domain.")] = None,
    as_json: AsJson = False,
) -> None:
    r"""Add up what was planned and what became of it.

    Issue by issue; without dates, those of the last week.

    Every mail that was planned is in exactly one column. superseded: a newer digest took its papers. unknown: it may
    have arrived, and is not sent again. in flight: planned, or being sent. forgotten: its subscriber was removed.

    The exit code is 1, with a line for each, when a sum does not close or the ledger contradicts itself.

    \b
    Example:
      newsletter deliveries report
      newsletter deliveries report --since 2026-11-01 --by relay
    """
    aspect = member_of(Aspect, by, "--by")
    first, last = period(day, since, until)

    async def work(application: Application) -> Report:
        start = first or (application.now() - USUAL).date()
        store = application.store
        return Report(
            await store.issue_sums(start, last),
            [] if aspect is None else await store.shares(aspect, start, last),
            await store.inconsistencies(start, last),
        )

    found = run(context, work)
    if as_json:
        print_json(report_document(found, aspect))
    else:
        _print(found, aspect)
    complaints = [shortfall(issue) for issue in unclosed(found.sums)]
    complaints += [f"the ledger contradicts itself: {flaw_sentence(flaw)}" for flaw in found.flaws]
    for complaint in complaints:
        note(f"newsletter: {complaint}")
    if complaints:
        raise typer.Exit(1)


def sums_document(issue: IssueSums) -> dict[str, object]:
    """Return the sums of an issue, for machines."""
    return {
        "issue_date": issue.issue_date,
        "planned": issue.planned,
        **{str(state): issue[state] for state in ENDS},
        "in_flight": issue.in_flight,
        "forgotten": issue.forgotten,
        "difference": issue.difference,
        "adds_up": issue.is_closed,
    }


def report_document(found: Report, aspect: Aspect | None) -> dict[str, object]:
    """Return the whole report, for machines."""
    shares = [
        {"value": share.value, "state": share.state, "count": share.count, "doubtful": share.doubtful}
        for share in found.shares
    ]
    return {
        "issues": [sums_document(issue) for issue in found.sums],
        "by": aspect,
        "shares": shares,
        "inconsistencies": [
            {"flaw": flaw.flaw.name.lower(), "summary": flaw.flaw, "count": flaw.count, "examples": flaw.examples}
            for flaw in found.flaws
        ],
        "adds_up": all(issue.is_closed for issue in found.sums) and not found.flaws,
    }


def _print(found: Report, aspect: Aspect | None) -> None:
    columns = ("ISSUE", "PLANNED", *(state.upper() for state in ENDS), "IN FLIGHT", "FORGOTTEN")
    rows = [
        (issue.issue_date, issue.planned, *(issue[state] for state in ENDS), issue.in_flight, issue.forgotten)
        for issue in found.sums
    ]
    print_table(columns, rows)
    if aspect is None:
        return
    heading(f"By {aspect}")
    shares = [(share.value, share.state, share.count, share.doubtful or "") for share in found.shares]
    print_table((aspect.upper(), "STATE", "MAILS", "MAY HAVE ARRIVED"), shares)
