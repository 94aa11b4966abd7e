"""The line itself, once: ``collect``, ``issue``, ``deliver`` and ``send``."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import not_found, run
from newsletter.cli.options import AsJson  # noqa: TC001 (Typer reads annotations at run time)
from newsletter.cli.output import note, plural, print_fields, print_json, print_table, say, show
from newsletter.cli.progress import progress
from newsletter.core.clearance import described
from newsletter.core.sums import sums_fault
from newsletter.errors import ConfigurationError, ConflictError, NewsletterError
from newsletter.model import DeliveryState, PauseScope, Problem
from newsletter.service.accounts import recent_sums
from newsletter.service.collect import collect as collect_papers
from newsletter.service.gate import read_clearance
from newsletter.wiring.application import exclusive, start_catcher
from newsletter.wiring.parts import build_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from newsletter.core.clearance import Clearance
    from newsletter.service.collect import CollectionReport, ScheduledSource
    from newsletter.service.deliver import DeliveryCounts
    from newsletter.service.issue import IssueReport
    from newsletter.wiring.application import Application
    from newsletter.wiring.parts import Parts

YEARS = range(1970, 2200)  # that --at may name
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Store and send nothing; say what would be.")]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help="As if it were this time, such as 2026-11-24T07:00+01:00 (default: UTC)."
    ),
]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    for command in (collect, issue, deliver, send):
        app.command(command.__name__)(command)


def collect(
    context: typer.Context,
    sources: Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="Only these.")] = None,
    *,
    only_due: Annotated[bool, typer.Option("--due", help="Only sources whose next check has come.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the sources now and store what they say.

    A source that cannot be reached is reported and stops nobody else; the exit code is 1 when none could be read.

    \b
    Example: newsletter collect arxiv huggingface
    """

    async def work(application: Application) -> list[CollectionReport]:
        async with AsyncExitStack() as stack:
            parts = await _parts(application, stack)
            chosen = _chosen(parts.sources, sources or [])
            return await _collect(application, chosen, force=not only_due)

    reports = run(context, work)
    if as_json:
        print_json([_report_json(report) for report in reports])
    else:
        _show_collected(reports)
    if reports and all(report.state.fault is not None for report in reports):
        raise typer.Exit(1)


def issue(
    context: typer.Context, *, dry_run: DryRunOption = False, at: AtOption = None, as_json: AsJson = False
) -> None:
    """Plan the digests that are due now. Nothing is sent; `newsletter deliver` does that.

    \b
    Examples:
      newsletter issue --dry-run                      what would be planned
      newsletter issue --dry-run --at 2026-11-24T07:00+01:00
    """
    moment = parse_moment(at)

    async def work(application: Application) -> IssueReport:
        async with AsyncExitStack() as stack:
            parts = await _parts(application, stack)
            if not dry_run:
                await stack.enter_async_context(exclusive(application))
                await application.sync_subscribers()
            return await _issue(parts, moment or application.now(), dry_run=dry_run)

    report = run(context, work)
    if as_json:
        print_json(asdict(report))
    else:
        _show_issued(report, dry_run=dry_run)


def deliver(context: typer.Context, *, dry_run: DryRunOption = False, as_json: AsJson = False) -> None:
    """Send the planned mails that are due. What is deferred is tried again by the next run, or by the daemon.

    The exit code is 5 when the store is sealed or sending is paused, 1 when the relay could not be used, or when a sum
    does not close: this run's, or that of an issue of the last days.

    \b
    Example: newsletter deliver --dry-run
    """
    if dry_run:
        _show_waiting(run(context, lambda application: application.store.count_deliveries()), as_json=as_json)
        _tell_pauses(run(context, lambda application: read_clearance(application.store)))
        return

    async def work(application: Application) -> tuple[DeliveryCounts, str, Clearance]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(exclusive(application))
            counts = await _deliver(await _parts(application, stack, with_mail=True))
            fault = sums_fault(await recent_sums(application.store, application.now()))
            return counts, fault, await read_clearance(application.store)

    counts, fault, clearance = run(context, work)
    if as_json:
        print_json(counts_json(counts))
    else:
        _show_delivered(counts)
    if not counts.refusal:  # which is told in the end, as the error that it is
        _tell_pauses(clearance)
    _judge(counts, fault)


def send(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan and send nothing; say what would be.")] = False,
    as_json: AsJson = False,
) -> None:
    """Collect, issue and deliver, once: the daemon's line in one go, for cron or for trying out.

    \b
    Examples:
      newsletter send
      newsletter send --dry-run      collect, and say what would be planned
    """

    async def work(application: Application) -> tuple[list[CollectionReport], IssueReport, DeliveryCounts | None, str]:
        async with AsyncExitStack() as stack:
            if not dry_run:
                await stack.enter_async_context(exclusive(application))
                await application.store.take_over()  # what a killed process held
                await application.sync_subscribers()
            parts = await _parts(application, stack, with_mail=not dry_run)
            reports = await _collect(application, parts.sources, force=False)
            issued = await _issue(parts, application.now(), dry_run=dry_run)
            counts = None if dry_run else await _deliver(parts)
            return reports, issued, counts, sums_fault(await recent_sums(application.store, application.now()))

    reports, issued, counts, fault = run(context, work)
    if as_json:
        delivered = None if counts is None else counts_json(counts)
        collected = [_report_json(report) for report in reports]
        print_json({"collected": collected, "issued": asdict(issued), "delivered": delivered})
    else:
        _show_collected(reports)
        _show_issued(issued, dry_run=dry_run)
        if counts is not None:
            _show_delivered(counts)
    if counts is not None:
        _judge(counts, fault)


def parse_moment(text: str | None) -> datetime | None:
    """Return the moment that ``text`` names (ISO 8601; without an offset in UTC), or None for none.

    ConfigurationError when it is no time, or outside of the years that calendars and time zones are sure of.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        problem = Problem("--at", 0, 0, f"“{text}” is no time", "write it as 2026-11-24T07:00+01:00")
        raise ConfigurationError([problem]) from error
    if moment.year not in YEARS:
        message, advice = f"“{text}” is too far away", f"take a year from {YEARS[0]} to {YEARS[-1]}"
        raise ConfigurationError([Problem("--at", 0, 0, message, advice)])
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def counts_json(counts: DeliveryCounts) -> dict[str, object]:
    """Return what a run of deliveries came to, for machines."""
    return {**asdict(counts), "planned": counts.planned, "adds_up": counts.is_closed}


async def _parts(application: Application, stack: AsyncExitStack, *, with_mail: bool = False) -> Parts:
    if with_mail:
        await start_catcher(application, stack)
    parts = build_parts(application)
    stack.push_async_callback(parts.aclose)
    return parts


def _chosen(sources: Sequence[ScheduledSource], names: Sequence[str]) -> list[ScheduledSource]:
    by_name = {scheduled.source.name: scheduled for scheduled in sources}
    return [by_name[name] if name in by_name else not_found("source", name, by_name) for name in names] or list(sources)


async def _collect(
    application: Application, sources: Sequence[ScheduledSource], *, force: bool
) -> list[CollectionReport]:
    with progress("Collecting", len(sources)) as advance:
        return await collect_papers(
            application.store, sources, application.now, force=force, on_report=lambda _: advance(1)
        )


async def _issue(parts: Parts, now: datetime, *, dry_run: bool) -> IssueReport:
    with progress("Planning", None) as advance:
        return await parts.issuer.issue(now, dry_run=dry_run, on_progress=advance)


async def _deliver(parts: Parts) -> DeliveryCounts:
    done = 0

    def on_progress(counts: DeliveryCounts) -> None:
        nonlocal done
        advance(counts.ended - done)
        done = counts.ended

    with gentle_stop() as stop, progress("Delivering", None) as advance:
        return await parts.deliverer.deliver_due(stop, on_progress, is_by_hand=True)


@contextmanager
def gentle_stop() -> Iterator[asyncio.Event]:
    """Yield an event that Ctrl-C or SIGTERM sets, so that the mails in flight end; the second time ends everything."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def on_signal() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _tell_pauses(clearance: Clearance) -> None:
    """Say what keeps mails back, by an operator's will."""
    if clearance.refusal:
        note(f"newsletter: {clearance.refusal}")
    for pause in clearance.pauses:
        if pause.scope is not PauseScope.ALL:
            note(f"newsletter: {described(pause)}")


def _show_collected(reports: Sequence[CollectionReport]) -> None:
    rows = []
    for report in reports:
        fault = report.state.fault
        said = fault.message if fault is not None else _found(report)
        rows.append((report.state.name, report.state.health, report.counts.new, said))
    print_table(("source", "health", "new", "what it said"), rows, wide="what it said")
    for report in reports:
        for text in report.notes:
            note(f"{report.state.name}: {text}")


def _found(report: CollectionReport) -> str:
    if report.is_elsewhere:
        return "another newsletter on this store has just collected"
    if not report.asked:
        return f"not due before {show(report.state.next_check_at)}"
    if report.not_modified:
        return "nothing has changed since the last check"
    counts = report.counts
    parts = [plural(counts.entries, "paper")]
    parts += [f"{counts.enriched:,} enriched"] if counts.enriched else []
    parts += [plural(counts.new_versions, "new version")] if counts.new_versions else []
    parts += [f"{report.state.skipped:,} without title or text"] if report.state.skipped else []
    return ", ".join(parts)


def _report_json(report: CollectionReport) -> dict[str, object]:
    state = report.state
    return {
        "source": state.name,
        "asked": report.asked,
        "health": state.health,
        "fault": asdict(state.fault) if state.fault else None,
        "next_check_at": state.next_check_at,
        "not_modified": report.not_modified,
        **asdict(report.counts),
        "notes": report.notes,
    }


def _show_issued(report: IssueReport, *, dry_run: bool) -> None:
    say(issue_sentence(report, dry_run=dry_run))
    if report.skipped:
        say(f"{report.skipped:,} had nothing new, and get no mail")
    if report.resumed:
        say(f"{plural(report.resumed, 'pause')} ended")


def issue_sentence(report: IssueReport, *, dry_run: bool) -> str:
    """Return how many digests there are, and of which kinds: ``12 digests planned: 3 first ones, 2 all quiet``."""
    sentence = f"{plural(report.planned, 'digest')} {'would be planned' if dry_run else 'planned'}"
    if report.planned == 1:
        return sentence + (", a first one" if report.welcomes else ", all quiet" if report.quiet else "")
    kinds = [plural(report.welcomes, "first one")] if report.welcomes else []
    kinds += [f"{report.quiet:,} all quiet"] if report.quiet else []
    return f"{sentence}: {', '.join(kinds)}" if kinds else sentence


def _show_waiting(counts: Mapping[DeliveryState, int], *, as_json: bool) -> None:
    waiting = {state: counts.get(state, 0) for state in (DeliveryState.PLANNED, DeliveryState.DEFERRED)}
    if as_json:
        print_json({str(state): count for state, count in waiting.items()})
        return
    say(f"{plural(waiting[DeliveryState.PLANNED], 'mail')} would be sent")
    say(f"{plural(waiting[DeliveryState.DEFERRED], 'deferred mail')} would be sent when due")


def _show_delivered(counts: DeliveryCounts) -> None:
    print_fields(
        [
            ("sent", counts.planned),
            ("accepted", counts.accepted),
            ("deferred", counts.deferred or None),
            ("rejected", counts.rejected or None),
            ("suppressed", counts.suppressed or None),
            ("expired", counts.expired or None),
            ("unknown", counts.unknown or None),
            ("held", counts.held or None),
        ]
    )
    for problem in counts.problems:
        note(problem)
    for state in (DeliveryState.REJECTED, DeliveryState.DEFERRED):
        if number := getattr(counts, state):
            note(f"{plural(number, 'mail')} {state}; what the server said: newsletter deliveries list --state {state}")


def _judge(counts: DeliveryCounts, sums: str) -> None:
    if counts.refusal:
        raise ConflictError(counts.refusal)
    if counts.fault is not None:
        advice = "the mails stay planned; check mail.relay in newsletter.yaml, or try again later"
        raise NewsletterError(f"the relay could not be used: {counts.fault} — {advice}")
    if not counts.is_closed:
        raise NewsletterError("the sum does not close: some outcomes could not be recorded; see the log")
    if sums:
        raise NewsletterError(f"{sums}; `newsletter deliveries report` shows it")
