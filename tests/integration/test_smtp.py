"""The transport against a scripted server on loopback: every step of the dialogue, answered and not."""

import asyncio
from dataclasses import replace

import pytest

from newsletter.core.replies import Cause, cause_of
from newsletter.errors import StoreError, TemplateError
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import EmailAddress, Outcome, OutcomeKind, Step
from tests.support.smtp_server import Script, SmtpServer

READER = EmailAddress("reader@example.org", "reader@example.org", "reader@example.org")
SENDER = "digest@news.example"
MESSAGE = b"Message-ID: <1@news.example>\r\nSubject: Papers\r\n\r\n.hidden\r\nplain\r\n..two\r\n"
PLAIN = ["SIZE 10000000"]


def relay(server: SmtpServer, **changes: object) -> Relay:
    base = Relay(port=server.port, tls=Tls.NONE, timeout_s=5, final_timeout_s=5, local_hostname="client.example")
    return replace(base, **changes)  # type: ignore[arg-type]


async def send_once(script: Script, message: bytes = MESSAGE, to: EmailAddress = READER, **changes: object) -> Outcome:
    async with SmtpServer(script) as server:
        transport = SmtpTransport(relay(server, **changes))
        outcome = await transport.send(message, SENDER, to)
        await transport.aclose()
        return outcome


@pytest.mark.parametrize("extensions", [PLAIN, [*PLAIN, "PIPELINING"]])
async def test_a_message_arrives_byte_for_byte(extensions: list[str]) -> None:
    async with SmtpServer(Script(extensions=extensions)) as server:
        transport = SmtpTransport(relay(server))
        outcome = await transport.send(MESSAGE, SENDER, READER)
        await transport.aclose()
    assert outcome.connection.startswith(f"127.0.0.1:{server.port}#")
    assert replace(outcome, connection="") == Outcome(
        OutcomeKind.ACCEPTED, 250, "2.0.0 Ok: queued", step=Step.DOT, enhanced_code="2.0.0", relay="relay"
    )
    [mail] = server.received
    assert (mail.sender, mail.recipient, mail.content) == (SENDER, READER.wire, MESSAGE)
    assert f"MAIL FROM:<{SENDER}> SIZE={len(MESSAGE)}" in server.commands
    assert server.commands[-1] == "QUIT"


@pytest.mark.parametrize("extensions", [PLAIN, [*PLAIN, "PIPELINING"]])
@pytest.mark.parametrize(
    ("step", "reply", "kind", "code"),
    [
        ("connect", "554 5.3.2 go away", OutcomeKind.DEFERRED, 554),
        ("connect", "421 4.3.2 too busy", OutcomeKind.DEFERRED, 421),
        ("connect", "drop", OutcomeKind.DEFERRED, None),
        ("ehlo", "421 4.3.2 too busy+drop", OutcomeKind.DEFERRED, 421),
        ("ehlo", "drop", OutcomeKind.DEFERRED, None),
        ("mail", "550 5.7.1 not from you", OutcomeKind.DEFERRED, 550),
        ("mail", "451 4.7.0 later", OutcomeKind.DEFERRED, 451),
        ("mail", "421 4.7.0 closing+drop", OutcomeKind.DEFERRED, 421),
        ("mail", "drop", OutcomeKind.DEFERRED, None),
        ("mail", "what?", OutcomeKind.DEFERRED, None),
        ("rcpt", "451 4.7.1 greylisted", OutcomeKind.DEFERRED, 451),
        ("rcpt", "550 5.1.1 unknown", OutcomeKind.REJECTED, 550),
        ("rcpt", "552 5.2.2 full", OutcomeKind.DEFERRED, 552),
        ("rcpt", "drop", OutcomeKind.DEFERRED, None),
        ("data", "554 5.7.1 no", OutcomeKind.DEFERRED, 554),
        ("data", "drop", OutcomeKind.DEFERRED, None),
        ("dot", "554 5.7.1 spam", OutcomeKind.DEFERRED, 554),
        ("dot", "452 4.3.1 disk full", OutcomeKind.DEFERRED, 452),
        ("dot", "421 4.3.2 closing+drop", OutcomeKind.DEFERRED, 421),
    ],
)
async def test_every_step_is_classified(
    extensions: list[str], step: str, reply: str, kind: OutcomeKind, code: int | None
) -> None:
    outcome = await send_once(Script(always={step: reply}, extensions=extensions))
    assert (outcome.kind, outcome.code, outcome.step) == (kind, code, Step(step))
    assert outcome.text
    assert not outcome.is_unknown


@pytest.mark.parametrize("reply", ["drop", "drop-after", "hang", "hang-after", "garbage"])
async def test_silence_after_the_final_dot_is_unknown(reply: str) -> None:
    outcome = await send_once(Script(always={"dot": reply}), final_timeout_s=0.05)
    assert (outcome.kind, outcome.code, outcome.step) == (OutcomeKind.DEFERRED, None, Step.DOT)
    assert outcome.is_unknown
    assert outcome.text.startswith("after the final dot: ")


@pytest.mark.parametrize("step", ["connect", "ehlo", "mail", "rcpt", "data"])
async def test_a_server_that_hangs_is_given_up(step: str) -> None:
    outcome = await send_once(Script(always={step: "hang"}), timeout_s=0.05)
    assert (outcome.kind, outcome.code, outcome.is_unknown) == (OutcomeKind.DEFERRED, None, False)
    assert outcome.step is Step(step)


async def test_a_refused_connection_defers_and_names_the_relay() -> None:
    async with SmtpServer() as server:
        pass
    outcome = await SmtpTransport(relay(server)).send(MESSAGE, SENDER, READER)
    assert (outcome.kind, outcome.code, outcome.step) == (OutcomeKind.DEFERRED, None, Step.CONNECT)
    assert f"127.0.0.1:{server.port}" in outcome.text


async def test_one_connection_carries_many_messages_and_survives_refusals() -> None:
    script = Script(recipients={"no@example.org": "550 5.1.1 unknown", "later@example.org": "451 4.7.1 wait"})
    async with SmtpServer(script) as server:
        transport = SmtpTransport(relay(server))
        kinds = [
            (await transport.send(MESSAGE, SENDER, replace(READER, wire=f"{name}@example.org"))).kind
            for name in ("a", "no", "b", "later", "later", "c")
        ]
        await transport.aclose()
    accepted, deferred, rejected = OutcomeKind.ACCEPTED, OutcomeKind.DEFERRED, OutcomeKind.REJECTED
    assert kinds == [accepted, rejected, accepted, deferred, deferred, accepted]
    assert [mail.recipient[0] for mail in server.received] == ["a", "b", "c"]
    assert server.connections == 1
    assert server.commands.count("RSET") == 3


async def test_a_server_that_wants_text_for_nobody_gets_a_lone_dot() -> None:
    script = Script(recipients={READER.wire: "550 5.1.1 unknown"}, always={"data": "354 go"})
    async with SmtpServer(script) as server:
        transport = SmtpTransport(relay(server))
        refused = await transport.send(MESSAGE, SENDER, READER)
        accepted = await transport.send(MESSAGE, SENDER, replace(READER, wire="other@example.org"))
        await transport.aclose()
    assert (refused.kind, accepted.kind) == (OutcomeKind.REJECTED, OutcomeKind.ACCEPTED)
    assert [mail.recipient for mail in server.received] == ["other@example.org"]


async def test_never_more_connections_than_allowed() -> None:
    async with SmtpServer(Script(delay_s=0.01)) as server:
        transport = SmtpTransport(relay(server, connections=3))
        await asyncio.gather(*(transport.send(MESSAGE, SENDER, READER) for _ in range(20)))
        await transport.aclose()
    assert len(server.received) == 20
    assert server.open_most == 3
    assert server.connections == 3


async def test_a_connection_is_renewed_after_its_share_of_messages() -> None:
    async with SmtpServer() as server:
        transport = SmtpTransport(relay(server, connections=1, messages_per_connection=2))
        for _ in range(5):
            assert (await transport.send(MESSAGE, SENDER, READER)).kind is OutcomeKind.ACCEPTED
        await transport.aclose()
    assert server.connections == 3
    assert server.open_most == 1
    assert server.commands.count("QUIT") == 3


async def test_what_is_in_doubt_is_at_most_one_message_for_each_open_connection() -> None:
    """A message whose sender has not come back with the next one may not have been recorded yet."""
    async with SmtpServer() as server:
        transport = SmtpTransport(relay(server, connections=2, messages_per_connection=1))
        sent, recorded = asyncio.Semaphore(0), asyncio.Event()

        async def send_two() -> None:
            assert (await transport.send(MESSAGE, SENDER, READER)).kind is OutcomeKind.ACCEPTED
            sent.release()
            await recorded.wait()
            assert (await transport.send(MESSAGE, SENDER, READER)).kind is OutcomeKind.ACCEPTED

        senders = [asyncio.create_task(send_two())]
        await sent.acquire()
        senders.append(asyncio.create_task(send_two()))
        await sent.acquire()
        assert server.open_now == 2  # neither was shared, nor closed, although each has carried its share
        recorded.set()
        await asyncio.gather(*senders)
        assert server.connections == 4
        assert server.open_most == 2
        await transport.aclose()


async def test_idle_connections_that_the_server_dropped_are_replaced_silently() -> None:
    async with SmtpServer() as server:
        transport = SmtpTransport(relay(server))
        await transport.send(MESSAGE, SENDER, READER)
        port = server.port
    again = SmtpServer()
    await again.start(port)
    outcome = await transport.send(MESSAGE, SENDER, READER)
    await transport.aclose()
    await again.stop()
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert len(again.received) == 1


@pytest.mark.parametrize("farewell", ["421 4.4.2 idle too long+drop", "drop"])
async def test_a_connection_lost_before_the_text_is_replaced_once(farewell: str) -> None:
    async with SmtpServer(Script(replies={"mail": ["250 ok", farewell]})) as server:
        transport = SmtpTransport(relay(server))
        outcomes = [await transport.send(MESSAGE, SENDER, READER) for _ in range(2)]
        await transport.aclose()
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 2
    assert len(server.received) == 2
    assert server.connections == 2


async def test_idle_connections_are_closed_in_time() -> None:
    async with SmtpServer() as server:
        transport = SmtpTransport(relay(server, idle_s=0.01))
        await transport.send(MESSAGE, SENDER, READER)
        await asyncio.wait_for(server.empty.wait(), 5)
        assert server.commands[-1] == "QUIT"
        await transport.send(MESSAGE, SENDER, READER)
        await transport.aclose()
    assert server.connections == 2


async def test_a_cancelled_send_leaves_no_half_spoken_connection_behind() -> None:
    async with SmtpServer(Script(replies={"rcpt": ["hang"]})) as server:
        transport = SmtpTransport(relay(server, connections=1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(transport.send(MESSAGE, SENDER, READER), 0.05)
        outcome = await transport.send(MESSAGE, SENDER, READER)
        await transport.aclose()
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert len(server.received) == 1


async def test_smtputf8_is_used_where_offered_and_its_lack_told() -> None:
    reader = EmailAddress("用户@example.org", "用户@example.org", "用户@example.org", needs_smtputf8=True)
    async with SmtpServer() as server:
        transport = SmtpTransport(relay(server))
        outcome = await transport.send("Subject: 论文\r\n\r\nx\r\n".encode(), SENDER, reader)
        await transport.aclose()
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert server.received[0].recipient == reader.wire
    [mail] = [command for command in server.commands if command.startswith("MAIL")]
    assert mail.endswith(" BODY=8BITMIME SMTPUTF8")
    refused = await send_once(Script(extensions=PLAIN), to=reader)
    assert (refused.kind, refused.code, cause_of(refused)) == (OutcomeKind.DEFERRED, None, Cause.MAILBOX)
    assert "SMTPUTF8" in refused.text


async def test_a_server_that_only_knows_helo_is_spoken_to() -> None:
    outcome = await send_once(Script(always={"ehlo": "502 what?"}))
    assert outcome.kind is OutcomeKind.ACCEPTED


async def test_a_login_that_fails_is_about_us() -> None:
    script = Script(extensions=["AUTH PLAIN"], always={"auth": "535 5.7.8 bad credentials"})
    outcome = await send_once(script, username="user", password="wrong")
    assert (outcome.kind, outcome.code, outcome.step) == (OutcomeKind.DEFERRED, 535, Step.AUTH)


async def test_a_login_works_and_is_not_repeated_per_message() -> None:
    async with SmtpServer(Script(extensions=["AUTH PLAIN"])) as server:
        transport = SmtpTransport(relay(server, username="user", password="right"))
        for _ in range(2):
            assert (await transport.send(MESSAGE, SENDER, READER)).kind is OutcomeKind.ACCEPTED
        await transport.aclose()
    assert sum(command.startswith("AUTH") for command in server.commands) == 1


async def test_a_password_is_never_sent_where_tls_was_stripped() -> None:
    async with SmtpServer(Script(extensions=["AUTH PLAIN"])) as server:
        transport = SmtpTransport(relay(server, tls=Tls.OPPORTUNISTIC, username="user", password="secret"))
        outcome = await transport.send(MESSAGE, SENDER, READER)
    assert (outcome.kind, outcome.step) == (OutcomeKind.DEFERRED, Step.TLS)
    assert not any(command.startswith("AUTH") for command in server.commands)


async def test_an_endless_reply_is_cut_off() -> None:
    outcome = await send_once(Script(always={"rcpt": "250-" + "x" * 40_000}))
    assert (outcome.kind, outcome.code) == (OutcomeKind.DEFERRED, None)


async def test_control_characters_of_a_reply_do_not_reach_our_logs() -> None:
    outcome = await send_once(Script(always={"rcpt": "550 5.1.1 \x1b[31mred\x07"}))
    assert outcome.text == "5.1.1 [31mred"


@pytest.mark.parametrize("message", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n\nb\r\n", b"a\r\r\n", b"a", b""])
async def test_unclean_lines_never_reach_the_wire(message: bytes) -> None:
    async with SmtpServer() as server:
        with pytest.raises(TemplateError, match="bare CR or LF"):
            await SmtpTransport(relay(server)).send(message, SENDER, READER)
    assert server.connections == 0


@pytest.mark.parametrize("wire", ["a@b.example> BODY=8BITMIME", "a@b.example\r\nRSET", "<a@b.example"])
async def test_an_address_cannot_smuggle_commands(wire: str) -> None:
    outcome = await send_once(Script(), to=replace(READER, wire=wire))
    assert outcome.kind is OutcomeKind.REJECTED


async def test_a_message_is_begun_when_the_server_waits_for_its_text_and_not_before() -> None:
    script = Script(recipients={READER.wire: "550 5.1.1 unknown"})
    async with SmtpServer(script) as server:
        said_at: list[list[str]] = []

        async def begin() -> bool:
            said_at.append([command.split(" ")[0] for command in server.commands])
            return len(said_at) == 1

        transport = SmtpTransport(relay(server))
        refused = await transport.send(MESSAGE, SENDER, READER, begin=begin)
        assert said_at == []
        other = replace(READER, wire="other@example.org")
        accepted = await transport.send(MESSAGE, SENDER, other, begin=begin)
        assert said_at[0][-1] == "DATA"
        denied = await transport.send(MESSAGE, SENDER, other, begin=begin)
        again = await transport.send(MESSAGE, SENDER, other)
        await transport.aclose()
    assert (refused.kind, accepted.kind) == (OutcomeKind.REJECTED, OutcomeKind.ACCEPTED)
    assert (denied.kind, denied.step, cause_of(denied)) == (OutcomeKind.DEFERRED, None, Cause.NONE)
    assert again.kind is OutcomeKind.ACCEPTED
    assert len(server.received) == 2
    assert server.connections == 2  # a server that waits for a text is not spoken to again


async def test_a_beginning_that_cannot_be_noted_sends_nothing() -> None:
    async def begin() -> bool:
        raise StoreError("the disk is full")

    async with SmtpServer() as server:
        transport = SmtpTransport(relay(server))
        with pytest.raises(StoreError):
            await transport.send(MESSAGE, SENDER, READER, begin=begin)
        await transport.aclose()
    assert server.received == []


async def test_a_server_that_hangs_up_with_its_go_ahead_has_nothing() -> None:
    async with SmtpServer(Script(always={"data": "354 go+drop"})) as server:
        transport = SmtpTransport(relay(server))

        async def begin() -> bool:
            await asyncio.wait_for(server.empty.wait(), 5)
            await asyncio.sleep(0.05)
            return True

        outcome = await transport.send(MESSAGE, SENDER, READER, begin=begin)
        await transport.aclose()
    assert (outcome.kind, outcome.step, outcome.is_unknown) == (OutcomeKind.DEFERRED, Step.DATA, False)
