"""Questions to a name server on loopback."""

from __future__ import annotations

import pytest

from newsletter.core.findings import DnsAnswer
from newsletter.mail.dns import DnsResolver
from tests.support.dns_server import FAILS, SILENT, DnsServer

ZONE = {
    ("example.org", "TXT"): ['"v=spf1 mx" " -all"', '"other"'],
    ("example.org", "MX"): ["20 second.example.org.", "5 first.example.org."],
    ("first.example.org", "A"): ["192.0.2.1"],
    ("first.example.org", "AAAA"): ["2001:db8::1"],
    ("1.2.0.192.in-addr.arpa", "PTR"): ["first.example.org."],
    ("broken.example.org", "TXT"): FAILS,
    ("silent.example.org", "TXT"): SILENT,
}


async def test_records_come_as_text() -> None:
    async with DnsServer(ZONE) as server:
        resolver = DnsResolver("127.0.0.1", server.port)
        assert set((await resolver.txt("example.org")).records) == {"v=spf1 mx -all", "other"}
        assert await resolver.mx("example.org") == DnsAnswer(("5 first.example.org.", "20 second.example.org."))
        assert await resolver.addresses("first.example.org") == DnsAnswer(("192.0.2.1", "2001:db8::1"))
        assert await resolver.names("192.0.2.1") == DnsAnswer(("first.example.org.",))


@pytest.mark.parametrize("name", ["none.example.org", "first.example.org"])
async def test_what_is_not_there_is_no_fault(name: str) -> None:
    async with DnsServer(ZONE) as server:
        assert await DnsResolver("127.0.0.1", server.port).txt(name) == DnsAnswer()


@pytest.mark.parametrize("name", ["broken.example.org", "silent.example.org", "a..b", "x" * 70 + ".example.org"])
async def test_what_cannot_be_asked_is_one(name: str) -> None:
    async with DnsServer(ZONE) as server:
        answer = await DnsResolver("127.0.0.1", server.port, timeout_s=0.3).txt(name)
    assert answer.records == ()
    assert name in answer.fault
    assert "\n" not in answer.fault
