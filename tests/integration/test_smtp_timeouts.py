"""A server that falls silent at each step of the dialogue is given up in time, and what it may have is told apart."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import EmailAddress, Outcome, OutcomeKind, Step
from tests.support.smtp_server import Script, SmtpServer

CERTIFICATES = Path(__file__).resolve().parents[1] / "support" / "tls"
READER = EmailAddress("reader@example.org", "reader@example.org", "reader@example.org")
MESSAGE = b"Subject: Papers\r\n\r\nHello\r\n"
LARGE = b"Subject: Papers\r\n\r\n" + b"x" * 70 + b"\r\n" + b"y" * 998 + b"\r\n"
RELAY = Relay(
    tls=Tls.NONE,
    connect_timeout_s=0.1,
    timeout_s=0.1,
    final_timeout_s=0.1,
    local_hostname="client.example",
    password="secret",
)


async def send(relay: Relay, message: bytes = MESSAGE) -> Outcome:
    transport = SmtpTransport(relay)
    outcome = await asyncio.wait_for(transport.send(message, "digest@news.example", READER), 30)
    await asyncio.wait_for(transport.aclose(), 30)
    return outcome


@pytest.mark.parametrize(
    ("hanging", "replies", "step", "changes"),
    [
        ("connect", [], Step.CONNECT, {}),
        ("ehlo", [], Step.EHLO, {}),
        ("starttls", [], Step.TLS, {"tls": Tls.STARTTLS}),
        ("auth", [], Step.AUTH, {"username": "user"}),
        ("auth", ["334 UGFzc3dvcmQ6"], Step.AUTH, {"username": "user"}),
        ("mail", [], Step.MAIL, {}),
        ("rcpt", [], Step.RCPT, {}),
        ("data", [], Step.DATA, {}),
    ],
)
@pytest.mark.parametrize("pipelining", [[], ["PIPELINING"]])
async def test_a_server_that_hangs_before_the_text_has_nothing(
    hanging: str, replies: list[str], step: Step, changes: dict[str, object], pipelining: list[str]
) -> None:
    extensions = [*pipelining, "STARTTLS", "AUTH LOGIN"]
    script = Script(replies={hanging: replies}, always={hanging: "hang"}, extensions=extensions)
    async with SmtpServer(script) as server:
        outcome = await send(replace(RELAY, port=server.port, **changes))  # type: ignore[arg-type]
    assert (outcome.kind, outcome.code, outcome.step) == (OutcomeKind.DEFERRED, None, step)
    assert not outcome.is_unknown
    assert outcome.connection.startswith(f"127.0.0.1:{server.port}#")
    assert server.received == []


async def test_a_server_that_hangs_after_the_final_dot_may_have_it() -> None:
    async with SmtpServer(Script(always={"dot": "hang"})) as server:
        outcome = await send(replace(RELAY, port=server.port))
    assert (outcome.kind, outcome.code, outcome.step, outcome.is_unknown) == (
        OutcomeKind.DEFERRED,
        None,
        Step.DOT,
        True,
    )
    assert "0.1 seconds" in outcome.text


async def test_a_server_that_hangs_at_quit_does_not_hold_us() -> None:
    async with SmtpServer(Script(always={"quit": "hang"})) as server:
        outcome = await send(replace(RELAY, port=server.port))
        assert server.commands[-1] == "QUIT"
    assert outcome.kind is OutcomeKind.ACCEPTED


async def test_a_machine_that_does_not_answer_is_given_up() -> None:
    async with AsyncExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # the queue takes one or two; from then on the kernel answers nobody
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 (the signature is Python's)
            waiting.connect_ex(full.getsockname())
        outcome = await send(replace(RELAY, port=full.getsockname()[1]))
    assert (outcome.kind, outcome.code, outcome.step) == (OutcomeKind.DEFERRED, None, Step.CONNECT)
    assert "did not answer within 0.1 seconds" in outcome.text
    assert outcome.connection == ""


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_a_handshake_that_hangs_is_given_up(tls: Tls) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if tls is Tls.STARTTLS:
            writer.write(b"220 loopback\r\n")
            await reader.readline()
            writer.write(b"250-loopback\r\n250 STARTTLS\r\n")
            await reader.readline()
            writer.write(b"220 Ready\r\n")
        await reader.read()

    async with listening(talk) as port:
        outcome = await send(replace(RELAY, port=port, tls=tls))
    assert (outcome.kind, outcome.code) == (OutcomeKind.DEFERRED, None)
    assert outcome.step is (Step.TLS if tls is Tls.STARTTLS else Step.CONNECT)
    assert not outcome.is_unknown


@pytest.mark.parametrize("ending", ["hang", "drop"])
@pytest.mark.parametrize("tls", [Tls.NONE, Tls.IMPLICIT])
async def test_a_server_that_never_took_in_the_whole_text_cannot_have_it(ending: str, tls: Tls) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 loopback\r\n")
        for reply in (b"250 loopback", b"250 ok", b"250 ok", b"354 go"):
            await reader.readline()
            writer.write(reply + b"\r\n")
        await reader.read(1000)
        if ending == "drop":
            writer.transport.abort()
        await asyncio.Event().wait()

    context = None
    if tls is Tls.IMPLICIT:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(CERTIFICATES / "loopback.pem")
    async with listening(talk, limit=1000, context=context) as port:
        authority = str(CERTIFICATES / "authority.pem")
        relay = replace(RELAY, port=port, tls=tls, ca_file=authority, timeout_s=1, final_timeout_s=20)
        outcome = await send(relay, LARGE * 20_000)
    assert (outcome.kind, outcome.code, outcome.step) == (OutcomeKind.DEFERRED, None, Step.DATA)
    assert outcome.text.startswith("before the final dot: ")
    assert not outcome.is_unknown


@asynccontextmanager
async def listening(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    limit: int = 2**16,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve each connection by ``talk`` and give the port; those that still talk at the end are cancelled."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            await talk(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=limit, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
