"""A mail server on loopback that keeps every message in a Maildir and delivers none: for trying out and for staging."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import os
import socket
import time
from typing import TYPE_CHECKING, Final

import structlog
from aiosmtpd.smtp import SMTP

from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from pathlib import Path

    from aiosmtpd.smtp import Envelope, Session

logger = structlog.get_logger(__name__)

SIZE_LIMIT: Final = 25 * 2**20  # octets; what large providers take


class Catcher:
    """Takes mail on ``host:port`` into ``maildir``, made when it is not there.

    Each file holds the message as it came (CRLF lines), below a ``Return-Path`` and one ``Delivered-To`` per recipient:
    the envelope. NewsletterError when ``host`` is not a loopback address: a server that takes mail for
    anybody must not be seen from outside.
    """

    def __init__(self, host: str, port: int, maildir: Path, size_limit: int = SIZE_LIMIT) -> None:
        if not is_loopback(host):
            raise NewsletterError(f"the mail catcher listens on loopback only, not on {host}: use 127.0.0.1")
        self._host = host
        self._port = port
        self._maildir = Maildir(maildir)
        self._size_limit = size_limit
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    @property
    def port(self) -> int:
        """The port it listens on, once started: the system's choice when asked for port 0."""
        if self._server is None:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begin to take mail; NewsletterError when the address is taken or the folder cannot be made."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.to_thread(self._maildir.create)
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}"
            raise NewsletterError(
                f"the mail catcher cannot keep mails in {reason} — let this user write there, or name another "
                "data_directory"
            ) from error
        try:
            self._server = await loop.create_server(self._connection, self._host, self._port)
        except OSError as error:
            # asyncio puts a sentence of its own before what the system says.
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise NewsletterError(
                f"the mail catcher cannot start on {self._host}:{self._port}: {reason} — stop what uses it, or set "
                "another port (mail.catcher.port)"
            ) from error
        logger.info("catcher.started", host=self._host, port=self.port)

    async def aclose(self) -> None:
        """Stop taking mail and close every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.hang_up()
        await self._server.wait_closed()
        self._server = None

    def _connection(self) -> Connection:
        return Connection(self, self._connections, self._size_limit)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd)
        """Keep a message, and only then say so."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            name = await asyncio.to_thread(self._maildir.add, header_of(envelope) + content)
        except OSError as error:
            logger.error("catcher.not_kept", error=str(error))  # noqa: TRY400 (the disk's fault, in one line)
            return f"452 4.3.1 cannot be kept: {error.strerror}"
        logger.debug("catcher.kept", name=name)
        return f"250 2.0.0 Ok: kept as {name}"


class Connection(SMTP):
    """One client; known to the catcher for as long as it lasts, so that stopping can end it."""

    def __init__(self, catcher: Catcher, open_connections: set[Connection], size_limit: int) -> None:
        super().__init__(
            catcher,
            data_size_limit=size_limit,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="newsletter mail catcher",
            loop=asyncio.get_running_loop(),
        )
        self._open_connections = open_connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._open_connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._open_connections.discard(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        """Close without a word."""
        if self.transport is not None:
            self.transport.close()


class Maildir:
    """A folder of messages that readers may look into at any moment: a file appears in ``new`` when it is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._host = socket.gethostname().replace("/", "_").replace(":", "_")

    def create(self) -> None:
        """Make the three folders that a Maildir consists of."""
        for part in ("tmp", "new", "cur"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)

    def add(self, content: bytes) -> str:
        """Store a message and return its name; OSError when it cannot be."""
        now = time.time_ns()
        name = f"{now // 10**9}.M{now // 1000 % 10**6:06}P{os.getpid()}Q{next(self._numbers)}.{self._host}"
        unfinished = self._folder / "tmp" / name
        try:
            unfinished.write_bytes(content)
            unfinished.rename(self._folder / "new" / name)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        return name


def header_of(envelope: Envelope) -> bytes:
    """Return the envelope as header lines, which the message itself does not hold."""
    lines = [f"Return-Path: <{envelope.mail_from or ''}>"]
    lines += [f"Delivered-To: {recipient}" for recipient in envelope.rcpt_tos]
    return "".join(f"{line}\r\n" for line in lines).encode()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
