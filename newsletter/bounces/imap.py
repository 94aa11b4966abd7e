"""Returned mail from a mailbox, by IMAP (RFC 9051): the only importer of IMAPClient, which blocks and has a thread."""

from __future__ import annotations

import asyncio
import enum
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from email.policy import compat32
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from imapclient import SEEN, IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from newsletter.bounces.limits import SIZE_LIMIT
from newsletter.errors import ReadingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.bounces.reader import Take

BATCH: Final = 200  # mails that one look hands over; the rest waits for the next
CONTENT: Final = f"BODY.PEEK[]<0.{SIZE_LIMIT}>"  # PEEK leaves \Seen alone
Value = TypeVar("Value")


class ImapTls(enum.StrEnum):
    """How the connection is encrypted."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox and how to get at it. A mail that was read is marked so, or deleted with ``deletes``."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    tls: ImapTls = ImapTls.IMPLICIT
    folder: str = "INBOX"
    deletes: bool = False
    ca_file: str | None = None
    timeout_s: float = 60.0


class ImapReader:
    """Implements :class:`newsletter.bounces.reader.Reader` over a mailbox: what is unseen in it is read.

    A mail is marked, or deleted, only when it has been taken; one that was taken and not marked, since the connection
    broke or we were killed, is taken again, which changes nothing.
    """

    name = "imap"
    is_shared = True

    def __init__(self, mailbox: Mailbox, interval_s: float) -> None:
        self._mailbox = mailbox
        self.interval_s = interval_s
        # One thread: a connection is no two threads' at a time.
        self._thread = ThreadPoolExecutor(1, "imap")

    async def read(self, take: Take, *, keeps: bool = False) -> int:
        """Hand over what is unseen and return how many mails that was."""
        try:
            client = await self._blocking(partial(enter, self._mailbox))
            try:
                return await self._hand_over(client, take, keeps=keeps)
            finally:
                await self._blocking(lambda: leave(client))
        except (IMAPClientError, OSError, ValueError) as error:
            raise ReadingError(reason_of(self._mailbox, error)) from error

    async def _hand_over(self, client: Any, take: Take, *, keeps: bool) -> int:
        found: list[int] = await self._blocking(lambda: client.search(["UNSEEN", "UNDELETED"])[:BATCH])
        for uid in found:
            data = await self._blocking(partial(content_of, client, uid))
            if data is not None:
                await take(data, (), self.name)
                if not keeps:
                    await self._blocking(partial(put_away, client, uid, deletes=self._mailbox.deletes))
        return len(found)

    async def aclose(self) -> None:
        """Let the thread end when what it is at has ended."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _blocking(self, work: Callable[[], Value]) -> Value:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class ImapInbox:
    """Implements :class:`newsletter.service.round_trip.Inbox` over the mailbox of a reader.

    Only the mail that is looked for is touched: once found it is marked, or deleted, as the reader does.
    """

    look_every_s = 0.5

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._client: Any = None
        self.late_advice = "stop the daemon meanwhile, which deletes what it reads there" if mailbox.deletes else ""
        self.place = f"the folder {mailbox.folder} of {mailbox.username} at {mailbox.host}:{mailbox.port}"

    async def find(self, message_id: str) -> tuple[str, bytes] | None:
        """Return the inbox (empty: it is no other folder) and the beginning of the mail with this id, put away; None
        while it is not there. ReadingError, in one line, when the mailbox cannot be read.
        """
        try:
            return await asyncio.to_thread(self._find, message_id)
        except (IMAPClientError, OSError, ValueError) as error:
            raise ReadingError(reason_of(self._mailbox, error)) from error

    async def aclose(self) -> None:
        """Log out."""
        if self._client is not None:
            await asyncio.to_thread(leave, self._client)
            self._client = None

    def _find(self, message_id: str) -> tuple[str, bytes] | None:
        if self._client is None:
            self._client = enter(self._mailbox)
        else:
            self._client.noop()  # a server tells of new mail when it is spoken to (RFC 9051 section 5.2)
        for uid in self._client.search(["UNDELETED", "HEADER", "Message-ID", message_id]):
            data = content_of(self._client, uid)
            if data is not None and has_id(data, message_id):  # what is searched for may be a part of another's
                put_away(self._client, uid, deletes=self._mailbox.deletes)
                return "", data
        return None


def enter(box: Mailbox) -> Any:
    """Return a connection that is logged in, with the folder selected; IMAPClientError or OSError when that fails."""
    context = None
    if box.tls is not ImapTls.NONE:
        context = ssl.create_default_context(cafile=box.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    is_implicit = box.tls is ImapTls.IMPLICIT
    client = IMAPClient(
        box.host, box.port, ssl=is_implicit, ssl_context=context if is_implicit else None, timeout=box.timeout_s
    )
    try:
        if box.tls is ImapTls.STARTTLS:
            client.starttls(context)
        client.login(box.username, box.password)
        client.select_folder(box.folder)
    except BaseException:
        with suppress(Exception):
            client.shutdown()
        raise
    return client


def content_of(client: Any, uid: int) -> bytes | None:
    """Return the beginning of a mail, as much as is ever looked at; None when somebody has deleted it."""
    answer = client.fetch([uid], [CONTENT]).get(uid, {})
    return next((value for key, value in answer.items() if key.startswith(b"BODY[") and value is not None), None)


def has_id(data: bytes, message_id: str) -> bool:
    """Return whether a mail has this Message-ID."""
    return str(BytesHeaderParser(policy=compat32).parsebytes(data).get("Message-ID", "")).strip() == message_id


def put_away(client: Any, uid: int, *, deletes: bool) -> None:
    """Mark a mail as seen, and delete it where that is wanted."""
    client.add_flags([uid], [SEEN], silent=True)
    if deletes:
        client.delete_messages([uid], silent=True)
        client.expunge([uid] if client.has_capability("UIDPLUS") else None)


def reason_of(box: Mailbox, error: Exception) -> str:
    """Return in one line why a mailbox cannot be read, and what to look at."""
    place = f"{box.host}:{box.port}"
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    if isinstance(error, LoginError):
        return f"the mailbox at {place} refuses the login: {said} — check bounces.imap.username and its password"
    return f"the mailbox at {place} cannot be read: {said} — check bounces.imap"


def leave(client: Any) -> None:
    """Log out, or at least close the connection."""
    try:
        client.logout()
    except (IMAPClientError, OSError):
        with suppress(Exception):
            client.shutdown()
