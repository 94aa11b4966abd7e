"""Returned mail from a mail server that hands it over itself, by LMTP (RFC 2033): nothing lies anywhere in between.

The server keeps a mail, and comes again, until we say that it is taken; and we say so when it is committed.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiosmtpd.lmtp import LMTP

from newsletter.bounces.limits import SIZE_LIMIT
from newsletter.errors import NewsletterError, ReadingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aiosmtpd.smtp import Envelope, Session

    from newsletter.bounces.reader import Take

logger = structlog.get_logger(__name__)

LOOK_S: Final = 15.0
IDLE_S: Final = 60.0
MAIL_LIMIT: Final = 32 * 2**20  # octets; a returned digest has a hundred thousand, and only the beginning is looked at
RECIPIENT_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen: a host and a port, or a socket in the file system."""

    host: str = "127.0.0.1"
    port: int = 8024
    path: Path | None = None

    def __str__(self) -> str:
        return str(self.path) if self.path else f"{self.host}:{self.port}"


class LmtpReader:
    """Implements :class:`newsletter.bounces.reader.Reader` as a server. ``is_ours`` tells which addresses we take.

    Whatever else is refused with 550, so that it is no open door, and so is a return path that we did not sign.
    """

    name = "lmtp"
    is_shared = False
    interval_s = LOOK_S

    def __init__(self, place: Place, is_ours: Callable[[str], bool]) -> None:
        self._place = place
        self._is_ours = is_ours
        self._server: asyncio.Server | None = None
        self._sessions = Sessions()

    @property
    def port(self) -> int:
        """The port it listens on, once started: the system's choice when asked for port 0."""
        if self._server is None or self._place.path is not None:
            return self._place.port
        return int(self._server.sockets[0].getsockname()[1])

    async def read(self, take: Take, *, keeps: bool = False) -> int:
        """See to it that we listen; mails are taken as they come in, counted as none here, and never kept."""
        del keeps
        if self._server is None or not self._server.is_serving():
            self._server = await self._listen(take)
            logger.info("lmtp.started", place=str(self._place), port=self.port)
        return 0

    async def aclose(self) -> None:
        """Stop listening and hang up; what has not been answered is sent again."""
        if self._server is None:
            return
        await asyncio.sleep(0)  # Python 3.11 forgets to close a connection that it accepted in this very turn
        self._server.close()
        await self._sessions.end()
        await self._server.wait_closed()
        self._server = None
        if self._place.path is not None:
            with suppress(OSError):
                self._place.path.unlink()

    async def _listen(self, take: Take) -> asyncio.Server:
        loop, place = asyncio.get_running_loop(), self._place

        def session() -> Connection:
            return Connection(Handler(take, self._is_ours), self._sessions)

        self._sessions = Sessions()
        try:
            if place.path is None:
                return await loop.create_server(session, place.host, place.port)
            await asyncio.to_thread(remove_stale, place.path)
            server = await loop.create_unix_server(session, place.path)
            await asyncio.to_thread(place.path.chmod, 0o660)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ReadingError(
                f"the LMTP listener cannot start on {place}: {reason} — stop what uses it, or set another place "
                "(bounces.lmtp)"
            ) from error
        return server


def remove_stale(path: Path) -> None:
    """Remove the socket of a process that was killed; OSError when somebody listens on it."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:  # asyncio would take its place without a word
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


class Handler:
    """What a session asks."""

    def __init__(self, take: Take, is_ours: Callable[[str], bool]) -> None:
        self._take = take
        self._is_ours = is_ours

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, _server: LMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take what is addressed to us."""
        if not self._is_ours(address):
            return "550 5.1.1 no such address here"
        if len(envelope.rcpt_tos) >= RECIPIENT_LIMIT:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _server: LMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail, and only then say so: once for each recipient (RFC 2033 section 4.2)."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            await self._take(content[:SIZE_LIMIT], tuple(envelope.rcpt_tos), LmtpReader.name)
        except NewsletterError as error:
            logger.error("lmtp.not_taken", error=str(error))  # noqa: TRY400 (the store's fault, in one line)
            answer = "451 4.3.0 cannot be stored now, try again later"
        else:
            answer = "250 2.0.0 Ok: taken"
        return "\r\n".join([answer] * len(envelope.rcpt_tos))


class Sessions:
    """Who is connected, so that stopping can end it: also whoever had just come in."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._has_ended = False

    def begin(self, connection: Connection) -> None:
        """Note a client, or hang up when it comes too late."""
        self._open.add(connection)
        if self._has_ended:
            connection.hang_up()

    def forget(self, connection: Connection) -> None:
        """Note that a client is gone."""
        self._open.discard(connection)

    async def end(self) -> None:
        """Hang up on everybody, and return when they are gone."""
        self._has_ended = True
        for connection in list(self._open):
            connection.hang_up()
        await asyncio.sleep(0)


class Connection(LMTP):
    """One client, known for as long as it lasts."""

    def __init__(self, handler: Handler, sessions: Sessions) -> None:
        options: dict[str, Any] = {"hostname": "localhost", "ident": "newsletter bounces", "timeout": IDLE_S}
        loop = asyncio.get_running_loop()
        super().__init__(handler, data_size_limit=MAIL_LIMIT, enable_SMTPUTF8=True, loop=loop, **options)
        self._sessions = sessions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._sessions.begin(self)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._sessions.forget(self)
        super().connection_lost(error)

    def eof_received(self) -> bool:
        """Hang up too; aiosmtpd would leave the connection of a client that is gone before it was greeted."""
        super().eof_received()
        return False

    def hang_up(self) -> None:
        """Close without a word, and without waiting for whoever does not read."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
