"""An open session with the relay: reached, greeted, secured and logged in. The only importer of aiosmtplib."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import aiosmtplib

from newsletter.core.replies import enhanced_code
from newsletter.mail.dialogue import Dialogue
from newsletter.mail.envelope import Offer
from newsletter.mail.login import UNSUPPORTED, NoMechanismError, mechanisms
from newsletter.mail.relay import Authentication, Tls, TlsVersion
from newsletter.mail.token import TokenError, TokenSource
from newsletter.model import Outcome, OutcomeKind, Step

if TYPE_CHECKING:
    from newsletter.mail.relay import Relay

VERSIONS: Final = {TlsVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2, TlsVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3}
REFUSED_LOGIN: Final = 535
SERIALS: Final = itertools.count(1)


@dataclass(slots=True)
class Session:
    """An open connection that has said EHLO, how many messages it has carried, and which task sent the last of them.

    ``connection`` names it in the ledger of attempts: whom it reached, and the how manieth of this process it is.
    ``mechanism`` is how we logged in, empty without a login.
    """

    dialogue: Dialogue
    offer: Offer
    connection: str
    mechanism: str = ""
    sent: int = 0
    idle_since: float = 0.0
    sender: asyncio.Task[Any] | None = None


class OpeningError(Exception):
    """The relay could not be reached, or would not talk to us; ``outcome`` says at which step and why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


@dataclass(slots=True)
class Opening:
    """How far the opening of a session has come."""

    step: Step = Step.CONNECT
    connection: str = ""
    mechanism: str = ""
    client: aiosmtplib.SMTP | None = None
    peer: str = ""


class SessionOpener:
    """Opens sessions with one relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._context: ssl.SSLContext | None = None
        self._hostname = relay.local_hostname
        self._tokens = TokenSource(relay.token_command, relay.token_lifetime_s) if relay.token_command else None

    async def open(self) -> Session:
        """Return a session that is ready for mail; OpeningError when there is none to be had."""
        tls = self._relay.effective_tls
        try:
            return await self._open(tls)
        except OpeningError as error:
            if tls is Tls.OPPORTUNISTIC and error.outcome.step is Step.TLS:
                return await self._open(Tls.NONE)  # RFC 7435: in the clear is better than not at all
            raise

    async def _open(self, tls: Tls) -> Session:
        opening = Opening()
        try:
            await self._introduce(opening, tls)
            assert opening.client is not None  # noqa: S101 (set by what has just succeeded)
            transport = cast("asyncio.Transport", opening.client.transport)
            dialogue = Dialogue(transport)
        except (aiosmtplib.SMTPException, OSError, ValueError, NoMechanismError, TokenError) as error:
            self._abandon(opening)
            raise OpeningError(self._refused(opening, error)) from error
        except BaseException:
            self._abandon(opening)
            raise
        transport.set_protocol(dialogue)
        relay = self._relay
        offer = Offer(dict(opening.client.esmtp_extensions), relay.timeout_s, relay.final_timeout_s, relay.dsn)
        return Session(dialogue, offer, opening.connection, opening.mechanism)

    async def _introduce(self, opening: Opening, tls: Tls) -> None:
        relay = self._relay
        reached = await reach(relay.host, relay.port, relay.connect_timeout_s)
        peer = reached.getpeername()
        opening.peer = peer[0]
        opening.connection = f"{bracketed(peer[0])}:{peer[1]}#{next(SERIALS)}"
        try:
            client = opening.client = await self._client(tls, reached)
        except BaseException:
            reached.close()
            raise
        await client.connect()
        opening.step = Step.EHLO
        await hello(client)
        if tls is Tls.STARTTLS or (tls is Tls.OPPORTUNISTIC and client.supports_extension("starttls")):
            opening.step = Step.TLS
            await client.starttls()
            opening.step = Step.EHLO
            await hello(client)
        if relay.username is not None:
            opening.step = Step.AUTH
            opening.mechanism = await self._log_in(client, relay.username, opening.peer)

    async def _client(self, tls: Tls, reached: socket.socket) -> aiosmtplib.SMTP:
        relay = self._relay
        if self._hostname is None:  # asked once: the resolver may be slow
            self._hostname = await asyncio.to_thread(socket.getfqdn)
        if tls is not Tls.NONE and self._context is None:
            self._context = await asyncio.to_thread(self._build_context)
        return aiosmtplib.SMTP(
            hostname=relay.host,
            port=None,
            sock=reached,
            timeout=relay.timeout_s,
            local_hostname=self._hostname,
            use_tls=tls is Tls.IMPLICIT,
            start_tls=False,
            tls_context=self._context,
        )

    async def _log_in(self, client: aiosmtplib.SMTP, username: str, peer: str) -> str:
        """Log in by the best mechanism that works here and return its name."""
        is_private = client.get_transport_info("sslcontext") is not None or ipaddress.ip_address(peer).is_loopback
        found = mechanisms(self._relay, client.server_auth_methods, is_private=is_private)
        for mechanism in found:
            try:
                await self._authenticate(client, mechanism, username)
            except aiosmtplib.SMTPAuthenticationError as error:
                if error.code not in UNSUPPORTED or mechanism is found[-1]:
                    raise
            else:
                return mechanism.upper()
        raise AssertionError  # the last one has returned or raised

    async def _authenticate(self, client: aiosmtplib.SMTP, mechanism: Authentication, username: str) -> None:
        if mechanism is Authentication.XOAUTH2 and self._tokens is not None:
            await log_in_with_token(client, username, self._tokens)
            return
        password = self._relay.password or ""
        if mechanism is Authentication.PLAIN:
            await client.auth_plain(username, password)
        elif mechanism is Authentication.LOGIN:
            await client.auth_login(username, password)
        else:
            await client.auth_crammd5(username, password)

    def _build_context(self) -> ssl.SSLContext:
        relay = self._relay
        proves = relay.effective_tls is not Tls.OPPORTUNISTIC
        try:
            context = ssl.create_default_context(cafile=relay.ca_file if proves else None)
        except OSError as error:  # also what OpenSSL finds wrong in the file
            text = f"the certificates in {relay.ca_file} cannot be used: {error.strerror or error}"
            raise OpeningError(Outcome(OutcomeKind.DEFERRED, None, text, step=Step.TLS, relay=relay.name)) from error
        context.minimum_version = VERSIONS[relay.minimum_tls]
        if not proves:  # RFC 7435: encrypts against listeners, proves nobody
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _abandon(self, opening: Opening) -> None:
        if opening.client is not None:
            opening.client.close()

    def _refused(self, opening: Opening, error: Exception) -> Outcome:
        relay, step = self._relay, opening.step
        code, said = None, str(error) or type(error).__name__
        if isinstance(error.__cause__, ssl.SSLError):
            step = Step.TLS
        if isinstance(error, aiosmtplib.SMTPResponseException):
            code, said = int(error.code), error.message.replace("\n", " ")
            if code < 0:  # what it answered was no reply
                code = None
        return Outcome(
            OutcomeKind.DEFERRED,
            code,
            f"{relay.host}:{relay.port} at {step}: {said}",
            step=step,
            enhanced_code=enhanced_code(said) if code is not None else None,
            relay=relay.name,
            connection=opening.connection,
        )


async def log_in_with_token(client: aiosmtplib.SMTP, username: str, tokens: TokenSource) -> None:
    """Log in by XOAUTH2; a token that was kept and is refused is replaced by a new one, once."""
    token = await tokens.token()
    try:
        await client.auth_xoauth2(username, token)
    except aiosmtplib.SMTPAuthenticationError as error:
        if error.code != REFUSED_LOGIN or not client.is_connected:
            raise
        renewed = await tokens.token(refused=token)
        if renewed == token:
            raise
        await client.auth_xoauth2(username, renewed)


async def hello(client: aiosmtplib.SMTP) -> None:
    """Say EHLO, or HELO to a server that does not know it."""
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        if not client.is_connected:
            raise
        await client.helo()


async def reach(host: str, port: int, timeout_s: float) -> socket.socket:
    """Return a socket connected to the first address of ``host`` that answers within ``timeout_s``.

    OSError when none does, which tells what each of them came to.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise TimeoutError(f"the name was not resolved within {timeout_s:g} seconds") from None
    faults: list[str] = []
    for family, kind, protocol, _, address in found:
        reached = socket.socket(family, kind, protocol)
        reached.setblocking(False)  # noqa: FBT003 (the signature is Python's)
        try:
            async with asyncio.timeout(timeout_s):
                await loop.sock_connect(reached, address)
        except TimeoutError:
            faults.append(f"{address[0]} did not answer within {timeout_s:g} seconds")
        except OSError as error:
            faults.append(f"{address[0]}: {error.strerror or error}")
        else:
            return reached
        reached.close()
    raise OSError("; ".join(faults) or "the name has no address")


def bracketed(address: str) -> str:
    """Return an address as it is written before a port."""
    return f"[{address}]" if ":" in address else address
