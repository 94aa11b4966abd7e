"""Every test here runs over each kind of store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from newsletter.store.sql import SqlStore, open_store
from tests.support.databases import kept_postgres, migrated_file, postgres, shared_postgres_url, sqlite_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["kept_postgres", "migrated_file", "postgres", "shared_postgres_url", "sqlite_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The address of a migrated, empty store of either kind."""
    name = "sqlite_url" if request.param == "sqlite" else "shared_postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[SqlStore]:
    """A migrated, empty store of either kind."""
    opened = open_store(store_url, busy_timeout_s=5)
    yield opened
    await opened.aclose()
