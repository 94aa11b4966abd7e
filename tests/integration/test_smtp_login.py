"""Logins by every mechanism, byte for byte, and access tokens from a command that is run as seldom as can be."""

import asyncio
import base64
import hashlib
import hmac
import ssl
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.core.replies import Cause, cause_of
from newsletter.mail.relay import Authentication, Relay, Tls
from newsletter.mail.smtp import SmtpTransport
from newsletter.mail.token import OUTPUT_LIMIT, TokenError, TokenSource
from newsletter.model import EmailAddress, Outcome, OutcomeKind, Step
from tests.support.smtp_server import Script, SmtpServer

READER = EmailAddress("reader@example.org", "reader@example.org", "reader@example.org")
MESSAGE = b"Subject: Papers\r\n\r\nHello\r\n"
TLS_FOLDER = Path(__file__).resolve().parents[1] / "support" / "tls"
LOGIN = Relay(
    tls=Tls.NONE, timeout_s=5, final_timeout_s=5, local_hostname="client.example", username="tim", password="tanstaaf"
)
ALL = ["AUTH XOAUTH2 CRAM-MD5 LOGIN PLAIN"]
CHALLENGE = "<1896.697170952@postoffice.reston.mci.net>"  # the example of RFC 2195
REFUSED = "535 5.7.8 Username and Password not accepted"


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def send(server: SmtpServer, relay: Relay) -> Outcome:
    transport = SmtpTransport(replace(relay, port=server.port))
    outcome = await transport.send(MESSAGE, "digest@news.example", READER)
    await transport.aclose()
    return outcome


def said(server: SmtpServer) -> list[str]:
    """What the client said from its first AUTH until MAIL, or QUIT."""
    start = next(index for index, command in enumerate(server.commands) if command.startswith("AUTH"))
    rest = server.commands[start:]
    end = next((index for index, line in enumerate(rest) if line.startswith(("MAIL", "QUIT"))), len(rest))
    return rest[:end]


async def test_plain() -> None:
    async with SmtpServer(Script(extensions=ALL)) as server:
        assert (await send(server, replace(LOGIN, authentication=Authentication.PLAIN))).kind is OutcomeKind.ACCEPTED
    assert said(server) == [f"AUTH PLAIN {coded(chr(0) + 'tim' + chr(0) + 'tanstaaf')}"]


async def test_login() -> None:
    script = Script(extensions=ALL, replies={"auth": [f"334 {coded('Password:')}", "235 ok"]})
    async with SmtpServer(script) as server:
        assert (await send(server, replace(LOGIN, authentication=Authentication.LOGIN))).kind is OutcomeKind.ACCEPTED
    assert said(server) == [f"AUTH LOGIN {coded('tim')}", coded("tanstaaf")]


async def test_cram_md5() -> None:
    script = Script(extensions=ALL, replies={"auth": [f"334 {coded(CHALLENGE)}", "235 ok"]})
    async with SmtpServer(script) as server:
        outcome = await send(server, replace(LOGIN, username="joe", authentication=Authentication.CRAM_MD5))
    assert outcome.kind is OutcomeKind.ACCEPTED
    digest = hmac.new(b"tanstaaf", CHALLENGE.encode(), hashlib.md5).hexdigest()
    assert said(server) == ["AUTH CRAM-MD5", coded(f"joe {digest}")]


async def test_the_digest_is_that_of_the_rfc() -> None:
    script = Script(extensions=["AUTH CRAM-MD5"], replies={"auth": [f"334 {coded(CHALLENGE)}", "235 ok"]})
    async with SmtpServer(script) as server:
        await send(server, replace(LOGIN, password="tanstaaftanstaaf"))
    # RFC 2195 section 2
    assert said(server)[1] == "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"


@pytest.mark.parametrize(
    ("offered", "expected"),
    [("CRAM-MD5 LOGIN PLAIN", "PLAIN"), ("CRAM-MD5 LOGIN", "LOGIN"), ("CRAM-MD5", "CRAM-MD5")],
)
async def test_the_best_mechanism_is_taken_by_itself(offered: str, expected: str) -> None:
    replies = {"LOGIN": ["334 UGFzc3dvcmQ6", "235 ok"], "CRAM-MD5": [f"334 {coded(CHALLENGE)}", "235 ok"]}
    script = Script(extensions=[f"AUTH {offered}"], replies={"auth": replies.get(expected, [])})
    async with SmtpServer(script) as server:
        assert (await send(server, LOGIN)).kind is OutcomeKind.ACCEPTED
        assert said(server)[0].split(" ")[1] == expected


async def test_a_mechanism_that_does_not_work_there_is_followed_by_the_next() -> None:
    script = Script(extensions=["AUTH PLAIN LOGIN"], replies={"auth": ["504 5.5.4 not really", "334 UGFz", "235 ok"]})
    async with SmtpServer(script) as server:
        assert (await send(server, LOGIN)).kind is OutcomeKind.ACCEPTED
    assert [line.split(" ")[1] for line in said(server) if line.startswith("AUTH")] == ["PLAIN", "LOGIN"]


async def test_a_wrong_password_is_not_tried_again_by_another_mechanism() -> None:
    async with SmtpServer(Script(extensions=ALL, always={"auth": REFUSED})) as server:
        outcome = await send(server, LOGIN)
    assert (outcome.kind, outcome.code, outcome.enhanced_code) == (OutcomeKind.DEFERRED, 535, "5.7.8")
    assert cause_of(outcome) is Cause.POLICY
    assert len(said(server)) == 1
    assert "tanstaaf" not in outcome.text


@pytest.mark.parametrize(
    ("offered", "authentication", "expected"),
    [
        (["AUTH CRAM-MD5"], Authentication.PLAIN, "does not offer PLAIN, but CRAM-MD5"),
        (["AUTH GSSAPI"], Authentication.AUTO, "does not offer PLAIN or LOGIN or CRAM-MD5, but GSSAPI"),
        (["PIPELINING"], Authentication.AUTO, "no login at all"),
    ],
)
async def test_a_login_that_is_not_offered_is_told(
    offered: list[str], authentication: Authentication, expected: str
) -> None:
    async with SmtpServer(Script(extensions=offered)) as server:
        outcome = await send(server, replace(LOGIN, authentication=authentication))
    assert (outcome.kind, outcome.code, outcome.step) == (OutcomeKind.DEFERRED, None, Step.AUTH)
    assert expected in outcome.text
    assert server.received == []


async def test_the_examination_tells_the_mechanism_and_the_tls_version() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS_FOLDER / "loopback.pem")
    async with SmtpServer(Script(extensions=["STARTTLS", "AUTH LOGIN PLAIN"]), context=context) as server:
        relay = replace(LOGIN, port=server.port, tls=Tls.STARTTLS, ca_file=str(TLS_FOLDER / "authority.pem"))
        answer = await SmtpTransport(relay).examine()
    assert (answer.mechanism, answer.tls_version, answer.fault) == ("PLAIN", "TLSv1.3", "")


# --- Tokens -----------------------------------------------------------------------------------------------------------


class Tokens:
    """A command that prints token-1, token-2, … and how often it was run."""

    def __init__(self, folder: Path) -> None:
        self._count = folder / "count"
        program = (
            f"import pathlib; file = pathlib.Path({str(self._count)!r}); "
            "number = len(file.read_text()) + 1 if file.exists() else 1; "
            "file.write_text('x' * number); print(f'token-{number}')"
        )
        self.command = (sys.executable, "-c", program)

    @property
    def runs(self) -> int:
        return len(self._count.read_text()) if self._count.exists() else 0


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path)


def with_tokens(tokens: Tokens) -> Relay:
    return replace(LOGIN, username="digest@news.example", password=None, token_command=tokens.command)


def bearer(number: int) -> str:
    return coded(f"user=digest@news.example\x01auth=Bearer token-{number}\x01\x01")


async def test_xoauth2(tokens: Tokens) -> None:
    async with SmtpServer(Script(extensions=ALL)) as server:
        assert (await send(server, with_tokens(tokens))).kind is OutcomeKind.ACCEPTED
    assert said(server) == [f"AUTH XOAUTH2 {bearer(1)}"]


async def test_connections_that_open_together_share_a_token_and_later_ones_too(tokens: Tokens) -> None:
    async with SmtpServer(Script(extensions=ALL, delay_s=0.02)) as server:
        transport = SmtpTransport(replace(with_tokens(tokens), port=server.port, messages_per_connection=1))
        for _ in range(2):
            await asyncio.gather(*(transport.send(MESSAGE, "digest@news.example", READER) for _ in range(4)))
        await transport.aclose()
    assert len(server.received) == 8
    assert server.connections == 8
    assert tokens.runs == 1


async def test_a_kept_token_that_is_refused_is_renewed_once_on_the_same_connection(tokens: Tokens) -> None:
    error = f"334 {coded('401')}"
    script = Script(extensions=ALL, replies={"auth": ["235 ok", error, REFUSED, "235 ok"]})
    async with SmtpServer(script) as server:
        transport = SmtpTransport(replace(with_tokens(tokens), port=server.port, messages_per_connection=1))
        kinds = [(await transport.send(MESSAGE, "digest@news.example", READER)).kind for _ in range(2)]
        await transport.aclose()
    assert kinds == [OutcomeKind.ACCEPTED] * 2
    second = server.commands[server.commands.index("QUIT") + 1 :]
    # The error comes as a challenge; the empty answer to it fetches the refusal.
    assert second[1:4] == [f"AUTH XOAUTH2 {bearer(1)}", "", f"AUTH XOAUTH2 {bearer(2)}"]
    assert tokens.runs == 2
    assert server.connections == 2


async def test_a_token_that_is_refused_for_good_is_about_us(tokens: Tokens) -> None:
    async with SmtpServer(Script(extensions=ALL, always={"auth": REFUSED})) as server:
        outcome = await send(server, with_tokens(tokens))
    assert (outcome.code, outcome.step, cause_of(outcome)) == (535, Step.AUTH, Cause.POLICY)
    assert len(said(server)) == 2
    assert "token-" not in outcome.text


async def test_a_command_that_fails_keeps_mail_waiting_and_its_output_to_itself() -> None:
    program = "import sys; print('s3cret'); print('s3cret', file=sys.stderr); sys.exit(3)"
    relay = replace(LOGIN, password=None, token_command=(sys.executable, "-c", program))
    async with SmtpServer(Script(extensions=ALL)) as server:
        outcome = await send(server, relay)
    assert (outcome.kind, outcome.code, outcome.step) == (OutcomeKind.DEFERRED, None, Step.AUTH)
    assert "ended with code 3" in outcome.text
    assert "s3cret" not in outcome.text


@pytest.mark.parametrize(
    "program",
    ["print('')", "print('two\\nlines')", "print('a b')", "print('a\\x01b')", f"print('x' * {2 * OUTPUT_LIMIT})"],
)
async def test_only_one_token_alone_is_taken(program: str) -> None:
    with pytest.raises(TokenError, match=r"did not print|ended with"):
        await TokenSource((sys.executable, "-c", program)).token()


async def test_a_command_that_hangs_is_ended_with_all_that_it_started() -> None:
    hanging = "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); time.sleep(600)"
    started = time.monotonic()
    with pytest.raises(TokenError, match=r"more than 0\.2 seconds"):
        await TokenSource((sys.executable, "-c", hanging), timeout_s=0.2).token()
    assert time.monotonic() - started < 60


async def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(TokenError, match="/nowhere/token cannot be run: No such file"):
        await TokenSource(("/nowhere/token",)).token()


async def test_a_token_is_fetched_anew_when_its_time_is_over(tokens: Tokens) -> None:
    source = TokenSource(tokens.command, lifetime_s=0.001)
    assert await source.token() == "token-1"
    await asyncio.sleep(0.01)
    assert await source.token() == "token-2"
