from __future__ import annotations

from ipaddress import ip_address

import pytest

from newsletter.sources.guard import is_public, literal_address

PRIVATE = """
127.0.0.1 127.255.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 0.1.2.3 224.0.0.1 239.1.1.1
240.0.0.1 255.255.255.255 192.0.0.8 192.0.2.1 198.18.0.1 192.88.99.1 ::1 :: fc00::1 fd12::1 fe80::1 ff02::1
::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::a00:1 2002:7f00:1:: 2002:a00:1::
2001:db8::1 2001::1
"""
PUBLIC = "1.1.1.1 8.8.8.8 151.101.1.42 2606:4700:4700::1111 2a04:4e42::773 ::ffff:8.8.8.8 64:ff9b::808:808"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses_in_every_wrapping(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("arxiv.org", None),
        ("1and1.example", None),
        ("", None),
    ],
)
def test_literal_addresses_as_a_resolver_takes_them(host: str, address: str | None) -> None:
    assert literal_address(host) == (ip_address(address) if address else None)
