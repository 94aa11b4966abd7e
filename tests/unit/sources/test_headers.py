from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from newsletter.sources.headers import charset, max_age_s, raw_header, retry_after_s

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def http_date(offset_s: float) -> bytes:
    """Return the HTTP date so many seconds from ``NOW``."""
    return format_datetime(NOW + timedelta(seconds=offset_s), usegmt=True).encode()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"120", 120),
        (b"1", 60),
        (b"0", 60),
        (b"999999999", 86400),
        (http_date(600), 600),
        (http_date(-600), 60),
        (b"soon", None),
        (b"-5", None),
        (b"", None),
        ("٣".encode(), None),
    ],
)
def test_retry_after(value: bytes, seconds: float | None) -> None:
    assert retry_after_s([(b"Retry-After", value)], NOW) == seconds


def test_retry_after_counts_from_the_servers_own_clock() -> None:
    headers = [(b"date", http_date(5000)), (b"retry-after", http_date(5300))]
    assert retry_after_s(headers, NOW) == 300


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([(b"cache-control", b"public, max-age=3600")], 3600),
        ([(b"cache-control", b'max-age="60"')], 60),
        ([(b"cache-control", b"max-age=3600"), (b"age", b"600")], 3000),
        ([(b"cache-control", b"max-age=100"), (b"age", b"600")], None),
        ([(b"cache-control", b"max-age=99999999")], 86400),
        ([(b"cache-control", b"no-cache, max-age=3600")], None),
        ([(b"cache-control", b"s-maxage=5")], None),
        ([(b"cache-control", b"max-age=0")], None),
        ([(b"expires", http_date(900))], 900),
        ([(b"expires", http_date(900)), (b"date", http_date(600))], 300),
        ([(b"expires", b"0")], None),
        ([], None),
    ],
)
def test_max_age(headers: list[tuple[bytes, bytes]], seconds: float | None) -> None:
    assert max_age_s(headers, NOW) == seconds


def test_raw_header_keeps_every_byte() -> None:
    assert raw_header([(b"ETag", b'W/"\xe9\xff x"')], "etag") == 'W/"\xe9\xff x"'
    assert raw_header([(b"ETag", b"1"), (b"etag", b"2")], "etag") == "1"
    assert raw_header([], "etag") is None


def test_charset() -> None:
    assert charset('text/xml; charset="ISO-8859-1"') == "iso-8859-1"
    assert charset("text/xml") is None
    assert charset(None) is None
