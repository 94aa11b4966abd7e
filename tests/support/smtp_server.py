"""A loopback SMTP server that answers as it is told and remembers, on disk, every message it accepted.

In a test: ``async with SmtpServer(Script(...)) as server``. As a process of its own, which outlives a client that is
killed: ``python -m tests.support.smtp_server --log FILE [--port N] [--script JSON]`` prints its port and serves on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import email
import json
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.support.journal import Journal

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

DEFAULTS = {
    "connect": "220 loopback ESMTP",
    "ehlo": "",  # what it can do
    "helo": "250 loopback",
    "mail": "250 2.1.0 Ok",
    "rcpt": "250 2.1.5 Ok",
    "data": "354 Go ahead",
    "dot": "250 2.0.0 Ok: queued",
    "rset": "250 2.0.0 Ok",
    "noop": "250 2.0.0 Ok",
    "quit": "221 2.0.0 Bye",
    "starttls": "220 Ready",
    "tls": "",  # nothing but the handshake
    "auth": "235 2.7.0 Accepted",
}


@dataclass
class Script:
    """What to say. A reply is a line, ``drop`` (hang up), ``hang`` (say nothing for ever), ``endless`` (a reply without
    an end), or a line and ``+drop``; ``drop-after`` and ``hang-after`` at ``dot`` keep the message before they do so.

    ``replies[step]`` are used up in order, then ``sometimes[step]`` has its chance, then ``always[step]``, then the
    ordinary reply; ``recipients`` answers RCPT by address. ``extensions`` are what EHLO offers. ``delay_s`` is waited
    before the answer to the dot.
    """

    replies: dict[str, list[str]] = field(default_factory=dict)
    always: dict[str, str] = field(default_factory=dict)
    sometimes: dict[str, tuple[float, str]] = field(default_factory=dict)
    chance: random.Random = field(default_factory=random.Random)
    recipients: dict[str, str] = field(default_factory=dict)
    extensions: list[str] = field(default_factory=lambda: ["PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8"])
    delay_s: float = 0.0

    def reply(self, step: str, recipient: str = "") -> str:
        queue = self.replies.get(step)
        if queue:
            return queue.pop(0)
        if step == "rcpt" and recipient in self.recipients:
            return self.recipients[recipient]
        if step in self.sometimes and self.chance.random() < self.sometimes[step][0]:
            return self.sometimes[step][1]
        return self.always.get(step, DEFAULTS[step])


@dataclass
class Received:
    sender: str
    recipient: str
    content: bytes
    commands: tuple[str, ...]

    @property
    def message_id(self) -> str:
        return str(email.message_from_bytes(self.content)["Message-ID"])


@dataclass
class Talk:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int = 0  # of the server's connections, from 1
    sender: str = ""
    recipient: str = ""
    commands: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The client's."""
        peer = self.writer.get_extra_info("peername")
        return int(peer[1]) if peer else 0


class HangUpError(Exception):
    pass


class SmtpServer:
    def __init__(
        self,
        script: Script | None = None,
        log: Path | None = None,
        context: ssl.SSLContext | None = None,
        *,
        implicit_tls: bool = False,
    ) -> None:
        self.script = script or Script()
        self.received: list[Received] = []
        self.commands: list[str] = []
        self.connections = 0
        self.unanswered = 0  # messages that were accepted, of which the client never heard
        self.open_now = 0
        self.open_most = 0
        self.empty = asyncio.Event()
        self.port = 0
        self._log = Journal(log) if log else None
        self._context = context
        self._implicit_tls = implicit_tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        secured = self._context if self._implicit_tls else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=secured, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop for good."""
        await self.break_off()
        if self._log:
            self._log.close()

    async def break_off(self) -> None:
        """Stop listening and hang up on everybody, whatever was under way; ``start(port)`` begins anew."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_now += 1
        self.empty.clear()
        self.open_most = max(self.open_most, self.open_now)
        try:
            await self._talk(reader, writer)
        except (HangUpError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open_now -= 1
            if not self.open_now:
                self.empty.set()
            self._tasks.discard(task)
            writer.close()
            # Python 3.11 waits for ever after a handshake that failed.
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), 0.2)

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        """Say it; True when it was a 2xx or 3xx."""
        if reply == "drop":
            raise HangUpError
        if reply == "hang":
            await asyncio.Event().wait()
        while reply == "endless":
            writer.write(b"250-and so on\r\n" * 100)
            await writer.drain()
        line = reply.removesuffix("+drop")
        writer.write(line.encode("utf-8", "surrogateescape") + b"\r\n")
        await writer.drain()
        if line != reply:
            raise HangUpError
        return line[:1] in "23"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = Talk(reader, writer, self.connections)
        await self._say(writer, self.script.reply("connect"))
        while line := (await reader.readline()).decode():
            command = line.strip()
            self.commands.append(command)
            talk.commands.append(command)
            verb = command.split(" ")[0].split(":")[0].lower()
            step = getattr(self, f"_on_{verb}", None)
            if step is not None:
                await step(talk, command)
            else:
                await self._say(writer, self.script.reply(verb) if verb in DEFAULTS else "502 5.5.2 What?")

    async def _on_ehlo(self, talk: Talk, _: str) -> None:
        if scripted := self.script.reply("ehlo"):
            await self._say(talk.writer, scripted)
            return
        lines = ["loopback", *self.script.extensions]
        talk.writer.write("".join(f"250-{line}\r\n" for line in lines[:-1]).encode())
        await self._say(talk.writer, f"250 {lines[-1]}")

    async def _on_mail(self, talk: Talk, command: str) -> None:
        accepted = await self._say(talk.writer, self.script.reply("mail"))
        talk.sender, talk.recipient = (command[11:].split(">", maxsplit=1)[0] if accepted else ""), ""

    async def _on_rcpt(self, talk: Talk, command: str) -> None:
        address = command[9:].split(">", maxsplit=1)[0]
        reply = self.script.reply("rcpt", address) if talk.sender else "503 5.5.1 MAIL first"
        if await self._say(talk.writer, reply):
            talk.recipient = address

    async def _on_data(self, talk: Talk, _: str) -> None:
        if not talk.recipient and "data" not in self.script.always:
            await self._say(talk.writer, "554 5.5.1 No valid recipients")
        elif await self._say(talk.writer, self.script.reply("data")):
            await self._take(talk)
            talk.sender, talk.recipient, talk.commands = "", "", []

    async def _on_starttls(self, talk: Talk, _: str) -> None:
        if await self._say(talk.writer, self.script.reply("starttls")) and self._context:
            if reply := self.script.reply("tls"):
                await self._say(talk.writer, reply)
            await talk.writer.start_tls(self._context)

    async def _on_auth(self, talk: Talk, _: str) -> None:
        """Say the replies to AUTH in turn; after each 334 comes a line of the client's, noted among the commands."""
        while (reply := self.script.reply("auth")).startswith("334"):
            await self._say(talk.writer, reply)
            line = await talk.reader.readline()
            if not line:
                raise HangUpError
            self.commands.append(line.decode().strip())
        await self._say(talk.writer, reply)

    async def _on_rset(self, talk: Talk, _: str) -> None:
        await self._say(talk.writer, self.script.reply("rset"))
        talk.sender, talk.recipient = "", ""

    async def _on_quit(self, talk: Talk, _: str) -> None:
        await self._say(talk.writer, self.script.reply("quit"))
        raise HangUpError

    async def _take(self, talk: Talk) -> None:
        lines = []
        while (line := await talk.reader.readline()) != b".\r\n":
            if not line:
                raise HangUpError
            lines.append(line.removeprefix(b"."))
        if self.script.delay_s:
            await asyncio.sleep(self.script.delay_s)
        reply = self.script.reply("dot")
        is_kept = bool(talk.recipient) and (reply[:1] == "2" or reply.endswith("-after"))
        if is_kept:
            self._keep(talk, Received(talk.sender, talk.recipient, b"".join(lines), tuple(talk.commands)))
        self.unanswered += is_kept
        await self._say(talk.writer, reply.removesuffix("-after"))
        self.unanswered -= is_kept

    def _keep(self, talk: Talk, mail: Received) -> None:
        """Remember for good, before the client hears of it: what is in the log was accepted."""
        self.received.append(mail)
        if self._log:
            self._log.keep(mail.message_id, mail.recipient, talk.number, talk.port)


async def serve(log: Path, script: Script, port: int) -> None:
    server = SmtpServer(script, log)
    server.received = Forgetful()
    await server.start(port)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


class Forgetful(list[Any]):
    """Keeps nothing: the log does."""

    def append(self, item: Any) -> None:
        """Drop it."""


@contextlib.contextmanager
def mail_server(log: Path, port: int = 0, **script: Any) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a server as a process of its own and give it and its port; it is killed at the end."""
    command = [sys.executable, "-m", "tests.support.smtp_server", "--log", str(log), "--port", str(port)]
    command += ["--script", json.dumps(script)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server, int(server.stdout.readline())
        finally:
            server.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="{}")
    options = parser.parse_args()
    asyncio.run(serve(options.log, Script(**json.loads(options.script)), options.port))
