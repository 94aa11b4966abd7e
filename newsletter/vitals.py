"""What the daemon knows of its own health: when its line last ran, what failed last, whether it may be restarted."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.clearance import described
from newsletter.core.masking import masked
from newsletter.core.sums import sums_fault, total_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from newsletter.core.clearance import Clearance
    from newsletter.model import Circuit, WebhookStanding
    from newsletter.service.oversight import Oversight
    from newsletter.service.tally import DeliveryCounts

STALLED_AFTER: Final = timedelta(minutes=10)
# A line that works on one step for longer than this hangs, and a watchdog may end it: what is not committed is redone.
HANGS_AFTER_S: Final = 3600.0


@dataclass(slots=True)
class Vitals:
    """The signs of life of one daemon. ``monotonic`` is a clock that nobody sets."""

    version: str
    ran_ok_at: datetime | None = None
    line_fault: str = ""
    delivery_fault: str = ""
    unaccounted: int = 0
    sums_fault: str = ""
    sums_difference: int = 0
    delivering_since: float | None = None  # the last sign of life of a delivery run, by ``monotonic``
    clearance: Clearance | None = None
    relays: tuple[Circuit, ...] = ()  # that are left alone
    webhooks: tuple[WebhookStanding, ...] = ()
    refused: str = ""
    reader_faults: dict[str, str] = field(default_factory=dict)  # by each reader of bounces, empty when it works
    is_stopping: bool = False
    has_run: bool = False
    monotonic: Callable[[], float] = time.monotonic
    _beat_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.beat()

    def beat(self) -> None:
        """Note that the line goes on, whether or not it succeeds."""
        self._beat_at = self.monotonic()

    def line_ran(self, now: datetime) -> None:
        """Note that the line ran to its end."""
        self.ran_ok_at, self.line_fault, self.has_run = now, "", True
        self.beat()

    def line_failed(self, fault: str) -> None:
        """Note that the line broke off."""
        self.line_fault = fault
        self.beat()

    def delivery_begins(self) -> None:
        """Note that a delivery run has begun."""
        self.delivering_since = self.monotonic()

    def delivery_goes_on(self) -> None:
        """Note that a delivery run has ended a mail, whatever came of it."""
        self.delivering_since = self.monotonic()

    def delivered(self, counts: DeliveryCounts) -> None:
        """Note what a delivery run came to; one that had nothing to do tells nothing of the relay."""
        self.delivering_since = None
        self.refused = counts.refusal
        if counts.planned:
            self.delivery_fault, self.unaccounted = masked(counts.fault or ""), counts.unaccounted

    def overseen(self, seen: Oversight) -> None:
        """Note whether the last days' issues add up, what may be sent, which relays are left alone, and webhooks."""
        self.sums_fault, self.sums_difference = sums_fault(seen.sums), total_difference(seen.sums)
        self.clearance, self.relays = seen.clearance, seen.relays
        self.webhooks = seen.webhooks

    def delivery_failed(self, fault: str) -> None:
        """Note that a delivery run broke off."""
        self.delivery_fault, self.delivering_since = masked(fault), None

    def readers_are(self, names: Iterable[str]) -> None:
        """Note which readers of bounces there are now; what is known of them stays."""
        self.reader_faults = {name: self.reader_faults.get(name, "") for name in names}

    def reader_read(self, name: str) -> None:
        """Note that a reader of bounces works."""
        self.reader_faults[name] = ""

    def reader_failed(self, name: str, fault: str) -> None:
        """Note that a reader of bounces does not, and why."""
        self.reader_faults[name] = masked(fault)

    @property
    def refusal(self) -> str:
        """Why nothing at all may be sent, in one line, or an empty text."""
        return self.clearance.refusal if self.clearance else ""

    @property
    def is_alive(self) -> bool:
        """Whether line and deliveries go on: they may fail, and must not hang."""
        now, signs = self.monotonic(), [self._beat_at]
        if self.delivering_since is not None:
            signs.append(self.delivering_since)
        return all(now - at < HANGS_AFTER_S for at in signs)

    def trouble(self, now: datetime) -> str:
        """Return what is wrong with the line, in a line for a person, or an empty text."""
        if self.line_fault or self.ran_ok_at is None:
            return self.line_fault
        late = now - self.ran_ok_at
        return f"it has not come to its end since {self.ran_ok_at:%Y-%m-%d %H:%M} UTC" if late >= STALLED_AFTER else ""

    def health(self, now: datetime) -> dict[str, object]:
        """Return what ``/healthz`` says; ``ok`` is false before the first run, and when the line stalled or failed."""
        return {
            "ok": self.ran_ok_at is not None and not self.trouble(now),
            "version": self.version,
            "last_run_at": str(self.ran_ok_at) if self.ran_ok_at else None,
            "fault": self.trouble(now) or None,
            "delivery_fault": self.delivery_fault or None,
            "sums_fault": self.sums_fault or None,
            "sealed": self.clearance.is_sealed if self.clearance else None,
            "pauses": [described(pause) for pause in self.clearance.pauses] if self.clearance else None,
            "relays": {circuit.name: f"{circuit.cause}: {circuit.reason}" for circuit in self.relays},
            "webhooks": {each.name: masked(each.fault) or "ok" for each in self.webhooks},
            "bounce_readers": {name: fault or "ok" for name, fault in sorted(self.reader_faults.items())},
        }

    def unready(self) -> list[str]:
        """Return why nobody should be sent here yet, or any more."""
        reasons = [] if self.has_run else ["the first run of the line is not done yet"]
        return [*reasons, "it is stopping"] if self.is_stopping else reasons
