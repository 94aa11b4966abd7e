"""``newsletter doctor --send-to``: a relay that delivers into a Maildir, at once, late, as spam or never."""

from __future__ import annotations

import asyncio
import mailbox
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import Answer, CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.dns_server import DnsServer
from tests.support.imap_server import ImapServer
from tests.support.smtp_server import Received, Script, SmtpServer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["migrated_file"]

RESULTS = "Authentication-Results: mx.example.net; spf=pass; dkim=none; dmarc=pass\r\n"
TRACE = f"Received: from here by mx.example.net; now\r\n{RESULTS}"
BOUNCES = "bounces@example.org"


class Delivering(SmtpServer):
    """Puts what it accepts into a Maildir, ``late_s`` after it has said so."""

    def __init__(self, path: Path, late_s: float = 0.0, script: Script | None = None, folder: str = "") -> None:
        super().__init__(script)
        inbox = mailbox.Maildir(path)
        self.box = inbox.add_folder(folder) if folder else inbox
        self.late_s = late_s

    def _keep(self, talk: Any, mail: Received) -> None:
        super()._keep(talk, mail)
        asyncio.get_running_loop().call_later(self.late_s, self.arrive, TRACE.encode() + mail.content)

    def arrive(self, content: bytes) -> None:
        """Put it into the mailbox."""
        self.box.add(content)


class Posting(Delivering):
    """Puts it into a mailbox that is read by IMAP."""

    def __init__(self, path: Path, imap: ImapServer, late_s: float = 0.0) -> None:
        super().__init__(path, late_s)
        self.imap = imap

    def arrive(self, content: bytes) -> None:
        self.imap.add(content)


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    return make_command_line(tmp_path, migrated_file)


async def doctor(
    newsletter: CommandLine, server: SmtpServer, *arguments: str, to: str = "me@example.org", settings: str = ""
) -> Answer:
    path = newsletter.directory / "newsletter.yaml"
    relay = f"  relay:\n    host: 127.0.0.1\n    port: {server.port}\n    tls: none\n"
    path.write_text(
        path.read_text().replace("  sender: digest@example.org\n", f"  sender: digest@example.org\n{relay}") + settings
    )
    async with DnsServer({}) as dns:
        words = ("--json", "--nameserver", f"127.0.0.1:{dns.port}", "--send-to", to, *arguments)
        return await asyncio.to_thread(newsletter, "doctor", *words)


def of(answer: Answer, *checks: str) -> list[tuple[str, str]]:
    return [(each["level"], each["message"]) for each in answer.json["findings"] if each["check"] in checks]


async def test_it_arrives(newsletter: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "Maildir"
    async with Delivering(path, 0.6) as server:
        server.box.add(b"Message-ID: <older@example.org>\r\n\r\nx")
        answer = await doctor(newsletter, server, "--maildir", str(path))
    (came,) = of(answer, "arrival")
    assert came[0] == "ok"
    assert came[1].startswith("it arrived after ")
    assert came[1].endswith(" s, over 1 server")
    assert float(came[1].split()[3]) >= 0.6
    assert of(answer, "authentication") == [
        ("ok", "mx.example.net says spf=pass"),
        ("warning", "mx.example.net says dkim=none"),
        ("ok", "mx.example.net says dmarc=pass"),
    ]
    assert f"waiting up to 60 s for the mail to come to {path}" in answer.err
    assert [mail.recipient for mail in server.received] == ["me@example.org"]
    assert len(list(server.box.keys())) == 2  # nothing is taken away


async def test_it_arrives_among_spam(newsletter: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "Maildir"
    async with Delivering(path, folder="Junk") as server:
        answer = await doctor(newsletter, server, "--maildir", str(path))
    ((level, message),) = of(answer, "arrival")
    assert level == "warning"
    assert message.endswith("in the folder Junk")


async def test_it_does_not_arrive(newsletter: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "Maildir"
    async with Delivering(path, 3600) as server:
        answer = await doctor(newsletter, server, "--maildir", str(path), "--wait", "0.3")
    assert of(answer, "delivery")[0][0] == "ok"
    assert of(answer, "arrival") == [("problem", f"it did not come to {path} within 0.3 s")]
    assert answer.code == 1


async def test_it_is_not_taken(newsletter: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "Maildir"
    async with Delivering(path, script=Script(always={"rcpt": "550 5.7.1 no relaying"})) as server:
        answer = await doctor(newsletter, server, "--maildir", str(path))
    assert of(answer, "delivery") == [("problem", "the mail to me@example.org was deferred: 550 5.7.1 no relaying")]
    assert of(answer, "arrival", "authentication") == []


async def test_without_a_mailbox_it_says_what_is_not_known(newsletter: CommandLine) -> None:
    async with SmtpServer() as server:
        answer = await doctor(newsletter, server)
    (found,) = [each for each in answer.json["findings"] if each["check"] == "delivery"]
    assert found["level"] == "ok"
    assert "whether it arrives is not known here" in found["advice"]


async def test_what_is_no_maildir_is_refused_before_anything_is_sent(newsletter: CommandLine, tmp_path: Path) -> None:
    async with SmtpServer() as server:
        answer = await doctor(newsletter, server, "--maildir", str(tmp_path / "nowhere"))
        assert (answer.code, server.received) == (2, [])
    assert "--maildir" in answer.err
    alone = newsletter("doctor", "--maildir", str(tmp_path))
    assert alone.code == 2
    assert "--send-to" in alone.err


# --- To the address that mails come back to ---------------------------------------------------------------------------


def from_maildir(path: Path) -> str:
    return f"bounces:\n  address: {BOUNCES}\n  maildir:\n    path: {path}\n"


def from_mailbox(server: ImapServer, password: str = "secret", after_reading: str = "keep") -> str:
    place = f"    host: 127.0.0.1\n    port: {server.port}\n    tls: none\n"
    login = f"    username: bounces\n    password: {password}\n    after_reading: {after_reading}\n"
    return f"bounces:\n  address: {BOUNCES}\n  imap:\n{place}{login}"


async def test_it_is_read_back_from_the_maildir_of_bounces_and_put_away(
    newsletter: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "bounces"
    async with Delivering(path, 0.3) as server:
        server.box.add(b"Subject: a bounce that nobody has read yet\r\n\r\nx")
        answer = await doctor(newsletter, server, to="Bounces@example.org", settings=from_maildir(path))
    assert [level for level, _ in of(answer, "delivery", "arrival")] == ["ok", "ok"]
    assert ("ok", "mx.example.net says spf=pass") in of(answer, "authentication")
    [waiting] = (path / "new").iterdir()
    assert b"a bounce" in waiting.read_bytes()
    [ours] = (path / "cur").iterdir()
    assert ours.name.endswith(":2,S")
    assert b"Message-ID: <doctor." in ours.read_bytes()


async def test_to_any_other_address_nothing_is_waited_for(newsletter: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "bounces"
    async with Delivering(path) as server:
        answer = await doctor(newsletter, server, settings=from_maildir(path))
    assert [level for level, _ in of(answer, "delivery", "arrival")] == ["ok"]
    assert list((path / "cur").iterdir()) == []


async def test_a_maildir_of_bounces_that_is_none_is_told_of_before_anything_is_sent(
    newsletter: CommandLine, tmp_path: Path
) -> None:
    async with SmtpServer() as server:
        answer = await doctor(newsletter, server, to=BOUNCES, settings=from_maildir(tmp_path / "nowhere"))
        assert (answer.code, server.received) == (2, [])
    assert "bounces.maildir.path" in answer.err


@pytest.mark.parametrize(("after_reading", "left"), [("keep", 3), ("delete", 2)])
async def test_it_is_read_back_from_the_mailbox_of_bounces_and_put_away(
    newsletter: CommandLine, tmp_path: Path, after_reading: str, left: int
) -> None:
    async with ImapServer() as imap, Posting(tmp_path / "unused", imap, 0.3) as server:
        imap.add(b"Subject: a bounce that nobody has read yet\r\n\r\nx")
        imap.add(b"Message-ID: <older@example.org>\r\n\r\nx")
        answer = await doctor(newsletter, server, to=BOUNCES, settings=from_mailbox(imap, after_reading=after_reading))
    assert [level for level, _ in of(answer, "delivery", "arrival")] == ["ok", "ok"]
    assert ("ok", "mx.example.net says dmarc=pass") in of(answer, "authentication")
    assert "waiting up to 60 s for the mail to come to the folder INBOX of bounces at 127.0.0.1:" in answer.err
    assert [message.flags for message in imap.messages.values()] == [set(), set(), {"\\Seen"}][:left]
    assert imap.commands.count("LOGIN") == 1
    assert imap.commands[-1] == "LOGOUT"


async def test_another_mail_whose_id_holds_ours_is_left_alone(newsletter: CommandLine, tmp_path: Path) -> None:
    class Wrapping(Posting):
        def arrive(self, content: bytes) -> None:
            self.imap.add(content.replace(b"Message-ID: <", b"Message-ID: <re.<"))

    async with ImapServer() as imap, Wrapping(tmp_path / "unused", imap) as server:
        settings = from_mailbox(imap, after_reading="delete")
        answer = await doctor(newsletter, server, "--wait", "0.3", to=BOUNCES, settings=settings)
    (found,) = [each for each in answer.json["findings"] if each["check"] == "arrival"]
    assert found["message"].endswith(" within 0.3 s")
    assert found["advice"].endswith("or stop the daemon meanwhile, which deletes what it reads there")
    assert [message.flags for message in imap.messages.values()] == [set()]
    assert any(command.startswith("FETCH") for command in imap.commands)


@pytest.mark.parametrize(
    ("password", "drops", "said"),
    [("wrong", "", "refuses the login"), ("secret", "SEARCH", "cannot be read"), ("secret", "NOOP", "cannot be read")],
)
async def test_a_mailbox_that_cannot_be_read_is_told_of_beside_the_delivery(
    newsletter: CommandLine, tmp_path: Path, password: str, drops: str, said: str
) -> None:
    async with ImapServer(drops=drops) as imap, Posting(tmp_path / "unused", imap, 3600) as server:
        answer = await doctor(newsletter, server, to=BOUNCES, settings=from_mailbox(imap, password))
    assert of(answer, "delivery")[0][0] == "ok"
    ((level, message),) = of(answer, "arrival")
    assert (level, said in message) == ("problem", True)
    assert imap.commands.count("LOGIN") == 1  # a login that is refused is not tried again
    assert answer.code == 1
