"""Whatever a message holds, what arrives has CRLF lines and is what was sent, or nothing is sent at all."""

import asyncio
import re

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from newsletter.errors import TemplateError
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import EmailAddress, OutcomeKind

READER = EmailAddress("reader@example.org", "reader@example.org", "reader@example.org")
PIECES = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b".", b"..", b"\r\n.\r\n", b"\n.\n", b"\0", b"x", b"QUIT", b"\x85", b""]
)
MESSAGES = st.one_of(
    st.binary(max_size=60),
    st.lists(PIECES, max_size=20).map(b"".join),
    st.lists(st.lists(PIECES, max_size=3).map(b"".join), max_size=6).map(
        lambda lines: b"".join(re.sub(rb"[\r\n]", b"", line) + b"\r\n" for line in lines)
    ),
)


async def wire(message: bytes) -> bytes | None:
    """Return every octet that the server got between its 354 and QUIT, or None when no connection was made."""
    got = bytearray()
    connected = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connected
        connected = True
        writer.write(b"220 loopback\r\n")
        await reader.readline()
        writer.write(b"250-loopback\r\n250 8BITMIME\r\n")
        for reply in (b"250 ok", b"250 ok", b"354 go"):
            await reader.readline()
            writer.write(reply + b"\r\n")
        while not (b"\r\n" + got).endswith(b"\r\n.\r\n"):
            got.extend(await reader.read(1000))
        writer.write(b"250 ok\r\n")
        got.extend(await reader.readline())
        writer.write(b"221 bye\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = SmtpTransport(
        Relay(port=port, tls=Tls.NONE, timeout_s=20, final_timeout_s=20, local_hostname="client.example")
    )
    try:
        outcome = await transport.send(message, "digest@news.example", READER)
        assert outcome.kind is OutcomeKind.ACCEPTED
    except TemplateError:
        assert not connected
        return None
    finally:
        await transport.aclose()
        server.close()
    return bytes(got)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MESSAGES)
@example(b"Subject: x\r\n\r\n.\r\n..\r\n.x\r\n")
@example(b".\r\n")
@example(b"\r\n")
@example(b"x\r\n.\r\nMAIL FROM:<a@b.example>\r\n")
@example(b"x\n.\r\n")
@example(b"x\r.\r\n")
def test_no_bare_cr_or_lf_reaches_the_wire_and_no_dot_is_lost(message: bytes) -> None:
    got = asyncio.run(wire(message))
    is_clean = message.endswith(b"\r\n") and re.search(rb"(?<!\r)\n|\r(?!\n)", message) is None
    if got is None:
        assert not is_clean
        return
    assert is_clean
    text, _, rest = (b"\r\n" + got).partition(b"\r\n.\r\n")
    assert rest == b"QUIT\r\n"  # the first lone dot is ours
    lines = (text + b"\r\n").removeprefix(b"\r\n").split(b"\r\n")
    assert b"\r\n".join(line.removeprefix(b".") for line in lines) == message
