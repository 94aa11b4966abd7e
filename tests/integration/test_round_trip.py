"""``newsletter doctor --send-to``: a relay that delivers into a Maildir, at once, late, as spam or never."""

from __future__ import annotations

import asyncio
import mailbox
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import Answer, CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.dns_server import DnsServer
from tests.support.smtp_server import Received, Script, SmtpServer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["migrated_file"]

RESULTS = "Authentication-Results: mx.example.net; spf=pass; dkim=none; dmarc=pass\r\n"


class Delivering(SmtpServer):
    """Puts what it accepts into a Maildir, ``late_s`` after it has said so."""

    def __init__(self, path: Path, late_s: float = 0.0, script: Script | None = None, folder: str = "") -> None:
        super().__init__(script)
        inbox = mailbox.Maildir(path)
        self.box = inbox.add_folder(folder) if folder else inbox
        self.late_s = late_s

    def _keep(self, talk: Any, mail: Received) -> None:
        super()._keep(talk, mail)
        trace = f"Received: from here by mx.example.net; now\r\n{RESULTS}"
        asyncio.get_running_loop().call_later(self.late_s, self.box.add, trace.encode() + mail.content)


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    return make_command_line(tmp_path, migrated_file)


async def doctor(newsletter: CommandLine, server: SmtpServer, *arguments: str) -> Answer:
    path = newsletter.directory / "newsletter.yaml"
    relay = f"  relay:\n    host: 127.0.0.1\n    port: {server.port}\n    tls: none\n"
    path.write_text(
        path.read_text().replace("  sender: digest@example.org\n", f"  sender: digest@example.org\n{relay}")
    )
    async with DnsServer({}) as dns:
        words = ("--json", "--nameserver", f"127.0.0.1:{dns.port}", "--send-to", "me@example.org", *arguments)
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
