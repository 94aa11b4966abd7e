"""What the headers of an answer ask of us: how long to stay away, and what to quote back; pure functions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_WAIT_S: Final = 24 * 3600.0
SHORTEST_RETRY_S: Final = 60.0
MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,12})", re.IGNORECASE)
NO_CACHE: Final = re.compile(r"(?:^|[,\s])no-(?:cache|store)\b", re.IGNORECASE)


def raw_header(headers: Sequence[tuple[bytes, bytes]], name: str) -> str | None:
    """Return the first value of a header exactly as it came, one character for one byte, or None.

    Validators are opaque: arXiv's ETag carries no quotes, others are weak (RFC 9110, section 8.8).
    """
    wanted = name.lower().encode("ascii")
    return next((value.decode("latin-1") for key, value in headers if key.lower() == wanted), None)


def max_age_s(headers: Sequence[tuple[bytes, bytes]], now: datetime) -> float | None:
    """Return for how many seconds from now the answer stays fresh (RFC 9111, section 4.2.1), at most a day, or None.

    The answer's own ``Age`` in caches is taken off; ``no-cache`` means that nothing was promised.
    """
    control = raw_header(headers, "cache-control") or ""
    if NO_CACHE.search(control):
        return None
    if found := MAX_AGE.search(control):
        age = raw_header(headers, "age") or ""
        fresh = float(found[1]) - (float(age) if age.isascii() and age.isdigit() else 0.0)
    else:
        expires = http_date(raw_header(headers, "expires"))
        if expires is None:
            return None
        sent = http_date(raw_header(headers, "date")) or now
        fresh = (expires - sent).total_seconds()
    return min(fresh, LONGEST_WAIT_S) if fresh > 0 else None


def retry_after_s(headers: Sequence[tuple[bytes, bytes]], now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` (RFC 9110, section 10.2.3) asks for, from a minute to a day, or None.

    A date is counted from the server's own ``Date``, so that a wrong clock on either side does no harm.
    """
    value = (raw_header(headers, "retry-after") or "").strip()
    if value.isascii() and value.isdigit():
        wait = float(value[:12])
    else:
        until = http_date(value)
        if until is None:
            return None
        wait = (until - (http_date(raw_header(headers, "date")) or now)).total_seconds()
    return min(max(wait, SHORTEST_RETRY_S), LONGEST_WAIT_S)


def http_date(value: str | None) -> datetime | None:
    """Return the UTC time of an HTTP date (RFC 9110, section 5.6.7), or None for anything else (``Expires: 0``)."""
    if not value:
        return None
    try:
        parsed = parsedate_to_datetime(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def charset(content_type: str | None) -> str | None:
    """Return the charset parameter of a Content-Type, in lower case, or None."""
    found = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", content_type or "", re.IGNORECASE)
    return found[1].lower() if found else None
