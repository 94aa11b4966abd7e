"""Questions to the DNS, answered as values. The only importer of dnspython."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dns.asyncresolver
import dns.exception
import dns.resolver
import dns.reversename

from newsletter.core.findings import DnsAnswer

if TYPE_CHECKING:
    from dns.rdtypes.ANY.MX import MX
    from dns.rdtypes.ANY.TXT import TXT

TIMEOUT_S: Final = 5.0


class DnsResolver:
    """Asks the name servers of this machine, or the one that is given; never raises for what happens out there."""

    def __init__(self, nameserver: str = "", port: int = 53, timeout_s: float = TIMEOUT_S) -> None:
        self._nameserver = nameserver
        self._port = port
        self._timeout_s = timeout_s

    async def txt(self, name: str) -> DnsAnswer:
        """Return the TXT records of a name, each joined to one text."""
        return await self._ask(name, "TXT", _text)

    async def mx(self, name: str) -> DnsAnswer:
        """Return the mail exchangers of a domain as ``10 mail.example.org.``, the preferred first."""
        answer = await self._ask(name, "MX", _exchanger)
        return DnsAnswer(tuple(sorted(answer.records, key=lambda text: int(text.split()[0]))), answer.fault)

    async def addresses(self, name: str) -> DnsAnswer:
        """Return the IPv4 and IPv6 addresses of a name."""
        four, six = await self._ask(name, "A", str), await self._ask(name, "AAAA", str)
        records = four.records + six.records
        return DnsAnswer(records, "" if records else four.fault or six.fault)

    async def names(self, address: str) -> DnsAnswer:
        """Return the names of an address (PTR)."""
        return await self._ask(str(dns.reversename.from_address(address)), "PTR", str)

    async def _ask(self, name: str, kind: str, read: Any) -> DnsAnswer:
        try:
            answer = await self._resolver().resolve(name, kind, lifetime=self._timeout_s, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return DnsAnswer()
        except (dns.exception.DNSException, OSError) as error:
            return DnsAnswer(fault=f"the DNS did not answer for {name}: {str(error).splitlines()[0]}")
        return DnsAnswer(tuple(read(record) for record in answer))

    def _resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=not self._nameserver)
        if self._nameserver:
            resolver.nameservers = [self._nameserver]
            resolver.port = self._port
        return resolver


def _text(record: TXT) -> str:
    return b"".join(record.strings).decode("utf-8", "replace")


def _exchanger(record: MX) -> str:
    return f"{record.preference} {record.exchange}"
