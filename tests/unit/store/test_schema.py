from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import make_url

from newsletter.store.schema import Instant, Prose

SQLITE, POSTGRESQL = (make_url(url).get_dialect()() for url in ("sqlite://", "postgresql+psycopg://"))
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone cannot be stored: 2026-01-05T12:00:00"):
        Instant().process_bind_param(NOON.replace(tzinfo=None), SQLITE)


def test_an_instant_goes_in_and_comes_out_in_utc() -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert Instant().process_bind_param(tokyo, SQLITE) == NOON.replace(tzinfo=None)
    assert Instant().process_result_value(NOON.replace(tzinfo=None), SQLITE) == NOON
    back = Instant().process_result_value(tokyo, POSTGRESQL)
    assert back is not None
    assert (back, back.tzinfo) == (NOON, UTC)
    assert Instant().process_bind_param(tokyo, POSTGRESQL) == NOON


def test_no_time_stays_none() -> None:
    assert Instant().process_bind_param(None, SQLITE) is None
    assert Instant().process_result_value(None, SQLITE) is None
    assert Prose().process_bind_param(None, SQLITE) is None


def test_text_that_no_database_takes_is_cleaned() -> None:
    assert Prose().process_bind_param("a\0b\ud83dc é 😀", SQLITE) == "ab?c é 😀"
