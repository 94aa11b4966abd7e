"""The relay: a pool of persistent SMTP sessions."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from newsletter.core.findings import RelayAnswer
from newsletter.core.replies import SERVICE_CLOSING
from newsletter.errors import TemplateError
from newsletter.mail.dialogue import LostError, submit
from newsletter.mail.envelope import Envelope
from newsletter.mail.lines import is_clean
from newsletter.mail.relay import Relay, Tls
from newsletter.mail.session import OpeningError, Session, SessionOpener
from newsletter.model import EmailAddress, Outcome, OutcomeKind, Problem, Step

if TYPE_CHECKING:
    from newsletter.ports import Begin

__all__ = ["Relay", "SmtpTransport", "Tls"]

QUIT_TIMEOUT_S: Final = 5.0  # nothing depends on the answer, and a stop should not wait for it
UNCLEAN: Final = Problem(
    "message", 0, 0, "it holds a bare CR or LF, or does not end in CRLF", "it was not sent; report this as a bug"
)


class SmtpTransport:
    """Implements :class:`newsletter.ports.Transport` over one relay.

    At most ``relay.connections`` are open at any time; more senders than that wait. A connection that the relay
    dropped while nobody used it is replaced before any message is begun, without a word. A message whose connection
    is lost after the final dot is deferred with ``is_unknown``: it is sent again with the same Message-ID.

    Who sends one message after another keeps their connection as long as there are enough for all, and one that is
    used up is ended only when its sender comes with the next message: until then what became of the last one may not
    have been recorded, and no more messages than there are open connections shall be in doubt when we are killed.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._slots = asyncio.Semaphore(relay.connections)
        self._idle: list[Session] = []
        self._busy = 0  # messages under way
        self._sweep: asyncio.TimerHandle | None = None
        self._opener = SessionOpener(relay)
        self._quit_timeout_s = min(QUIT_TIMEOUT_S, relay.timeout_s)
        self._is_closed = False

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        """Hand over one finished message and classify the answer; TemplateError when its lines are not CRLF-clean."""
        if not is_clean(message):
            raise TemplateError(problems=[UNCLEAN])
        async with self._slots:
            self._busy += 1
            try:
                return await self._send(message, Envelope(sender, recipient, envelope_id), begin)
            finally:
                self._busy -= 1

    async def examine(self) -> RelayAnswer:
        """Open a session as for a mail, end it, and return how that went; nothing is sent."""
        place = f"{self._relay.host}:{self._relay.port}"
        try:
            session = await self._opener.open()
        except OpeningError as error:
            outcome = error.outcome
            return RelayAnswer(place, outcome.text, str(outcome.step), outcome.code)
        secured = session.dialogue.connection_info("ssl_object")
        await session.dialogue.quit(self._quit_timeout_s)
        certificate = secured.getpeercert() if secured is not None else None
        until = ssl.cert_time_to_seconds(certificate["notAfter"]) if certificate else None
        return RelayAnswer(
            place,
            tls_version=secured.version() if secured is not None else None,
            certificate_until=None if until is None else datetime.fromtimestamp(until, UTC),
            is_authenticated=self._relay.username is not None,
            mechanism=session.mechanism,
        )

    async def aclose(self) -> None:
        """End all connections politely; a message that is on its way ends first, and its connection after it."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(session.dialogue.quit(self._quit_timeout_s) for session in idle))

    async def _send(self, message: bytes, envelope: Envelope, begin: Begin | None) -> Outcome:
        session = await self._take_idle()
        if session is not None:
            try:
                outcome = await self._submit(session, message, envelope, begin)
            except LostError:
                pass  # dropped while idle: nothing was sent, so a new connection may try
            else:
                if outcome.code != SERVICE_CLOSING or outcome.step is not Step.MAIL:
                    return outcome
        try:
            session = await self._opener.open()
        except OpeningError as error:
            return error.outcome
        try:
            return await self._submit(session, message, envelope, begin)
        except LostError as lost:
            step = (Step.MAIL, Step.RCPT, Step.DATA)[min(len(lost.replies), 2)]
            outcome = Outcome(OutcomeKind.DEFERRED, None, str(lost), step=step)
            return replace(outcome, relay=self._relay.name, connection=session.connection)

    async def _submit(self, session: Session, message: bytes, envelope: Envelope, begin: Begin | None) -> Outcome:
        """Send on ``session`` and put it back, or close it when it is used up, broken or abandoned."""
        session.sent += 1
        session.sender = asyncio.current_task()
        try:
            outcome = await submit(session.dialogue, session.offer, message, envelope, begin)
        except BaseException:
            session.dialogue.part()
            raise
        if not session.dialogue.is_usable:
            session.dialogue.part()
        elif self._is_closed:
            await session.dialogue.quit(self._quit_timeout_s)
        else:
            self._put_idle(session)
        return replace(outcome, relay=self._relay.name, connection=session.connection)

    async def _take_idle(self) -> Session | None:
        """Return an open connection that is good for another message, or None when one is to be opened."""
        while (session := self._choose_idle()) is not None:
            self._idle.remove(session)
            if session.dialogue.is_usable and session.sent < self._relay.messages_per_connection:
                return session
            await session.dialogue.quit(self._quit_timeout_s)
        return None

    def _choose_idle(self) -> Session | None:
        """Return this sender's own connection, or one that its sender has done with; another's only for want of any."""
        me = asyncio.current_task()
        mine = [session for session in self._idle if session.sender is me]
        free = [session for session in self._idle if session.sender is None or session.sender.done()]
        is_full = len(self._idle) + self._busy > self._relay.connections
        chosen = mine or free or (self._idle if is_full else [])
        return chosen[-1] if chosen else None

    def _put_idle(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        session.idle_since = loop.time()
        self._idle.append(session)
        if self._sweep is None:
            self._sweep = loop.call_later(self._relay.idle_s, self._close_idle)

    def _close_idle(self) -> None:
        """Part with connections that nobody has used for a while, so that none is held from one day to the next."""
        loop = asyncio.get_running_loop()
        old = loop.time() - self._relay.idle_s
        for session in [session for session in self._idle if session.idle_since <= old]:
            self._idle.remove(session)
            session.dialogue.part_politely()
        self._sweep = loop.call_later(self._relay.idle_s, self._close_idle) if self._idle else None
