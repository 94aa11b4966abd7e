import asyncio
import mailbox
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from newsletter.errors import NewsletterError
from newsletter.mail.catcher import Catcher, Maildir, is_loopback
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import EmailAddress, OutcomeKind

READER = EmailAddress("reader@example.org", "reader@example.org", "reader@example.org")
MESSAGE = b"From: digest@news.example\r\nSubject: Papers\r\n\r\n.dot\r\nThe end\r\n"


@pytest.fixture
async def catcher(tmp_path: Path) -> AsyncIterator[Catcher]:
    catcher = Catcher("127.0.0.1", 0, tmp_path / "maildir", size_limit=10_000)
    await catcher.start()
    yield catcher
    await catcher.aclose()


def transport_to(catcher: Catcher) -> SmtpTransport:
    return SmtpTransport(Relay(port=catcher.port, tls=Tls.OPPORTUNISTIC, local_hostname="client.example"))


async def test_a_mail_is_kept_as_it_came_below_its_envelope(catcher: Catcher, tmp_path: Path) -> None:
    transport = transport_to(catcher)
    outcome = await transport.send(MESSAGE, "bounce@news.example", READER)
    await transport.aclose()
    assert outcome.kind is OutcomeKind.ACCEPTED
    [file] = (tmp_path / "maildir" / "new").iterdir()
    envelope = b"Return-Path: <bounce@news.example>\r\nDelivered-To: reader@example.org\r\n"
    assert file.read_bytes() == envelope + MESSAGE
    assert file.name in outcome.text
    assert list((tmp_path / "maildir" / "tmp").iterdir()) == []
    kept = next(iter(mailbox.Maildir(tmp_path / "maildir")))
    assert kept["Delivered-To"] == "reader@example.org"


async def test_many_mails_at_once_are_all_kept(catcher: Catcher, tmp_path: Path) -> None:
    transport = transport_to(catcher)
    outcomes = await asyncio.gather(*(transport.send(MESSAGE, "a@news.example", READER) for _ in range(50)))
    await transport.aclose()
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert len(list((tmp_path / "maildir" / "new").iterdir())) == 50


async def test_an_address_beyond_ascii_is_kept(catcher: Catcher, tmp_path: Path) -> None:
    reader = EmailAddress("用户@example.org", "用户@example.org", "用户@example.org", needs_smtputf8=True)
    transport = transport_to(catcher)
    assert (await transport.send(MESSAGE, "a@news.example", reader)).kind is OutcomeKind.ACCEPTED
    await transport.aclose()
    [file] = (tmp_path / "maildir" / "new").iterdir()
    assert "Delivered-To: 用户@example.org\r\n".encode() in file.read_bytes()


async def test_a_mail_over_the_limit_is_refused_for_now(catcher: Catcher, tmp_path: Path) -> None:
    transport = transport_to(catcher)
    outcome = await transport.send(MESSAGE + b"x" * 70 + b"\r\n" + b"y\r\n" * 4000, "a@news.example", READER)
    await transport.aclose()
    assert (outcome.kind, outcome.code, outcome.enhanced_code) == (OutcomeKind.DEFERRED, None, "5.3.4")
    assert list((tmp_path / "maildir" / "new").iterdir()) == []


async def test_a_folder_that_cannot_be_written_keeps_nothing_and_says_so(catcher: Catcher, tmp_path: Path) -> None:
    (tmp_path / "maildir" / "tmp").rmdir()
    transport = transport_to(catcher)
    outcome = await transport.send(MESSAGE, "a@news.example", READER)
    await transport.aclose()
    assert (outcome.kind, outcome.code) == (OutcomeKind.DEFERRED, 452)


async def test_any_mail_program_may_use_it(catcher: Catcher, tmp_path: Path) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", catcher.port) as client:
            client.sendmail("a@news.example", ["one@example.org", "two@example.org"], MESSAGE)

    await asyncio.to_thread(send)
    [file] = (tmp_path / "maildir" / "new").iterdir()
    assert file.read_bytes().count(b"Delivered-To: ") == 2


async def test_stopping_ends_open_connections(catcher: Catcher) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", catcher.port)
    await reader.readline()
    await catcher.aclose()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_a_port_that_is_taken_is_named(catcher: Catcher, tmp_path: Path) -> None:
    second = Catcher("127.0.0.1", catcher.port, tmp_path)
    with pytest.raises(NewsletterError, match=rf"127\.0\.0\.1:{catcher.port}.*in use"):
        await second.start()
    await second.aclose()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "mail.example.org", ""])  # noqa: S104 (refused)
def test_it_refuses_to_be_seen_from_outside(host: str, tmp_path: Path) -> None:
    with pytest.raises(NewsletterError, match="loopback"):
        Catcher(host, 0, tmp_path)


def test_loopback_has_several_names() -> None:
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.8.9.1", "::1"))


def test_names_are_unique_and_in_order(tmp_path: Path) -> None:
    maildir = Maildir(tmp_path)
    maildir.create()
    assert len({maildir.add(b"x") for _ in range(100)}) == 100
