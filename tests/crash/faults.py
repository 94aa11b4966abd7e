"""What fails while mails are sent, a function each, and what is promised in spite of it.

``FAULTS`` is run as tests (``tests/e2e/test_delivery_faults.py``) and, with more mails, by ``python -m tests.crash``,
which writes ``docs/reliability.md``. A new one is a few lines here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.crash.trial import SHORT, Trial, begin
from tests.support.disks import small_disk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import PostgresServer
    from tests.support.verdict import Verdict

Play = Callable[[Trial], Awaitable[None]]
HOURS = 20  # deliver.deadline_hours


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its name as a row of a table, what it does, and on which database.

    ``shares`` says how many of the mails come to something else than being accepted, and to what; None is any number.
    Mails may come twice when we never heard that they were accepted (``doubles``), and never otherwise.
    """

    name: str
    play: Play
    group: str
    doubles: bool = False
    shares: Mapping[str, float | None] = field(default_factory=dict)
    relay: Mapping[str, Any] = field(default_factory=lambda: SHORT)
    deliver: Mapping[str, Any] = field(default_factory=dict)
    store: Mapping[str, Any] = field(default_factory=dict)
    is_postgres: bool = False
    on_small_disk: bool = False
    is_silent: bool = False  # no attempt and no call of the store fails for it


FAULTS: list[Fault] = []


def fault(name: str, group: str, **options: Any) -> Callable[[Play], Play]:
    """Add a function to the faults."""

    def add(play: Play) -> Play:
        FAULTS.append(Fault(name, play, group, **options))
        return play

    return add


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a fault; ``most_doubled`` mails were accepted without our hearing of it. ``failures`` are attempts
    that came to something else than an acceptance, and calls of the store that failed.
    """

    fault: Fault
    verdict: Verdict
    most_doubled: int
    failures: int
    seconds: float

    def broken(self) -> list[str]:
        """Return the promises that were broken."""
        fault, verdict = self.fault, self.verdict
        broken = verdict.broken(("accepted", *fault.shares), self.most_doubled if fault.doubles else 0)
        for state, share in fault.shares.items():
            wanted = verdict.states.get(state, 0) if share is None else math.ceil(share * verdict.mails)
            if verdict.states.get(state, 0) != wanted:
                broken.append(f"{verdict.states.get(state, 0)} mails are {state}, not {wanted}")
        if not self.failures and not fault.is_silent:
            broken.append("nothing failed, so nothing was shown")
        return broken


async def suffer(
    fault: Fault, folder: Path, readers: int, postgres: PostgresServer | None = None, seed: int | None = None
) -> Result:
    """Let a fault happen to a newsletter of so many readers, and return what became of the mails."""
    began = time.monotonic()
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(folder / "data")) if fault.on_small_disk else None
        server = postgres if fault.is_postgres else None
        url = stack.enter_context(server.database()) if server is not None else None
        options = {"relay": fault.relay, "deliver": fault.deliver, "store": fault.store}
        async with begin(folder, readers, url, seed=seed, **options) as trial:
            trial.disk, trial.postgres = disk, server
            await fault.play(trial)
            verdict = await trial.verdict()
            failures = await trial.failures(verdict.states.get("accepted", 0))
            return Result(fault, verdict, trial.server.unanswered, failures, time.monotonic() - began)
