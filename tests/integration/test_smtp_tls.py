"""The connection secured in every way that a relay may ask for, with certificates that are trusted, or not."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import EmailAddress, Outcome, OutcomeKind, Step
from tests.support.smtp_server import Script, SmtpServer

# Made for these tests: signed by itself, for 127.0.0.1 and localhost, until 2126.
FOLDER = Path(__file__).resolve().parents[1] / "support" / "tls"
AUTHORITY = str(FOLDER / "authority.pem")
READER = EmailAddress("reader@example.org", "reader@example.org", "reader@example.org")
MESSAGE = b"Subject: Papers\r\n\r\nHello\r\n"
OFFER = ["PIPELINING", "STARTTLS", "AUTH PLAIN"]


@pytest.fixture
def context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(FOLDER / "loopback.pem")
    return context


async def send(server: SmtpServer, relay: Relay) -> Outcome:
    relay = replace(relay, port=server.port, timeout_s=5, final_timeout_s=5, local_hostname="client.example")
    transport = SmtpTransport(relay)
    outcome = await transport.send(MESSAGE, "digest@news.example", READER)
    await transport.aclose()
    return outcome


async def test_starttls_with_a_trusted_certificate_and_a_login(context: ssl.SSLContext) -> None:
    async with SmtpServer(Script(extensions=OFFER), context=context) as server:
        outcome = await send(server, Relay(tls=Tls.STARTTLS, ca_file=AUTHORITY, username="user", password="secret"))
    assert outcome.kind is OutcomeKind.ACCEPTED
    verbs = [command.split(" ")[0] for command in server.commands]
    assert verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]
    assert server.received[0].content == MESSAGE


async def test_implicit_tls(context: ssl.SSLContext) -> None:
    async with SmtpServer(context=context, implicit_tls=True) as server:
        outcome = await send(server, Relay(tls=Tls.IMPLICIT, ca_file=AUTHORITY))
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert server.received[0].content == MESSAGE


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_a_message_larger_than_every_buffer_arrives_and_leaves_the_connection_usable(
    context: ssl.SSLContext, tls: Tls
) -> None:
    large = MESSAGE + b"0123456789\r\n" * 500_000
    implicit = tls is Tls.IMPLICIT
    async with SmtpServer(Script(extensions=["STARTTLS"]), context=context, implicit_tls=implicit) as server:
        relay = Relay(port=server.port, tls=tls, ca_file=AUTHORITY, timeout_s=30, local_hostname="client.example")
        transport = SmtpTransport(relay)
        outcomes = [await transport.send(large, "digest@news.example", READER) for _ in range(2)]
        await transport.aclose()
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 2
    assert [mail.content for mail in server.received] == [large] * 2
    assert server.connections == 1


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_a_certificate_that_nobody_vouches_for_is_refused(context: ssl.SSLContext, tls: Tls) -> None:
    async with SmtpServer(Script(extensions=OFFER), context=context, implicit_tls=tls is Tls.IMPLICIT) as server:
        outcome = await send(server, Relay(tls=tls))
    assert (outcome.kind, outcome.code, outcome.step) == (OutcomeKind.DEFERRED, None, Step.TLS)
    assert "certificate" in outcome.text.lower()
    assert server.received == []


async def test_a_certificate_for_somebody_else_is_refused(context: ssl.SSLContext) -> None:
    async with SmtpServer(Script(extensions=OFFER), context=context) as server:
        outcome = await send(server, Relay(host="127.0.0.2", tls=Tls.STARTTLS, ca_file=AUTHORITY))
    assert outcome.kind is OutcomeKind.DEFERRED
    assert server.received == []


async def test_starttls_that_is_not_offered_sends_nothing() -> None:
    async with SmtpServer() as server:
        outcome = await send(server, Relay(tls=Tls.STARTTLS, ca_file=AUTHORITY))
    assert (outcome.kind, outcome.step) == (OutcomeKind.DEFERRED, Step.TLS)
    assert server.received == []


async def test_opportunistic_tls_encrypts_without_asking_who_it_is(context: ssl.SSLContext) -> None:
    async with SmtpServer(Script(extensions=OFFER), context=context) as server:
        outcome = await send(server, Relay(tls=Tls.OPPORTUNISTIC))
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert "STARTTLS" in server.commands


@pytest.mark.parametrize("reply", ["454 4.7.0 not now", "drop"])
async def test_opportunistic_tls_that_fails_goes_in_the_clear(reply: str) -> None:
    async with SmtpServer(Script(extensions=OFFER, always={"starttls": reply})) as server:
        outcome = await send(server, Relay(tls=Tls.OPPORTUNISTIC))
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert server.connections == 2


async def test_an_unreadable_authority_is_told_as_what_it_is(tmp_path: Path) -> None:
    async with SmtpServer(Script(extensions=OFFER)) as server:
        outcome = await send(server, Relay(tls=Tls.STARTTLS, ca_file=str(tmp_path / "nothing.pem")))
    assert outcome.kind is OutcomeKind.DEFERRED
    assert "nothing.pem" in outcome.text


def test_a_password_does_not_show_in_a_repr() -> None:
    assert "secret" not in repr(Relay(username="user", password="secret"))
