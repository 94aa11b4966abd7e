"""The relay: a pool of persistent SMTP connections, and what its answers mean. The only importer of aiosmtplib."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

import aiosmtplib

from newsletter.core.findings import RelayAnswer
from newsletter.core.replies import SERVICE_CLOSING, enhanced_code
from newsletter.errors import TemplateError
from newsletter.mail.dialogue import Dialogue, LostError, Offer, submit
from newsletter.mail.lines import is_clean
from newsletter.mail.relay import Relay, Tls
from newsletter.model import EmailAddress, Outcome, OutcomeKind, Problem, Step

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Relay", "SmtpTransport", "Tls"]

QUIT_TIMEOUT_S: Final = 5.0
UNCLEAN: Final = Problem(
    "message", 0, 0, "it holds a bare CR or LF, or does not end in CRLF", "it was not sent; report this as a bug"
)


@dataclass(slots=True)
class Session:
    """An open connection that has said EHLO, how many messages it has carried, and who sent the last of them."""

    dialogue: Dialogue
    offer: Offer
    sent: int = 0
    idle_since: float = field(default=0.0)
    sender: asyncio.Task[Any] | None = None


class OpeningError(Exception):
    """The relay could not be reached, or would not talk to us; ``outcome`` says at which step and why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


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
        self._context: ssl.SSLContext | None = None
        self._hostname = relay.local_hostname
        self._is_closed = False

    async def send(self, message: bytes, sender: str, recipient: EmailAddress) -> Outcome:
        """Hand over one finished message and classify the answer; TemplateError when its lines are not CRLF-clean."""
        if not is_clean(message):
            raise TemplateError(problems=[UNCLEAN])
        async with self._slots:
            self._busy += 1
            try:
                return await self._send(message, sender, recipient)
            finally:
                self._busy -= 1

    async def examine(self) -> RelayAnswer:
        """Open a session as for a mail, end it, and return how that went; nothing is sent."""
        place = f"{self._relay.host}:{self._relay.port}"
        try:
            session = await self._open()
        except OpeningError as error:
            outcome = error.outcome
            return RelayAnswer(place, outcome.text, str(outcome.step), outcome.code)
        secured = session.dialogue.connection_info("ssl_object")
        await session.dialogue.quit(QUIT_TIMEOUT_S)
        certificate = secured.getpeercert() if secured is not None else None
        until = ssl.cert_time_to_seconds(certificate["notAfter"]) if certificate else None
        return RelayAnswer(
            place,
            tls_version=secured.version() if secured is not None else None,
            certificate_until=None if until is None else datetime.fromtimestamp(until, UTC),
            is_authenticated=self._relay.username is not None,
        )

    async def aclose(self) -> None:
        """End all connections politely; a message that is on its way ends first, and its connection after it."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(session.dialogue.quit(QUIT_TIMEOUT_S) for session in idle))

    async def _send(self, message: bytes, sender: str, recipient: EmailAddress) -> Outcome:
        session = await self._take_idle()
        if session is not None:
            try:
                outcome = await self._submit(session, message, sender, recipient)
            except LostError:
                pass  # dropped while idle: nothing was sent, so a new connection may try
            else:
                if outcome.code != SERVICE_CLOSING or outcome.step is not Step.MAIL:
                    return outcome
        try:
            session = await self._open()
        except OpeningError as error:
            return error.outcome
        try:
            return await self._submit(session, message, sender, recipient)
        except LostError as lost:
            step = (Step.MAIL, Step.RCPT, Step.DATA)[min(len(lost.replies), 2)]
            return Outcome(OutcomeKind.DEFERRED, None, str(lost), step=step)

    async def _submit(self, session: Session, message: bytes, sender: str, recipient: EmailAddress) -> Outcome:
        """Send on ``session`` and put it back, or close it when it is used up, broken or abandoned."""
        session.sent += 1
        session.sender = asyncio.current_task()
        try:
            outcome = await submit(session.dialogue, session.offer, message, sender, recipient)
        except BaseException:
            session.dialogue.part()
            raise
        if not session.dialogue.is_usable:
            session.dialogue.part()
        elif self._is_closed:
            await session.dialogue.quit(QUIT_TIMEOUT_S)
        else:
            self._put_idle(session)
        return outcome

    async def _take_idle(self) -> Session | None:
        """Return an open connection that is good for another message, or None when one is to be opened."""
        while (session := self._choose_idle()) is not None:
            self._idle.remove(session)
            if session.dialogue.is_usable and session.sent < self._relay.messages_per_connection:
                return session
            await session.dialogue.quit(QUIT_TIMEOUT_S)
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

    async def _open(self) -> Session:
        """Return a connection that is ready for mail; OpeningError when there is none to be had."""
        try:
            return await self._open_once(self._relay.effective_tls)
        except OpeningError as error:
            if self._relay.effective_tls is Tls.OPPORTUNISTIC and error.outcome.step is Step.TLS:
                return await self._open_once(Tls.NONE)  # RFC 7435: in the clear is better than not at all
            raise

    async def _open_once(self, tls: Tls) -> Session:
        step = Step.CONNECT

        def reach(now: Step) -> None:
            nonlocal step
            step = now

        client: aiosmtplib.SMTP | None = None
        try:
            client = await self._client(tls)
            await self._introduce(client, tls, reach)
            dialogue = Dialogue(cast("asyncio.Transport", client.transport))
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            if client is not None:
                client.close()
            raise OpeningError(self._refused(step, error)) from error
        except BaseException:
            if client is not None:
                client.close()
            raise
        cast("asyncio.Transport", client.transport).set_protocol(dialogue)
        return Session(
            dialogue, Offer(frozenset(client.esmtp_extensions), self._relay.timeout_s, self._relay.final_timeout_s)
        )

    async def _client(self, tls: Tls) -> aiosmtplib.SMTP:
        relay = self._relay
        if self._hostname is None:  # asked once: the resolver may be slow
            self._hostname = await asyncio.to_thread(socket.getfqdn)
        if tls is not Tls.NONE and self._context is None:
            self._context = await asyncio.to_thread(self._build_context)
        return aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            timeout=relay.timeout_s,
            local_hostname=self._hostname,
            use_tls=tls is Tls.IMPLICIT,
            start_tls=False,
            tls_context=self._context,
        )

    async def _introduce(self, client: aiosmtplib.SMTP, tls: Tls, reach: Callable[[Step], None]) -> None:
        relay = self._relay
        await client.connect()
        reach(Step.EHLO)
        await hello(client)
        if tls is Tls.STARTTLS or (tls is Tls.OPPORTUNISTIC and client.supports_extension("starttls")):
            reach(Step.TLS)
            await client.starttls()
            reach(Step.EHLO)
            await hello(client)
        if relay.username is not None:
            reach(Step.AUTH)
            await client.login(relay.username, relay.password or "")

    def _build_context(self) -> ssl.SSLContext:
        relay = self._relay
        proves = relay.effective_tls is not Tls.OPPORTUNISTIC
        try:
            context = ssl.create_default_context(cafile=relay.ca_file if proves else None)
        except OSError as error:  # also what OpenSSL finds wrong in the file
            text = f"the certificates in {relay.ca_file} cannot be used: {error.strerror or error}"
            raise OpeningError(Outcome(OutcomeKind.DEFERRED, None, text, step=Step.TLS)) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not proves:  # RFC 7435: encrypts against listeners, proves nobody
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _refused(self, step: Step, error: Exception) -> Outcome:
        place = f"{self._relay.host}:{self._relay.port}"
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return Outcome(
                OutcomeKind.DEFERRED,
                error.code,
                f"{place} at {step}: {error.message}",
                step=step,
                enhanced_code=enhanced_code(error.message),
            )
        return Outcome(
            OutcomeKind.DEFERRED, None, f"{place} at {step}: {str(error) or type(error).__name__}", step=step
        )


async def hello(client: aiosmtplib.SMTP) -> None:
    """Say EHLO, or HELO to a server that does not know it."""
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        if not client.is_connected:
            raise
        await client.helo()
