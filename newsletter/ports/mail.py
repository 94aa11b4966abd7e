"""What turns digests into mail, and where messages go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from newsletter.model import (
        Digest,
        EmailAddress,
        Notice,
        Outcome,
        Paper,
        RunReport,
        Subscriber,
    )

# Asked when the server is ready for a message's text and nothing of it has been sent: whether it may be.
Begin = Callable[[], Awaitable[bool]]


class Transport(Protocol):
    """Somewhere messages go."""

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        """Hand over one finished message (CRLF lines) and classify the answer. Never retries, never raises for it.

        ``envelope_id`` names the delivery in notifications about it (RFC 3461), where such are asked for. ``begin`` is
        asked before the first octet of the message's text; when it says no, or raises, nothing of it has been sent.
        """

    async def aclose(self) -> None:
        """End all connections politely."""


class Prepared(Protocol):
    """A digest rendered once, ready to become any number of messages."""

    @property
    def subject(self) -> str:
        """The subject, as people read it."""

    def compose(self, subscriber: Subscriber, message_id: str, now: datetime, reference: int | None = None) -> bytes:
        """Return the finished message for one recipient: CRLF lines, no bare CR or LF, equal on every attempt but
        for its Date, and a link that expires. ``reference`` is what a transactional mail is about.
        """


class Renderer(Protocol):
    """Turns digests into mail."""

    def prepare(self, digest: Digest, papers: Mapping[int, Paper]) -> Prepared:
        """Render a digest; TemplateError when a template cannot be filled. ``papers`` holds every id in it."""


class ReportSender(Protocol):
    """A way to send the operator's daily report."""

    async def send_report(self, report: RunReport, now: datetime) -> str | None:
        """Send it; return None, or in one line why that was not possible. Never raises for it."""


class Announcer(Protocol):
    """A way to tell the operator."""

    @property
    def channel(self) -> str:
        """Its name, under which it is remembered what was told."""

    async def announce(self, notices: Sequence[Notice], now: datetime) -> str | None:
        """Tell all of it in one message; return None, or in one line why that was not possible. Never raises for it."""
