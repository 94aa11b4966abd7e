"""Many subscribers at once: what an import would change, line by line, and then the change itself.

Reviewing is a comparison of values and writes nothing; importing reviews again and applies what the review allows, in
batches, so that neither the length of a file nor a bad line in it matters.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

from newsletter.model import Consent, Origin, Problem, SubscriberStatus
from newsletter.ports import SubscriberStore, SuppressionStore
from newsletter.service.drafts import ATTRIBUTES, show

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from datetime import datetime

    from newsletter.model import Subscriber, SubscriberDraft

BATCH = 500
OWN_DECISION = frozenset({SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED})
ERASED = "had everything about them erased, and is not written to again"
ASKED_BACK = "take the line out; if they ask for mail again, `newsletter suppression remove` comes first"
GETS_MAIL = frozenset({SubscriberStatus.ACTIVE, SubscriberStatus.PENDING, SubscriberStatus.PAUSED})


class ImportStore(SubscriberStore, SuppressionStore, Protocol):
    """People, and whom nobody writes to."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file: the draft it holds, or what is wrong with it."""

    file: str
    line: int
    draft: SubscriberDraft | None = None
    problems: tuple[Problem, ...] = ()


class ChangeKind(enum.StrEnum):
    """What a draft does to the store."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A column's word before and after; ``before`` is empty for somebody new."""

    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one line would do."""

    kind: ChangeKind
    draft: SubscriberDraft
    line: int = 0
    fields: tuple[FieldChange, ...] = ()


@dataclass(slots=True)
class ImportCounts:
    """What an import came to."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)


def compare(draft: SubscriberDraft, known: Subscriber | None) -> Change:
    """Return what ``draft`` changes in what the store knows; what it does not say stays as it is."""
    changes = []
    for column, attribute in ATTRIBUTES.items():
        wanted = getattr(draft, attribute)
        if column == "address" or wanted is None:
            continue
        before = None if known is None else getattr(known, attribute)
        if wanted != before:
            changes.append(FieldChange(column, show(before), show(wanted)))
    if known is None:
        return Change(ChangeKind.ADDED, draft, fields=tuple(changes))
    return Change(ChangeKind.CHANGED if changes else ChangeKind.UNCHANGED, draft, fields=tuple(changes))


def objection(change: Change, known: Subscriber | None) -> tuple[str, str] | None:
    """Return why a change may not be made from here, and what to do instead; None when it may.

    Who is named in a profile file is edited there. Who said no is not brought back by a file that still says yes.
    """
    if known is None or change.kind is ChangeKind.UNCHANGED:
        return None
    if known.origin is Origin.FILE:
        return (f"{known.address} is kept in a profile file", "edit the subscribers: there, or take the line out here")
    if known.status in OWN_DECISION and change.draft.status in GETS_MAIL:
        since = known.updated_at.date().isoformat()
        advice = "take the line out, or leave its status empty; `newsletter subscribers resume` brings people back"
        return (f"{known.address} is {known.status} since {since} and stays so", advice)
    return None


async def review(
    store: ImportStore, rows: Iterable[Row], complete: Callable[[SubscriberDraft], SubscriberDraft], now: datetime
) -> AsyncIterator[Change | Problem]:
    """Yield what each row would change, and every problem, in the order of the file; nothing is written.

    ``complete`` gives somebody new what their row does not say. An address that comes twice counts once: the first
    line holds.
    """
    first_lines: dict[str, int] = {}
    for batch in _batches(rows):
        keys = {row.draft.address.key for row in batch if row.draft is not None}
        known = await store.find_subscribers(keys)
        erased = await store.erased(keys - known.keys(), now)
        for row in batch:
            if row.draft is None:
                for problem in row.problems:
                    yield problem
                continue
            key = row.draft.address.key
            first = first_lines.setdefault(key, row.line)
            if first != row.line:
                message = f"{row.draft.address} is in line {first} already"
                yield Problem(row.file, row.line, 0, message, "keep one of the two lines")
                continue
            if key in erased:
                yield Problem(row.file, row.line, 0, f"the owner of {row.draft.address} {ERASED}", ASKED_BACK)
                continue
            subscriber = known.get(key)
            yield _judged(row, row.draft if subscriber else complete(row.draft), subscriber)


def _judged(row: Row, draft: SubscriberDraft, known: Subscriber | None) -> Change | Problem:
    draft = replace(draft, proof=f"{PurePath(row.file).name}, line {row.line}")
    change = replace(compare(draft, known), line=row.line)
    refusal = objection(change, known)
    return change if refusal is None else Problem(row.file, row.line, 0, *refusal)


@dataclass(slots=True)
class Importer:
    """Applies what a review allows, a batch per transaction."""

    store: ImportStore
    complete: Callable[[SubscriberDraft], SubscriberDraft]
    now: datetime
    counts: ImportCounts = field(default_factory=ImportCounts)
    _waiting: list[SubscriberDraft] = field(default_factory=list)

    async def run(self, rows: Iterable[Row], progress: Callable[[int], None] = lambda _: None) -> ImportCounts:
        """Add and change what the rows say, and return what that came to; doing it again changes nothing.

        ``progress`` is told how many lines have been dealt with.
        """
        done = 0
        async for result in review(self.store, rows, self.complete, self.now):
            done += 1
            self._take(result)
            if len(self._waiting) >= BATCH:
                await self._apply()
                progress(done)
        await self._apply()
        progress(done)
        return self.counts

    def _take(self, result: Change | Problem) -> None:
        if isinstance(result, Problem):
            self.counts.problems.append(result)
        elif result.kind is ChangeKind.UNCHANGED:
            self.counts.unchanged += 1
        else:
            self._waiting.append(result.draft)

    async def _apply(self) -> None:
        if not self._waiting:
            return
        consent = Consent("import", self.now)
        added, changed, unchanged = await self.store.apply_drafts(self._waiting, consent, Origin.STORE, self.now)
        self.counts.added += added
        self.counts.changed += changed
        self.counts.unchanged += unchanged
        self._waiting.clear()


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch
