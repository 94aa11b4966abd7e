"""A receiver of webhooks on loopback: it checks each signature as Standard Webhooks says, and answers as it is told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another-key-another-key-another!").decode()


@dataclass(frozen=True, slots=True)
class Told:
    """A request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The id of the event."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        """What is told."""
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass(slots=True)
class Receiver:
    """Answers with ``status``, after ``pause_s``; remembers what was told and whether it was signed."""

    status: int = 204
    pause_s: float = 0.0
    headers: tuple[str, ...] = ()
    told: list[Told] = field(default_factory=list)
    accepted: list[Told] = field(default_factory=list)
    forged: list[Told] = field(default_factory=list)
    port: int = 0
    serving: set[asyncio.Task[Any] | None] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook?key=not-to-be-told"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
        self.serving.add(task := asyncio.current_task())
        try:
            await self._answer(reader, writer)
        finally:
            self.serving.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            named = (line.partition(":") for line in lines[1:] if line)
            headers = {name.lower(): value.strip() for name, _, value in named}
            told = Told(headers, await reader.readexactly(int(headers["content-length"])))
            (self.told if is_signed(told) else self.forged).append(told)
            status = self.status
            await asyncio.sleep(self.pause_s)
            head = [f"HTTP/1.1 {status} As told", *self.headers, "Content-Length: 0", "Connection: close", "", ""]
            writer.write("\r\n".join(head).encode())
            await writer.drain()
            if 200 <= status < 300:
                self.accepted.append(told)
            writer.close()
            await writer.wait_closed()


def is_signed(told: Told, secret: str = SECRET) -> bool:
    """Whether one of a request's signatures is by ``secret``."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((told.id.encode(), told.headers["webhook-timestamp"].encode(), told.body))
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return wanted in told.headers["webhook-signature"].split(" ")


@asynccontextmanager
async def running_receiver(port: int = 0) -> AsyncIterator[Receiver]:
    """Run one on a port of loopback, a free one for 0."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver
        for task in [*receiver.serving]:
            if task is not None:
                task.cancel()
        await asyncio.sleep(0.01)
