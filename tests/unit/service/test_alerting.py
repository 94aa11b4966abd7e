from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.core.alerts import CALM, AlertPolicy, Observation
from newsletter.errors import StoreBusyError, StoreError
from newsletter.service.alerting import RETRY_AFTER, Alerter

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from newsletter.model import Alert, Notice, Readings

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AT_ONCE = AlertPolicy(after=timedelta())
WRONG, WELL = Observation(line_fault="the disk is full"), Observation()


@dataclass
class Store:
    """Implements :class:`newsletter.ports.WatchStore` in memory; counts what is written."""

    kept: dict[tuple[str, str], Alert] = field(default_factory=dict)
    is_down: bool = False
    writes: int = 0

    async def alerts(self) -> list[Alert]:
        self._answer()
        return list(self.kept.values())

    async def save_alerts(self, changed: Collection[Alert], over: Collection[Alert]) -> None:
        self._answer()
        self.writes += 1
        for alert in over:
            self.kept.pop((alert.condition, alert.channel))
        self.kept |= {(alert.condition, alert.channel): alert for alert in changed}

    async def readings(self, since: datetime, now: datetime) -> Readings:
        raise AssertionError((since, now))

    async def check_schema(self) -> None:
        raise AssertionError

    def _answer(self) -> None:
        if self.is_down:
            raise StoreBusyError("locked")


@dataclass
class Channel:
    """Implements :class:`newsletter.ports.Announcer`."""

    channel: str = "mail"
    fault: str | None = None
    heard: list[Notice] = field(default_factory=list)
    asked: int = 0

    async def announce(self, notices: Sequence[Notice], now: datetime) -> str | None:
        assert now.tzinfo is not None
        self.asked += 1
        if self.fault is None:
            self.heard += notices
        return self.fault


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


async def test_a_restart_repeats_nothing_and_tells_the_end() -> None:
    store, mail = Store(), Channel()
    for minutes in range(3):
        await Alerter(store).step(WRONG, [mail], AT_ONCE, at(minutes))  # a new process each time
    assert [notice.is_over for notice in mail.heard] == [False]
    for minutes in range(3, 12):
        await Alerter(store).step(WELL, [mail], AT_ONCE, at(minutes))
    assert [notice.is_over for notice in mail.heard] == [False, True]
    assert store.kept == {}


async def test_each_channel_is_told_by_itself() -> None:
    store, mail, hook = Store(), Channel("mail", fault="no connection"), Channel("webhook")
    alerter = Alerter(store)
    for minutes in range(4):
        await alerter.step(WRONG, [mail, hook], AT_ONCE, at(minutes))
    assert (len(hook.heard), mail.asked) == (1, 1)  # the one that failed is not asked at every tick
    mail.fault = None
    await alerter.step(WRONG, [mail, hook], AT_ONCE, NOW + RETRY_AFTER)
    assert (len(mail.heard), len(hook.heard)) == (1, 1)


async def test_nothing_is_written_while_nothing_changes() -> None:
    store, mail = Store(), Channel()
    alerter = Alerter(store)
    old = Observation(oldest_ready_at=at(-120))
    for minutes in range(10):  # the words tell a new age each time
        await alerter.step(old, [mail], AT_ONCE, at(minutes))
    assert (store.writes, len(mail.heard)) == (1, 1)


async def test_while_the_store_fails_it_is_kept_in_mind_and_written_later() -> None:
    store, mail = Store(), Channel()
    alerter = Alerter(store)
    await alerter.step(WELL, [mail], AT_ONCE, NOW)
    store.is_down = True
    for minutes in range(5):
        await alerter.step(WRONG, [mail], AT_ONCE, at(minutes))
    assert len(mail.heard) == 1
    store.is_down = False
    await alerter.step(WRONG, [mail], AT_ONCE, at(5))
    assert store.kept["line", "mail"].announced_at == NOW


async def test_when_it_is_unknown_what_was_told_nobody_is_told_twice() -> None:
    store, mail = Store(is_down=True), Channel()
    with pytest.raises(StoreError):
        await Alerter(store).step(WRONG, [mail], AT_ONCE, NOW)
    assert mail.asked == 0


async def test_a_channel_that_is_no_longer_configured_is_forgotten() -> None:
    store, mail = Store(), Channel()
    alerter = Alerter(store)
    await alerter.step(WRONG, [mail], AT_ONCE, NOW)
    await alerter.step(WRONG, [], AT_ONCE, at(1))
    assert store.kept == {}


async def test_several_things_come_in_one_message() -> None:
    mail = Channel()
    alerter = Alerter(Store())
    both = Observation(line_fault="x", unaccounted=2)
    await alerter.step(both, [mail], AT_ONCE, NOW)
    await alerter.step(WELL, [mail], AT_ONCE, at(1))
    await alerter.step(WELL, [mail], AT_ONCE, at(1) + CALM)
    assert mail.asked == 2
    assert [notice.condition for notice in mail.heard] == ["line", "sums", "line", "sums"]
