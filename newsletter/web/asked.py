"""What an address asks for, however it was written, and addresses of ours."""

from __future__ import annotations

from datetime import date
from typing import Final
from urllib.parse import quote, urlencode

LAST_PAGE: Final = 500
DIGITS: Final = 6
LARGEST_ID: Final = 2**31 - 1  # of a paper


def day_of(text: str | None) -> date | None:
    """Return the day that an address names, None where it names none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def number(text: str | None, least: int = 1) -> int:
    """Return a whole number of an address, ``least`` where it is none."""
    if not text or not text.isascii() or not text.isdecimal() or len(text) > DIGITS:
        return least
    return max(least, min(int(text), LAST_PAGE) if least else int(text))


def link(path: str, **values: str) -> str:
    """Return a path with these values after it."""
    return f"{path}?{urlencode(values)}"


def topic_path(name: str) -> str:
    """Return where a profile's page is."""
    return f"/topics/{quote(name, safe='')}"


def issue_path(day: date, name: str) -> str:
    """Return where a profile's issue of a date is."""
    return f"/archive/{day.isoformat()}/{quote(name, safe='')}"
