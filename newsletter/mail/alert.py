"""Alerts by mail: one short message to the operator, through the same relay as everything else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from newsletter.core.printable import one_line
from newsletter.errors import TemplateError
from newsletter.mail.operator import OperatorTemplate, operator_message
from newsletter.model import Notice, OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from newsletter.mail.brand import Brand
    from newsletter.model import EmailAddress, Problem
    from newsletter.ports import Transport

SAMPLED_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


class AlertTemplate:
    """``alert.mjml`` and ``alert.txt``; TemplateError when they are unusable."""

    def __init__(self, brand: Brand, directories: Sequence[Path] = ()) -> None:
        self._brand = brand
        self._template = OperatorTemplate("alert", brand, directories, ("wrong", "over"))
        for is_over in (False, True):
            self.fill([Notice("sample", "a sample", SAMPLED_AT, is_over)], SAMPLED_AT)

    def fill(self, notices: Sequence[Notice], now: datetime) -> tuple[str, str]:
        """Return the text and the HTML that tell of ``notices``; TemplateError when that cannot be."""
        wrong = [notice for notice in notices if not notice.is_over]
        over = [notice for notice in notices if notice.is_over]
        words = subject(self._brand.name, notices)
        return self._template.fill(words, _first(notices), now, wrong=wrong, over=over)


class MailAnnouncer:
    """Implements :class:`newsletter.ports.Announcer` over a transport."""

    channel = "mail"

    def __init__(self, transport: Transport, brand: Brand, recipient: EmailAddress, template: AlertTemplate) -> None:
        self._transport = transport
        self._brand = brand
        self._recipient = recipient
        self._template = template

    async def announce(self, notices: Sequence[Notice], now: datetime) -> str | None:
        """Send all of it in one mail; return None when the relay took it, or in one line why it did not."""
        try:
            message = self.compose(notices, now)
        except TemplateError as error:
            return str(error)
        outcome = await self._transport.send(message, self._brand.sender, self._recipient)
        if outcome.kind is OutcomeKind.ACCEPTED:
            return None
        return one_line(f"{outcome.code or ''} {outcome.text}")

    def compose(self, notices: Sequence[Notice], now: datetime) -> bytes:
        """Return the message: CRLF lines; TemplateError when the template cannot be filled."""
        words, parts = subject(self._brand.name, notices), self._template.fill(notices, now)
        return operator_message(self._brand, self._recipient, words, parts, now, "alert")


def sample_notices() -> list[Notice]:
    """Return invented notices, of something that is wrong and of something that is over."""
    return [
        Notice("source:biorxiv", "the source biorxiv cannot be read: no answer", SAMPLED_AT),
        Notice("mail", "the relay took no mail for an hour", SAMPLED_AT, is_over=True),
    ]


def template_problems(brand: Brand, directories: Sequence[Path]) -> list[Problem]:
    """Return what is wrong with the templates of alerts."""
    try:
        AlertTemplate(brand, directories)
    except TemplateError as error:
        return list(error.problems)
    return []


def subject(newsletter_name: str, notices: Sequence[Notice]) -> str:
    """Return what the mail is about: the one thing, or how many are wrong and how many over."""
    if len(notices) == 1:
        (notice,) = notices
        return f"[{newsletter_name}] {'Over: ' if notice.is_over else ''}{notice.summary}"
    over = sum(notice.is_over for notice in notices)
    wrong = len(notices) - over
    said = [f"{wrong} wrong"] if wrong else []
    said += [f"{over} over"] if over else []
    return f"[{newsletter_name}] {', '.join(said)}"


def _first(notices: Sequence[Notice]) -> str:
    """Return what inboxes show after the subject."""
    return one_line(notices[0].summary) if notices else ""
