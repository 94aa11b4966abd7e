"""Whose request it is, whatever its header says."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from newsletter.web.client import Clients, network_of

PROXIES = Clients([ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("2001:db8:aaaa::/48")])


def asking(peer: str | None, *forwarded: str) -> HTTPConnection:
    headers = [(b"x-forwarded-for", each.encode("latin-1", "replace")) for each in forwarded]
    return HTTPConnection({"type": "http", "client": (peer, 4711) if peer else None, "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        # Who is no proxy of ours may write what they like.
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),
        ("192.0.2.7", ["127.0.0.1", "10.0.0.1"], "192.0.2.7"),
        # A proxy of ours adds who asked it, behind what that one said of themselves.
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["10.9.9.9, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
        # Through two of them.
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1, 2001:db8:aaaa::1"], "198.51.100.1"),
        # Nothing but our own hops: one of them asked.
        ("127.0.0.1", ["10.1.1.1"], "10.1.1.1"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1, "], "127.0.0.1"),
        # However an address is written.
        ("127.0.0.1", ["198.51.100.1:443"], "198.51.100.1"),
        ("127.0.0.1", ['"[2001:db8:1::5]:443"'], "2001:db8:1::5"),
        ("::ffff:127.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["fe80::1%eth0"], "fe80::1"),
        (None, ["198.51.100.1"], "0.0.0.0"),  # noqa: S104 (nobody)
    ],
)
def test_who_asks(peer: str | None, forwarded: list[str], expected: str) -> None:
    assert PROXIES.address(asking(peer, *forwarded)) == ip_address(expected)


@given(st.lists(st.text(alphabet=st.characters(max_codepoint=255), max_size=60), max_size=4))
def test_whatever_is_forged_nobody_becomes_somebody_else(forwarded: list[str]) -> None:
    assert Clients().address(asking("192.0.2.7", *forwarded)) == ip_address("192.0.2.7")
    behind = [*forwarded, "198.51.100.1"]
    assert PROXIES.address(asking("10.0.0.1", *behind)) == ip_address("198.51.100.1")


def test_a_very_long_field_costs_nothing() -> None:
    assert PROXIES.address(asking("127.0.0.1", "1.1.1.1," * 100_000 + "198.51.100.1")) == ip_address("198.51.100.1")


def test_addresses_of_one_household_are_one_network() -> None:
    assert network_of(ip_address("198.51.100.7")) == network_of(ip_address("198.51.100.250")) == "198.51.100.0/24"
    assert network_of(ip_address("2001:db8:1:2ff::1")) == network_of(ip_address("2001:db8:1:200::9"))
    assert network_of(ip_address("2001:db8:1:300::1")) != network_of(ip_address("2001:db8:1:200::9"))
