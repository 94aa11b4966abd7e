"""Collect: ask every source that is due, and store what it said together with the source's new state.

One source's failure is a recorded value and never stops another. Each source commits by itself, so a crash in the
middle loses nothing: what is not stored is asked for again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from newsletter.core.checks import CheckPlan, after_check, for_options, is_check_due
from newsletter.errors import StoreError
from newsletter.model import CollectionCounts, SourceState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from newsletter.model import FetchResult
    from newsletter.ports import PaperStore, Source

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduledSource:
    """A source and how often it is asked; ``options`` sums up what it is asked for."""

    source: Source
    plan: CheckPlan
    options: str = ""


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """What asking one source came to; ``asked`` is false when it was not due yet, or
    ``is_elsewhere``: another process has just collected.
    """

    state: SourceState
    counts: CollectionCounts = field(default_factory=CollectionCounts)
    asked: bool = True
    is_elsewhere: bool = False
    not_modified: bool = False
    notes: tuple[str, ...] = ()


async def collect(
    store: PaperStore,
    sources: Sequence[ScheduledSource],
    now: Callable[[], datetime],
    *,
    force: bool = False,
    on_report: Callable[[CollectionReport], None] = lambda _: None,
) -> list[CollectionReport]:
    """Ask the sources that are due (all of them with ``force``) at once and return a report each, in their order.

    Of all processes on one store one does so at a time; the others ask nobody. StoreError when the store fails for
    one of them, after the others have been served.
    """
    async with store.collecting() as is_ours:
        states = await store.source_states()
        if is_ours:
            return await _collect(store, sources, now, states, force=force, on_report=on_report)
    logger.info("collect.elsewhere")
    known = (states.get(each.source.name) or SourceState(each.source.name) for each in sources)
    return [CollectionReport(state, asked=False, is_elsewhere=True) for state in known]


async def _collect(
    store: PaperStore,
    sources: Sequence[ScheduledSource],
    now: Callable[[], datetime],
    states: Mapping[str, SourceState],
    *,
    force: bool,
    on_report: Callable[[CollectionReport], None],
) -> list[CollectionReport]:
    async def one(scheduled: ScheduledSource) -> CollectionReport:
        known = states.get(scheduled.source.name) or SourceState(scheduled.source.name)
        state = for_options(known, scheduled.options)
        if force or is_check_due(state, now()):
            report = await _ask(store, scheduled, state, now)
        else:
            report = CollectionReport(state, asked=False)
        on_report(report)
        return report

    results = await asyncio.gather(*(one(scheduled) for scheduled in sources), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, CollectionReport)]


async def _ask(
    store: PaperStore, scheduled: ScheduledSource, state: SourceState, now: Callable[[], datetime]
) -> CollectionReport:
    result = await scheduled.source.fetch(state)
    checked = after_check(state, result, scheduled.plan, now())
    try:
        counts = await store.save_collection(checked, result.entries, now())
    except StoreError as error:
        # One line: what is wrong is the disk or another program, and no line of ours tells more about it.
        logger.error("collect.not_stored", source=state.name, error=str(error))  # noqa: TRY400
        raise
    stored = (await store.source_states())[state.name]
    _log(stored, result, counts)
    return CollectionReport(stored, counts, not_modified=result.not_modified, notes=result.notes)


def _log(state: SourceState, result: FetchResult, counts: CollectionCounts) -> None:
    if result.fault is not None:
        logger.warning(
            "collect.fault",
            source=state.name,
            kind=result.fault.kind,
            message=result.fault.message,
            failures=state.failures,
            next_check_at=str(state.next_check_at),
        )
        return
    logger.info(
        "collect.done",
        source=state.name,
        health=str(state.health),
        entries=counts.entries,
        new=counts.new,
        enriched=counts.enriched,
        new_versions=counts.new_versions,
    )
    for note in result.notes:
        logger.warning("collect.note", source=state.name, note=note)
