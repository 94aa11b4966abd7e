"""The operator's daily report: what it says, and what it makes of odd days."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

from newsletter.core.address import parse_address
from newsletter.mail.brand import Brand
from newsletter.mail.lines import is_clean
from newsletter.mail.report import MailReporter, ReportTemplate, headline, report_problems, sample_report
from newsletter.model import DeliveryState, IssueSums, Outcome, OutcomeKind
from tests.support.mails import Page
from tests.unit.mail.test_alert import Transport, text_of

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 2, 8, 30, tzinfo=UTC)
BRAND = Brand(name="Grüße", sender="digest@news.example", web_url="https://news.example")
OPERATOR = parse_address("operator@example.org")
REPORT = sample_report()


def reporter(transport: Transport) -> MailReporter:
    return MailReporter(transport, BRAND, OPERATOR, ReportTemplate(BRAND))


async def test_both_forms_say_all_of_it() -> None:
    transport = Transport()
    assert await reporter(transport).send_report(REPORT, NOW) is None
    ((octets, sender, recipient),) = transport.sent
    assert (sender, recipient) == (BRAND.sender, OPERATOR)
    assert is_clean(octets)
    message = message_from_bytes(octets, policy=policy.default)
    assert message["Subject"] == "[Grüße] 1,198 of 1,204 mails delivered · 1 Jan"
    assert not any(name.startswith("List-") for name in message)
    page, text = Page(text_of(message, "html")), text_of(message)
    assert page.unbalanced == []
    for words in (
        *("1,198 of 1,204 mails delivered", "Thursday 1 January 2026", "accepted", "1,187", "spare", "184"),
        *("fresh, last read 01 Jan 05:10 UTC", "unchecked", "paused", "the source biorxiv cannot be read"),
    ):
        assert words in page.text
        assert words in text
    assert all(len(line) <= 72 for line in text.splitlines())


def test_the_headline_says_how_the_day_went() -> None:
    def of(planned: int, accepted: int) -> str:
        return headline(replace(REPORT, sums=IssueSums(REPORT.day, planned, 0, {DeliveryState.ACCEPTED: accepted})))

    assert of(12, 12) == "All 12 mails delivered"
    assert of(1, 1) == "One mail delivered"
    assert of(2, 0) == "0 of 2 mails delivered"
    assert of(0, 0) == headline(replace(REPORT, sums=None)) == "No mails were due"


async def test_a_sum_that_does_not_close_is_told() -> None:
    sums = IssueSums(REPORT.day, 9, 1, {DeliveryState.ACCEPTED: 5})
    text, html = ReportTemplate(BRAND).fill(replace(REPORT, sums=sums, wrong=()), NOW)
    assert "unaccounted for" in text
    assert "unaccounted for" in html
    assert "Nothing is wrong." in text


async def test_a_relay_that_takes_no_report_is_told() -> None:
    transport = Transport(Outcome(OutcomeKind.DEFERRED, 451, "4.3.0 later"))
    assert await reporter(transport).send_report(REPORT, NOW) == "451 4.3.0 later"


def test_the_operators_own_template_is_used_and_its_mistakes_are_told(tmp_path: Path) -> None:
    assert report_problems(BRAND, []) == []
    (tmp_path / "report.txt").write_text("{{ headline }} of {{ report.day }}", "utf-8")
    assert ReportTemplate(BRAND, [tmp_path]).fill(REPORT, NOW)[0] == "1,198 of 1,204 mails delivered of 2026-01-01\n"
    (tmp_path / "report.txt").write_text("\n{{ nobody }}", "utf-8")
    (problem,) = report_problems(BRAND, [tmp_path])
    assert str(problem).startswith(f"{tmp_path / 'report.txt'}:2:4: there is no variable nobody")
