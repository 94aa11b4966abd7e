"""Postfix with milters before it, and behind it a server that keeps what it relays, octet by octet."""

from __future__ import annotations

import contextlib
import smtplib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller

from tests.support.postfix import free_port, postfix
from tests.support.programs import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiosmtpd.smtp import SMTP, Envelope, Session


class Keeper:
    """Keeps each message as it came, by its Message-ID."""

    def __init__(self) -> None:
        self.messages: dict[str, bytes] = {}

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's)
        """Take a message."""
        del server, session
        content = envelope.original_content or b""
        for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n"):
            if line.lower().startswith(b"message-id:"):
                self.messages[line.partition(b":")[2].strip().decode()] = content
        return "250 kept"


@dataclass(frozen=True)
class MailSystem:
    """Relays what it is given."""

    port: int
    keeper: Keeper

    def relay(self, message: bytes, message_id: str) -> bytes:
        """Return a message as it comes out at the other end."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.ehlo("client.example.org")
            client.mail("digest@example.org")
            client.rcpt("reader@example.net")
            code, said = client.data(message)
            assert code == 250, said
        wait_for(lambda: message_id in self.keeper.messages, lambda: f"{message_id} did not come out")
        return self.keeper.messages.pop(message_id)


@contextlib.contextmanager
def mail_system(*milter_ports: int) -> Iterator[MailSystem]:
    """Run Postfix; everything that goes in passes the milters and comes out at a server that keeps it."""
    keeper = Keeper()
    behind = Controller(keeper, hostname="127.0.0.1", port=free_port(), data_size_limit=None)
    changes = {
        "mynetworks": "127.0.0.0/8",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "relayhost": f"[127.0.0.1]:{behind.port}",
        "smtp_tls_security_level": "none",
        "smtpd_milters": " ".join(f"inet:127.0.0.1:{port}" for port in milter_ports),
        "milter_default_action": "tempfail",
    }
    behind.start()
    try:
        with postfix(changes) as port:
            yield MailSystem(port, keeper)
    finally:
        behind.stop()
