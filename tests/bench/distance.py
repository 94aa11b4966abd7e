"""A relay as far away as one across a country: ``python -m tests.bench.distance PORT --one-way-ms 10``.

Passes every octet on to PORT on this machine, and back, that much later; prints the port where it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


class End(asyncio.Protocol):
    """One end of a connection, which hands what it reads to the other end, later."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []  # what was to be written before there was a connection
        self.other: End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        for data in self._early:
            transport.write(data)

    def data_received(self, data: bytes) -> None:
        assert self.other is not None
        asyncio.get_running_loop().call_later(self._delay_s, self.other.write, data)

    def connection_lost(self, _: Exception | None) -> None:
        if self.other is not None:
            asyncio.get_running_loop().call_later(self._delay_s, self.other.close)

    def write(self, data: bytes) -> None:
        if self._transport is None:
            self._early.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Near(End):
    """The end that a sender sees; it opens the far one."""

    def __init__(self, delay_s: float, port: int) -> None:
        super().__init__(delay_s)
        self._port = port
        self._opening: asyncio.Task[tuple[asyncio.Transport, End]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        far = self.other = End(self._delay_s)
        far.other = self
        loop = asyncio.get_running_loop()
        self._opening = loop.create_task(loop.create_connection(lambda: far, "127.0.0.1", self._port))


@contextmanager
def far_away(port: int, one_way_ms: float) -> Iterator[int]:
    """Run it beside this process, and give its port."""
    command = [sys.executable, "-m", "tests.bench.distance", str(port), "--one-way-ms", str(one_way_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def serve(port: int, one_way_ms: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Near(one_way_ms / 1000, port), "127.0.0.1", 0, backlog=256)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--one-way-ms", type=float, default=10)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.one_way_ms))


if __name__ == "__main__":
    main()
