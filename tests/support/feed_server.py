"""A web server on loopback that plays recorded answers and every fault that a feed reader meets.

It speaks HTTP by hand, so that it can be as wrong as real servers are: cut an answer short, drip it, or hang up.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: header names in lower case, and when, in the loop's seconds."""

    path: str
    headers: Headers
    at_s: float


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. ``pieces`` are sent ``pause_s`` apart; ``breaks`` hangs up with a reset before the end."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    pieces: int = 1
    pause_s: float = 0.0
    breaks: bool = False
    length: int | None = None


Answerer = Callable[[Asked], Reply | Awaitable[Reply]]


@dataclass(slots=True)
class FeedServer:
    """Answers each path as told by :meth:`play`; remembers what it was asked."""

    replies: dict[str, list[Reply] | Answerer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    port: int = 0
    scheme: str = "http"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return the address of a path."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    def play(self, path: str, *replies: Reply) -> str:
        """Answer ``path`` with these, one after another, the last one for ever; return its address."""
        self.replies[path] = list(replies)
        return self.url(path)

    def play_by(self, path: str, answerer: Answerer) -> str:
        """Answer ``path`` with what a function returns; return its address."""
        self.replies[path] = answerer
        return self.url(path)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request, answer it, and close."""
        try:
            first = await reader.readexactly(1)
            if first == b"\x16":  # a TLS handshake
                await send(writer, Reply(400, b"This is plain HTTP"))
                return
            lines = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            named = (line.partition(":") for line in lines[1:] if line)
            headers = {name.lower(): value.strip() for name, _, value in named}
            asked = Asked(lines[0].split(" ")[1], headers, asyncio.get_running_loop().time())
            self.asked.append(asked)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            try:
                await send(writer, await self.reply_to(asked))
            finally:
                self.in_flight -= 1
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client had enough
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def reply_to(self, asked: Asked) -> Reply:
        """Return the next answer for a path."""
        played = self.replies.get(asked.path.partition("?")[0], [Reply(404)])
        if isinstance(played, list):
            return played.pop(0) if len(played) > 1 else played[0]
        answer = played(asked)
        return answer if isinstance(answer, Reply) else await answer


async def send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    """Write one answer as its faults demand."""
    length = len(reply.body) if reply.length is None else reply.length
    head = [f"HTTP/1.1 {reply.status} Played", *(f"{name}: {value}" for name, value in reply.headers)]
    head += [f"Content-Length: {length}", "Connection: close", "", ""]
    writer.write("\r\n".join(head).encode("latin-1"))
    size = -(-len(reply.body) // reply.pieces) or 1
    for start in range(0, len(reply.body), size):
        writer.write(reply.body[start : start + size])
        await writer.drain()
        await asyncio.sleep(reply.pause_s)
    await writer.drain()
    if reply.breaks:
        writer.transport.abort()


@asynccontextmanager
async def running_feed_server(context: ssl.SSLContext | None = None) -> AsyncIterator[FeedServer]:
    """Run a server on a free port of loopback."""
    played = FeedServer(scheme="https" if context else "http")
    server = await asyncio.start_server(played.serve, "127.0.0.1", 0, ssl=context)
    played.port = server.sockets[0].getsockname()[1]
    try:
        yield played
    finally:
        server.close()
        await server.wait_closed()


def zipped(body: bytes) -> Reply:
    """Return an answer compressed with gzip."""
    return Reply(body=gzip.compress(body), headers=(("Content-Encoding", "gzip"),))


def conditional(body: bytes, etag: str, last_modified: str | None = None) -> Answerer:
    """Return what answers 304 to whoever quotes the ETag exactly, else the whole body."""
    validators = [("ETag", etag)] + ([("Last-Modified", last_modified)] if last_modified else [])

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == etag:
            return Reply(304, headers=(("ETag", etag), ("Cache-Control", "max-age=600")))
        return Reply(body=body, headers=tuple(validators))

    return answer
