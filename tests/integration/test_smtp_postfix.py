"""The transport against Postfix itself, which answers as most of the world's servers do."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from newsletter.core.replies import Cause, cause_of
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import EmailAddress, Outcome, OutcomeKind, Step
from tests.support.postfix import TLS, postfix, smtp_sink
from tests.support.smtp_server import Received, Script, SmtpServer

MESSAGE = b"Message-ID: <1@news.example>\r\nSubject: Papers\r\n\r\n.dot\r\nplain\r\n"
SENDER = "digest@news.example"
BASE = Relay(tls=Tls.NONE, timeout_s=20, final_timeout_s=20, local_hostname="client.example")
READERS = " ".join(f"{{{name}@example.org=x}}" for name in ("reader", "later", "full", "spam", "limited"))
REFUSALS = {
    "later": "450 4.2.0 Greylisted",
    "full": "452 4.2.2 Mailbox full",
    "spam": "554 5.7.1 Blocked",
    "limited": "450 4.7.28 Unusual rate of mail",
}
ANSWERS = " ".join(f"{{{name}@example.org={reply}}}" for name, reply in REFUSALS.items())
ACCESS = {
    "virtual_mailbox_maps": f"inline:{{ {READERS} }}",
    "smtpd_recipient_restrictions": f"check_recipient_access inline:{{ {ANSWERS} }}",
    "message_size_limit": "50000",
    "virtual_mailbox_limit": "50000",
}


def address(wire: str) -> EmailAddress:
    return EmailAddress(wire, wire, wire, needs_smtputf8=not wire.isascii())


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with postfix(ACCESS) as port:
        yield port


async def send(relay: Relay, *wires: str, message: bytes = MESSAGE) -> list[Outcome]:
    transport = SmtpTransport(relay)
    outcomes = [await transport.send(message, SENDER, address(wire)) for wire in wires]
    await transport.aclose()
    return outcomes


@pytest.mark.parametrize(
    ("wire", "kind", "code", "enhanced", "cause"),
    [
        ("reader@example.org", OutcomeKind.ACCEPTED, 250, "2.0.0", Cause.NONE),
        ("nobody@example.org", OutcomeKind.REJECTED, 550, "5.1.1", Cause.RECIPIENT),
        ("later@example.org", OutcomeKind.DEFERRED, 450, "4.2.0", Cause.MAILBOX),
        ("full@example.org", OutcomeKind.DEFERRED, 452, "4.2.2", Cause.MAILBOX),
        ("limited@example.org", OutcomeKind.DEFERRED, 450, "4.7.28", Cause.THROTTLED),
        ("spam@example.org", OutcomeKind.DEFERRED, 554, "5.7.1", Cause.POLICY),
        ("reader@elsewhere.example", OutcomeKind.DEFERRED, 554, "5.7.1", Cause.POLICY),  # Relay access denied
    ],
)
async def test_every_answer_is_understood(
    port: int, wire: str, kind: OutcomeKind, code: int, enhanced: str, cause: Cause
) -> None:
    [outcome] = await send(replace(BASE, port=port), wire)
    assert (outcome.kind, outcome.code, outcome.enhanced_code, cause_of(outcome)) == (kind, code, enhanced, cause)


async def test_refusals_do_not_cost_the_connection(port: int) -> None:
    outcomes = await send(replace(BASE, port=port), *["nobody@example.org", "reader@example.org"] * 3)
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.REJECTED, OutcomeKind.ACCEPTED] * 3
    assert len({outcome.connection for outcome in outcomes}) == 1


async def test_too_many_errors_close_the_connection_and_the_next_mail_opens_another() -> None:
    with postfix(ACCESS | {"smtpd_hard_error_limit": "3"}) as port:
        outcomes = await send(replace(BASE, port=port), *["nobody@example.org"] * 4, "reader@example.org")
    # Postfix says 421 to the next command; before a message is begun that costs nothing but the connection.
    assert [outcome.kind for outcome in outcomes] == [*[OutcomeKind.REJECTED] * 4, OutcomeKind.ACCEPTED]
    assert len({outcome.connection for outcome in outcomes}) > 1


async def test_a_limit_of_mails_is_heard_as_one() -> None:
    with postfix(ACCESS | {"smtpd_client_message_rate_limit": "2", "anvil_rate_time_unit": "600s"}) as port:
        outcomes = await send(replace(BASE, port=port), *["reader@example.org"] * 3)
    assert [outcome.kind for outcome in outcomes[:2]] == [OutcomeKind.ACCEPTED] * 2
    assert (outcomes[2].code, outcomes[2].step, cause_of(outcomes[2])) == (450, Step.MAIL, Cause.THROTTLED)


async def test_too_many_connections_are_heard_as_a_limit() -> None:
    with postfix(ACCESS | {"smtpd_client_connection_count_limit": "1"}) as port:
        first, second = SmtpTransport(replace(BASE, port=port)), SmtpTransport(replace(BASE, port=port))
        accepted = await first.send(MESSAGE, SENDER, address("reader@example.org"))
        refused = await second.send(MESSAGE, SENDER, address("reader@example.org"))
        await first.aclose()
        await second.aclose()
    assert accepted.kind is OutcomeKind.ACCEPTED
    assert (refused.code, refused.enhanced_code, cause_of(refused)) == (421, "4.7.0", Cause.THROTTLED)


async def test_a_message_over_the_limit_is_not_begun(port: int) -> None:
    large = MESSAGE + b"x" * 70 + b"\r\n" + b"y" * 998 + b"\r\n"
    [outcome] = await send(replace(BASE, port=port), "reader@example.org", message=large * 50)
    assert (outcome.kind, outcome.code, outcome.enhanced_code) == (OutcomeKind.DEFERRED, None, "5.3.4")
    assert "50000" in outcome.text


@pytest.mark.parametrize(("oldest", "kind"), [("1.2", OutcomeKind.ACCEPTED), ("1.3", OutcomeKind.DEFERRED)])
async def test_an_old_tls_is_spoken_only_as_far_as_allowed(oldest: str, kind: OutcomeKind) -> None:
    relay = replace(
        BASE, tls=Tls.STARTTLS, ca_file=str(TLS / "authority.pem"), minimum_tls=type(BASE.minimum_tls)(oldest)
    )
    with postfix(ACCESS | {"smtpd_tls_protocols": "!TLSv1.3"}) as port:
        [outcome] = await send(replace(relay, port=port), "reader@example.org")
        answer = await SmtpTransport(replace(relay, port=port)).examine()
    assert outcome.kind is kind
    if kind is OutcomeKind.ACCEPTED:
        assert answer.tls_version == "TLSv1.2"
    else:
        assert (outcome.step, cause_of(outcome)) == (Step.TLS, Cause.UNREACHABLE)
        assert answer.step == "tls"


async def test_what_is_asked_of_postfix_reaches_the_next_server() -> None:
    async with SmtpServer(Script(extensions=["PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "DSN"])) as far:
        through = {"virtual_transport": f"smtp:[127.0.0.1]:{far.port}", "virtual_mailbox_maps": "static:all"}
        with postfix(ACCESS | through) as port:
            transport = SmtpTransport(replace(BASE, port=port, dsn=True))
            plain, letters = address("a+b@example.org"), address("用户@example.org")
            first = await transport.send(MESSAGE, SENDER, plain, envelope_id="42")
            second = await transport.send("Subject: 论文\r\n\r\nx\r\n".encode(), SENDER, letters, envelope_id="43")
            await transport.aclose()
            await until(lambda: len(far.received) == 2)
    assert (first.kind, second.kind) == (OutcomeKind.ACCEPTED, OutcomeKind.ACCEPTED)
    mails = {mail.recipient: mail for mail in far.received}
    mail = mails[plain.wire]
    assert b"\r\nMessage-ID: <1@news.example>\r\nSubject: Papers\r\n" in mail.content
    assert mail.content.endswith(b"\r\n\r\n.dot\r\nplain\r\n")
    mail_from, rcpt_to = words(mail, "MAIL"), words(mail, "RCPT")
    assert {"ENVID=42", "RET=HDRS"} <= mail_from
    assert {"ORCPT=rfc822;a+2Bb@example.org", "NOTIFY=FAILURE,DELAY"} <= rcpt_to
    assert "SMTPUTF8" in words(mails[letters.wire], "MAIL")
    assert "论文".encode() in mails[letters.wire].content


def words(mail: Received, verb: str) -> set[str]:
    return set(next(command for command in mail.commands if command.startswith(verb)).split(" "))


async def until(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("options", "code", "step", "cause"),
    [
        (("-f", "mail"), 500, Step.MAIL, Cause.POLICY),
        (("-f", "rcpt"), 500, Step.RCPT, Cause.MAILBOX),  # 5.3.0: a system that is not well
        (("-f", "data"), 500, Step.DATA, Cause.POLICY),
        (("-f", "."), 500, Step.DOT, Cause.POLICY),
        (("-r", "rcpt"), 450, Step.RCPT, Cause.MAILBOX),
        (("-r", "."), 450, Step.DOT, Cause.UNREACHABLE),
        (("-q", "rcpt"), None, Step.RCPT, Cause.UNREACHABLE),
        (("-q", "data"), None, Step.DATA, Cause.UNREACHABLE),
    ],
)
async def test_smtp_sink_is_understood(options: tuple[str, str], code: int | None, step: Step, cause: Cause) -> None:
    with smtp_sink(*options) as port:
        [outcome] = await send(replace(BASE, port=port), "reader@example.org")
    assert (outcome.kind, outcome.code, outcome.step) == (OutcomeKind.DEFERRED, code, step)
    assert cause_of(outcome) is cause
    assert not outcome.is_unknown


async def test_a_sink_that_hangs_up_at_the_final_dot_may_have_it() -> None:
    with smtp_sink("-q", ".") as port:
        [outcome] = await send(replace(BASE, port=port), "reader@example.org")
    assert (outcome.kind, outcome.code, outcome.is_unknown) == (OutcomeKind.DEFERRED, None, True)
