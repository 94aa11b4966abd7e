"""The settings of how much mail goes where."""

from __future__ import annotations

import re
from datetime import date  # noqa: TC003 (pydantic reads it at run time)
from typing import Annotated

from pydantic import Field

from newsletter.settings.values import Section, complaint

Count = Annotated[int, Field(ge=1, le=100_000_000)]
PATTERN = re.compile(r"\*|(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
LONGEST = 253


def check_pattern(value: str) -> str:
    """Return a domain as it is on the wire, ``*.`` before one for all below it, or ``*`` for all."""
    try:
        value = value if value.isascii() else value.encode("idna").decode("ascii")
    except UnicodeError:
        raise complaint(f"“{value[:80]}” is not a domain", "write it as example.org or *.example.org") from None
    if len(value) > LONGEST or not PATTERN.fullmatch(value):
        raise complaint(f"“{value[:80]}” is not a domain", "write it as example.org or *.example.org")
    return value


class LimitSettings(Section):
    """How many mails may go, in any second, minute, hour or 24 hours, whenever that begins. Counted in the database, so
    that neither a restart nor a second process goes over it.
    """

    per_second: Count | None = Field(default=None, description="Most mails in any second.")
    per_minute: Count | None = Field(default=None, description="Most mails in any minute.")
    per_hour: Count | None = Field(default=None, description="Most mails in any hour.")
    per_day: Count | None = Field(default=None, description="Most mails in any 24 hours.")


class WarmUpSettings(Section):
    """A relay or address that nobody knows yet begins with few mails: a limit for 24 hours that grows from day to day
    (UTC), until it passes `per_day`, or ten million.
    """

    starts_on: date = Field(description="The first day, such as 2026-03-01.")
    first_day: Count = Field(description="Most mails on that day.")
    growth: float = Field(
        default=1.5, gt=1, le=10, allow_inf_nan=False, description="By what the number grows each day."
    )


class DomainSettings(Section):
    """How one recipient domain is treated, over all relays."""

    connections: int | None = Field(
        default=None, ge=1, le=100, description="How many mails to it are under way at a time, in each process."
    )
    limits: LimitSettings = Field(default_factory=LimitSettings, description="How much it may be given.")
