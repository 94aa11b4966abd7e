"""What an examination comes to, and what is seen in one: values that the doctor's judgements take and give."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Level(enum.StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # it works, and could be better
    PROBLEM = "problem"  # mail will be lost or refused, or the newsletter does not work
    SKIPPED = "skipped"  # could not be checked, or does not apply


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what is so, and what to do about it, a line each."""

    check: str
    level: Level
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """What the DNS says: records as text, none when there are none, or why it could not be asked."""

    records: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What a web server said, or why it could not be asked; a redirect is not followed."""

    url: str
    status: int = 0
    location: str = ""
    date: datetime | None = None
    body: str = ""
    certificate_until: datetime | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RelayAnswer:
    """How opening a session with the relay went; ``fault`` says at which step it failed, and why.

    ``tls_version`` is None on a connection in the clear, ``certificate_until`` when nobody's certificate was checked,
    ``mechanism`` the SASL mechanism of the login, empty without one.
    """

    place: str
    fault: str = ""
    step: str = ""
    code: int | None = None
    tls_version: str | None = None
    certificate_until: datetime | None = None
    is_authenticated: bool = False
    mechanism: str = ""


def ok(check: str, message: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Level.OK, message)


def warning(check: str, message: str, advice: str) -> Finding:
    """Return what could be better."""
    return Finding(check, Level.WARNING, message, advice)


def problem(check: str, message: str, advice: str) -> Finding:
    """Return what does not work."""
    return Finding(check, Level.PROBLEM, message, advice)


def skipped(check: str, message: str, advice: str = "") -> Finding:
    """Return what could not be checked."""
    return Finding(check, Level.SKIPPED, message, advice)


def unchecked(check: str, answer: DnsAnswer | WebAnswer) -> Finding:
    """Return that something out there could not be asked."""
    return skipped(check, f"could not be checked: {answer.fault}", "run it again where the network can be reached")
