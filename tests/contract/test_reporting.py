"""The daily report: of which day, once, and again when the relay does not take it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from newsletter.service.reporting import Reporter, ReportPolicy

if TYPE_CHECKING:
    from newsletter.model import RunReport
    from newsletter.store.sql import SqlStore

POLICY = ReportPolicy(time(8, 30), "Europe/Berlin")
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class Sender:
    """Implements :class:`newsletter.ports.ReportSender`."""

    fault: str | None = None
    sent: list[RunReport] = field(default_factory=list)

    async def send_report(self, report: RunReport, now: datetime) -> str | None:
        del now
        self.sent.append(report)
        return self.fault


async def test_each_day_is_told_once_whoever_asks(store: SqlStore) -> None:
    sender = Sender()
    first, second = Reporter(store), Reporter(store)
    await first.step(sender, POLICY, ["arxiv"], MONDAY)
    assert sender.sent == []  # nobody had asked for reports before
    for reporter in (first, second, first):
        await reporter.step(sender, POLICY, ["arxiv"], MONDAY + timedelta(days=1))
    (report,) = sender.sent
    assert report.day == date(2026, 11, 23)
    assert [source.name for source in report.sources] == ["arxiv"]
    await Reporter(store).step(sender, POLICY, [], MONDAY + timedelta(days=3))
    assert [report.day for report in sender.sent] == [date(2026, 11, 23), date(2026, 11, 25)]


async def test_what_the_relay_does_not_take_is_tried_again_later(store: SqlStore) -> None:
    sender, reporter, tomorrow = Sender("451 later"), Reporter(store), MONDAY + timedelta(days=1)
    await reporter.step(sender, POLICY, [], MONDAY)
    await reporter.step(sender, POLICY, [], tomorrow)
    await reporter.step(sender, POLICY, [], tomorrow + timedelta(minutes=4))
    assert len(sender.sent) == 1
    sender.fault = None
    for minutes in (5, 10, 15):
        await reporter.step(sender, POLICY, [], tomorrow + timedelta(minutes=minutes))
    assert [report.day for report in sender.sent] == [date(2026, 11, 23)] * 2
