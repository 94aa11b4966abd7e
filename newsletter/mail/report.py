"""The operator's daily report by mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from newsletter.core.printable import one_line
from newsletter.errors import TemplateError
from newsletter.languages import ENGLISH
from newsletter.mail.filters import count_of
from newsletter.mail.operator import OperatorTemplate, operator_message
from newsletter.model import (
    Alert,
    DeliveryState,
    Health,
    IssueSums,
    OutcomeKind,
    RunReport,
    SourceState,
    SubscriberStatus,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from newsletter.mail.brand import Brand
    from newsletter.model import EmailAddress, Problem
    from newsletter.ports import Transport

SAMPLED_AT: Final = datetime(2026, 1, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: what it is, and how much."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Figures:
    """A table of the report."""

    title: str
    rows: tuple[Row, ...]


class ReportTemplate:
    """``report.mjml`` and ``report.txt``; TemplateError when they are unusable."""

    def __init__(self, brand: Brand, directories: Sequence[Path] = ()) -> None:
        self._brand = brand
        self._template = OperatorTemplate("report", brand, directories, ("report", "headline", "tables"))
        for report in (sample_report(), RunReport(date(2026, 1, 1), None, {}, {}, (), {})):
            self.fill(report, SAMPLED_AT)

    def fill(self, report: RunReport, now: datetime) -> tuple[str, str]:
        """Return the text and the HTML of a report; TemplateError when that cannot be."""
        words = headline(report)
        return self._template.fill(
            subject(self._brand.name, report), words, now, report=report, headline=words, tables=tables(report)
        )


class MailReporter:
    """Implements :class:`newsletter.ports.ReportSender` over a transport."""

    def __init__(self, transport: Transport, brand: Brand, recipient: EmailAddress, template: ReportTemplate) -> None:
        self._transport = transport
        self._brand = brand
        self._recipient = recipient
        self._template = template

    async def send_report(self, report: RunReport, now: datetime) -> str | None:
        """Send it; return None when the relay took it, or in one line why it did not."""
        try:
            message = self.compose(report, now)
        except TemplateError as error:
            return str(error)
        outcome = await self._transport.send(message, self._brand.sender, self._recipient)
        return None if outcome.kind is OutcomeKind.ACCEPTED else one_line(f"{outcome.code or ''} {outcome.text}")

    def compose(self, report: RunReport, now: datetime) -> bytes:
        """Return the message: CRLF lines; TemplateError when the template cannot be filled."""
        parts = self._template.fill(report, now)
        return operator_message(self._brand, self._recipient, subject(self._brand.name, report), parts, now, "report")


def report_problems(brand: Brand, directories: Sequence[Path]) -> list[Problem]:
    """Return what is wrong with the templates of reports."""
    try:
        ReportTemplate(brand, directories)
    except TemplateError as error:
        return list(error.problems)
    return []


def subject(newsletter_name: str, report: RunReport) -> str:
    """Return the subject: what became of the mails, and of which day."""
    return f"[{newsletter_name}] {headline(report)} · {ENGLISH.short_date(report.day)}"


def headline(report: RunReport) -> str:
    """Return what became of the day's mails, in words."""
    sums = report.sums
    if sums is None or not sums.planned:
        return "No mails were due"
    accepted = sums[DeliveryState.ACCEPTED]
    if accepted == sums.planned:
        return f"All {count_of(sums.planned, 'mail')} delivered" if accepted > 1 else "One mail delivered"
    return f"{accepted:,} of {count_of(sums.planned, 'mail')} delivered"


def tables(report: RunReport) -> tuple[Figures, ...]:
    """Return the figures in the order in which they matter; a table without rows is left out."""
    found = (
        Figures("Mails", tuple(_mails(report.sums)) if report.sums else ()),
        Figures("By kind", _rows((kind.replace("_", " "), count) for kind, count in report.kinds.items())),
        Figures("By relay", _rows(report.relays.items())),
        Figures("Sources", tuple(Row(one_line(each.name), _source(each)) for each in report.sources)),
        Figures("Readers", _rows((str(status), count) for status, count in report.subscribers.items())),
    )
    return tuple(each for each in found if each.rows)


def sample_report() -> RunReport:
    """Return an invented report that uses everything a report may hold."""
    day = date(2026, 1, 1)
    states = {DeliveryState.ACCEPTED: 1_198, DeliveryState.DEFERRED: 4, DeliveryState.REJECTED: 2}
    since = datetime(2026, 1, 1, 5, 10, tzinfo=UTC)
    return RunReport(
        day,
        IssueSums(day, 1_204, 0, states),
        {"digest": 1_187, "quiet": 9, "welcome": 8},
        {"main": 1_020, "spare": 184},
        (
            SourceState("arxiv", health=Health.FRESH, last_success_at=since, entries=398),
            SourceState("biorxiv", health=Health.BROKEN, failures=6, last_success_at=since),
            SourceState("huggingface"),
        ),
        {SubscriberStatus.ACTIVE: 1_204, SubscriberStatus.PAUSED: 12, SubscriberStatus.BOUNCED: 3},
        (Alert("source:biorxiv", "mail", "the source biorxiv cannot be read: no answer", since, since),),
    )


def _mails(sums: IssueSums) -> Iterable[Row]:
    yield Row("planned", f"{sums.planned:,}")
    for state in DeliveryState:
        if sums[state]:
            yield Row(str(state), f"{sums[state]:,}")
    if sums.forgotten:
        yield Row("forgotten with their readers", f"{sums.forgotten:,}")
    if not sums.is_closed:
        yield Row("unaccounted for", f"{sums.difference:,}")


def _rows(counts: Iterable[tuple[str, int]]) -> tuple[Row, ...]:
    return tuple(Row(one_line(name), f"{count:,}") for name, count in counts if count)


def _source(state: SourceState) -> str:
    if state.last_success_at is None:
        return str(state.health)
    return f"{state.health}, last read {state.last_success_at:%d %b %H:%M} UTC"
