from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.errors import StoreError
from newsletter.store.dialect import parse_address


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///data/newsletter.db", "data/newsletter.db"),
        ("sqlite:////var/lib/newsletter/n.db", "/var/lib/newsletter/n.db"),
        ("sqlite+aiosqlite:///n.db", "n.db"),
    ],
)
def test_the_address_of_a_file(url: str, path: str) -> None:
    address = parse_address(url)
    assert (address.path, address.is_sqlite, address.place) == (Path(path), True, path)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_the_address_of_a_server_is_shown_without_its_password(scheme: str) -> None:
    address = parse_address(f"{scheme}://news:s3cret@db.example:5433/letters?sslmode=require")
    assert address.url.drivername == "postgresql+psycopg"
    assert address.url.password == "s3cret"
    assert address.place == "postgresql://news@db.example:5433/letters"
    assert not address.is_sqlite


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "not the address of a database"),
        ("data/newsletter.db", "not the address of a database"),
        ("postgresql://me:s3cret@host:port/x", "not the address of a database"),
        ("mysql://host/name", "unknown kind of database: 'mysql'"),
        ("sqlite://", "would forget"),
        ("sqlite:///:memory:", "would forget"),
    ],
)
def test_what_is_no_address_says_what_one_looks_like(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as raised:
        parse_address(url)
    assert "sqlite:///" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "s3cret" not in str(raised.value)
