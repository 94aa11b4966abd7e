"""A name server on loopback that says what a test tells it to."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Self, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SILENT = "silent"
FAILS = "servfail"


class DnsServer:
    """``async with DnsServer({("example.org", "TXT"): ['"v=spf1 -all"']}) as server``: records as in a zone file.

    Instead of records a name may be ``SILENT`` or ``FAILS``. Names without any record do not exist.
    """

    def __init__(self, records: Mapping[tuple[str, str], Sequence[str] | str]) -> None:
        self.records = dict(records)
        self.asked: list[tuple[str, str]] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: Protocol(self), local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def answer(self, packet: bytes) -> bytes | None:
        """Return the answer to a question, None for silence."""
        query = dns.message.from_wire(packet)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        found = self.records.get((name, kind), [])
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if found == SILENT:
            return None
        if found == FAILS:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif found:
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, cast("list[str]", found)))
        elif not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


class Protocol(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer at once."""
        answer = self._server.answer(data)
        if answer is not None:
            self._transport.sendto(answer, addr)


@contextlib.contextmanager
def in_background(records: Mapping[tuple[str, str], Sequence[str] | str]) -> Iterator[DnsServer]:
    """Run a server in a thread of its own, for programs that a test waits for."""
    server, is_up = DnsServer(records), threading.Event()
    loop = asyncio.new_event_loop()

    async def work() -> None:
        async with server:
            is_up.set()
            await stopped.wait()

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(work(),), daemon=True)
    thread.start()
    is_up.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        loop.close()
