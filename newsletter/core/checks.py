"""When a source is asked again, and how it is doing: pure functions over its stored state and the last answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.model import Health

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import FetchResult, SourceState

LONGEST_WAIT = timedelta(hours=24)
SHORTEST_WAIT = timedelta(minutes=1)
JITTER = 0.1


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """How often a source is asked, and after how long without a new paper it counts as stale (None: never)."""

    interval: timedelta
    stale_after: timedelta | None = None


def is_check_due(state: SourceState, now: datetime) -> bool:
    """Return whether the source may be asked now."""
    return state.next_check_at is None or state.next_check_at <= now


def for_options(state: SourceState, options: str) -> SourceState:
    """Return the state to ask with: where the source's options changed, due now and without the old validators."""
    if state.options == options:
        return state
    return replace(state, options=options, etag=None, last_modified=None, next_check_at=None)


def after_check(state: SourceState, result: FetchResult, plan: CheckPlan, now: datetime) -> SourceState:
    """Return the state after an answer: validators, failures, health, and the time of the next check.

    Only a document that was read replaces validators; "not modified" and faults keep them. Failures double the wait, up
    to a day, and never end it: a source is not given up silently. ``health`` does not know yet whether the papers
    were new; the store settles that when it has joined them with what it holds.
    """
    checked = replace(state, last_checked_at=now, next_check_at=now + _wait(state, result, plan))
    if result.fault is not None:
        throttled = result.fault.kind == "throttled"
        return replace(
            checked,
            failures=state.failures + 1,
            fault=result.fault,
            health=Health.THROTTLED if throttled else Health.BROKEN,
        )
    quiet = replace(checked, failures=0, fault=None, last_success_at=now, health=quiet_health(state, plan, now))
    if result.not_modified:
        return quiet
    return replace(
        quiet,
        etag=result.etag,
        last_modified=result.last_modified,
        entries=len(result.entries),
        skipped=result.skipped,
    )


def with_new_papers(state: SourceState, now: datetime) -> SourceState:
    """Return the state of a source whose answer turned out to hold papers that nobody knew."""
    return replace(state, last_new_paper_at=now, health=Health.FRESH)


def quiet_health(state: SourceState, plan: CheckPlan, now: datetime) -> Health:
    """Return what a source is that answered without a new paper: quiet, or stale when that lasts too long."""
    newest = state.last_new_paper_at
    if plan.stale_after is not None and newest is not None and now - newest > plan.stale_after:
        return Health.STALE
    return Health.QUIET


def _wait(state: SourceState, result: FetchResult, plan: CheckPlan) -> timedelta:
    wait = plan.interval
    if result.fault is not None:
        wait = min(plan.interval * 2 ** min(state.failures, 10), LONGEST_WAIT)
        asked = result.fault.retry_after_s
    else:
        asked = result.max_age_s
    if asked is not None:
        wait = max(wait, timedelta(seconds=asked))
    # Later, never earlier than asked; the same source always by the same share, so that many sources spread out.
    wait = min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)
    return wait * (1 + JITTER * _share(state.name))


def _share(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
