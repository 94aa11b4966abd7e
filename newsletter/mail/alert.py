"""Alerts by mail: one short plain-text message to the operator, through the same relay as everything else."""

from __future__ import annotations

import secrets
import traceback
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError

from newsletter.core.printable import one_line
from newsletter.errors import TemplateError
from newsletter.languages import ENGLISH
from newsletter.languages.templates import speak
from newsletter.mail import headers
from newsletter.mail.filters import text_filters
from newsletter.mail.message import quoted_printable
from newsletter.mail.templates import TemplateFiles, shipped_templates
from newsletter.model import Notice, OutcomeKind, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jinja2 import Template

    from newsletter.mail.brand import Brand
    from newsletter.model import EmailAddress
    from newsletter.ports import Transport

TEMPLATE: Final = "alert.txt"
SAMPLED_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


class AlertTemplate:
    """``alert.txt``, the first one in ``directories`` or the shipped one; TemplateError when it is unusable."""

    def __init__(self, brand: Brand, directories: Sequence[Path] = ()) -> None:
        self._brand = brand
        text, self._path = TemplateFiles((*directories, shipped_templates())).read(TEMPLATE)
        self._template = self._compiled(text)
        for is_over in (False, True):
            self.fill([Notice("sample", "a sample", SAMPLED_AT, is_over)], SAMPLED_AT)

    def fill(self, notices: Sequence[Notice], now: datetime) -> str:
        """Return the text that tells of ``notices``; TemplateError when that cannot be."""
        wrong = [notice for notice in notices if not notice.is_over]
        over = [notice for notice in notices if notice.is_over]
        try:
            return self._template.render(brand=self._brand, wrong=wrong, over=over, now=now).strip("\n") + "\n"
        except Exception as error:  # a template may raise anything at all
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == TEMPLATE]
            line = frames[-1].lineno or 0 if frames else 0
            message, advice = f"{type(error).__name__}: {error}", "docs/templates.md lists what there is"
            raise TemplateError(problems=[Problem(str(self._path), line, 0, message, advice)]) from error

    def _compiled(self, text: str) -> Template:
        environment = Environment(
            autoescape=False,  # noqa: S701 (plain text is not HTML)
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        speak(environment, ENGLISH)
        environment.filters.update(text_filters())
        try:
            return environment.template_class.from_code(environment, environment.compile(text, TEMPLATE, TEMPLATE), {})
        except TemplateSyntaxError as error:
            message = f"Jinja: {error.message}"
            raise TemplateError(problems=[Problem(str(self._path), error.lineno, 0, message)]) from error


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
        brand = self._brand
        domain = brand.sender.rpartition("@")[2] or "localhost"
        fields = (
            headers.plain("Date", format_datetime(now)),
            headers.message_id(f"alert.{secrets.token_hex(12)}@{domain}"),
            headers.mailbox("From", brand.sender_name or brand.name, brand.sender),
            headers.mailbox("To", "", self._recipient.wire),
            headers.unstructured("Subject", subject(brand.name, notices)),
            headers.plain("Auto-Submitted", "auto-generated"),  # RFC 3834, 5: no holiday notice comes back
            headers.plain("X-Auto-Response-Suppress", "All"),
            headers.plain("MIME-Version", "1.0"),
            headers.plain("Content-Type", "text/plain; charset=utf-8"),
            headers.plain("Content-Transfer-Encoding", "quoted-printable"),
        )
        return b"".join(fields) + b"\r\n" + quoted_printable(self._template.fill(notices, now))


def template_problems(brand: Brand, directories: Sequence[Path]) -> list[Problem]:
    """Return what is wrong with ``alert.txt``."""
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
