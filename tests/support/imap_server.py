"""A loopback IMAP server with one folder, which knows what a reader of bounces asks, and fails as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import email
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl


@dataclass
class Message:
    content: bytes
    flags: set[str] = field(default_factory=set)


@dataclass
class ImapServer:
    """``fails`` names a command that is answered with NO, ``drops`` one at which it hangs up, each once."""

    messages: dict[int, Message] = field(default_factory=dict)
    password: str = "secret"
    context: ssl.SSLContext | None = None
    implicit_tls: bool = False
    fails: str = ""
    drops: str = ""
    port: int = 0
    commands: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        context = self.context if self.implicit_tls else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def add(self, content: bytes) -> int:
        uid = max(self.messages, default=0) + 1
        self.messages[uid] = Message(content)
        return uid

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(b"* OK IMAP4rev1 ready\r\n")
            while line := await reader.readline():
                tag, _, rest = line.decode().strip().partition(" ")
                rest = rest.removeprefix("UID ")
                name = rest.partition(" ")[0].upper()
                self.commands.append(rest if name != "LOGIN" else name)
                if name == self.drops:
                    self.drops = ""
                    break
                if name == self.fails:
                    self.fails = ""
                    writer.write(f"{tag} NO not now\r\n".encode())
                elif name == "STARTTLS":
                    writer.write(f"{tag} OK begin\r\n".encode())
                    await writer.drain()
                    await writer.start_tls(self.context)  # type: ignore[arg-type]
                else:
                    is_ok = self._answer(name, rest, writer)
                    writer.write(f"{tag} {'OK' if is_ok else 'NO'} done\r\n".encode())
                await writer.drain()
                if name == "LOGOUT":
                    break
        writer.close()

    def _answer(self, name: str, rest: str, writer: asyncio.StreamWriter) -> bool:
        if name == "CAPABILITY":
            writer.write(b"* CAPABILITY IMAP4rev1 UIDPLUS STARTTLS\r\n")
        elif name == "LOGIN":
            return rest.endswith(f'"{self.password}"')
        elif name == "SELECT":
            writer.write(f"* {len(self.messages)} EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n".encode())
        elif name == "SEARCH":
            found = [uid for uid, message in self.messages.items() if self._is_found(message, rest)]
            writer.write(f"* SEARCH {' '.join(map(str, found))}".rstrip().encode() + b"\r\n")
        elif name == "FETCH":
            uid = int(rest.split()[1])
            size = int(re.search(r"<0\.(\d+)>", rest)[1])  # type: ignore[index]
            content = self.messages[uid].content[:size]
            head = f"* 1 FETCH (UID {uid} BODY[]<0> {{{len(content)}}}\r\n".encode()
            writer.write(head + content + b")\r\n")
        elif name == "STORE":
            uid = int(rest.split()[1])
            self.messages[uid].flags |= set(re.findall(r"\\\w+", rest))
        elif name == "EXPUNGE":
            self.messages = {uid: each for uid, each in self.messages.items() if "\\Deleted" not in each.flags}
        return True

    def _is_found(self, message: Message, criteria: str) -> bool:
        """Return whether a message is among those asked for; a header is searched for a part of it (RFC 9051 6.4.4)."""
        hidden = {flag for word, flag in (("UNSEEN", "\\Seen"), ("UNDELETED", "\\Deleted")) if word in criteria}
        wanted = re.search(r'HEADER "?Message-ID"? "?([^"\s]+)"?', criteria, re.IGNORECASE)
        said = str(email.message_from_bytes(message.content).get("Message-ID", ""))
        return not message.flags & hidden and (wanted is None or wanted[1] in said)
