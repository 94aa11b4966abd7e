"""Mails to the operator, alerts and reports: templates in both forms, filled and made a message of one recipient."""

from __future__ import annotations

import secrets
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from newsletter.errors import TemplateError
from newsletter.languages import ENGLISH
from newsletter.mail import headers
from newsletter.mail.fill import Compiler, fill_html, fill_text
from newsletter.mail.flatten import of_language
from newsletter.mail.message import quoted_printable
from newsletter.mail.templates import TemplateFiles, shipped_templates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from newsletter.mail.brand import Brand
    from newsletter.model import EmailAddress, Problem

OPERATORS = frozenset({"alert", "report"})
"""The templates of these mails: no reader gets them, and they know other variables."""
_COMMON = (
    "brand",
    "name",
    "theme",
    "light",
    "dark",
    "lang",
    "direction",
    "start",
    "end",
    "subject",
    "preheader",
    "now",
)


class OperatorTemplate:
    """``name``.mjml and ``name``.txt, the first ones in ``directories`` or the shipped ones; TemplateError when they
    are unusable. ``variables`` are their own, besides those of every mail to the operator.
    """

    def __init__(self, name: str, brand: Brand, directories: Sequence[Path], variables: Sequence[str]) -> None:
        self._brand = brand
        files = TemplateFiles((*directories, shipped_templates()))
        self._compiled = Compiler(files, brand, frozenset((*_COMMON, *variables))).compile(name, ENGLISH)

    def fill(self, subject: str, preheader: str, now: datetime, **values: Any) -> tuple[str, str]:
        """Return the text and the HTML; TemplateError with what is wrong with either."""
        variables = {**self._common(subject, preheader, now), **values}
        filled: list[str] = []
        problems: list[Problem] = []
        for fill in (fill_text, fill_html):
            try:
                filled.append("".join(fill(self._compiled, variables)))
            except TemplateError as error:
                problems += error.problems
        if problems:
            raise TemplateError(problems=problems)
        text, html = filled
        return text, html

    def _common(self, subject: str, preheader: str, now: datetime) -> Mapping[str, Any]:
        brand = self._brand
        return {
            "brand": brand,
            "name": brand.name,
            "theme": brand.theme,
            "light": brand.light,
            "dark": brand.dark,
            **of_language(ENGLISH),
            "subject": subject,
            "preheader": preheader,
            "now": now,
        }


def operator_message(
    brand: Brand, recipient: EmailAddress, subject: str, parts: tuple[str, str], now: datetime, kind: str
) -> bytes:
    """Return a message of two parts, text and HTML: CRLF lines. It is of no list, and says so by having no such field;
    ``kind`` begins its Message-ID.
    """
    domain = brand.sender.rpartition("@")[2] or "localhost"
    text, html = (quoted_printable(part) for part in parts)
    boundary = f"=_{secrets.token_hex(12)}"  # "=_" stands in no quoted-printable text (RFC 2045, 6.7)
    fields = (
        headers.plain("Date", format_datetime(now)),
        headers.message_id(f"{kind}.{secrets.token_hex(12)}@{domain}"),
        headers.mailbox("From", brand.sender_name or brand.name, brand.sender),
        headers.mailbox("To", "", recipient.wire),
        headers.unstructured("Subject", subject),
        headers.plain("Auto-Submitted", "auto-generated"),  # RFC 3834, 5: no holiday notice comes back
        headers.plain("X-Auto-Response-Suppress", "All"),
        headers.plain("MIME-Version", "1.0"),
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'.encode("ascii"),
        _part(boundary, "text/plain", text),
        _part(boundary, "text/html", html),
        f"--{boundary}--\r\n".encode("ascii"),
    )
    return b"".join(fields)


def _part(boundary: str, media_type: str, encoded: bytes) -> bytes:
    head = (
        f"--{boundary}\r\nContent-Type: {media_type}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode("ascii") + encoded + b"\r\n"
