"""Where mail is handed over, as a value."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Tls(enum.StrEnum):
    """How the connection to the relay is secured."""

    NONE = "none"
    STARTTLS = "starttls"  # required: without it nothing is sent
    OPPORTUNISTIC = "opportunistic"  # used where offered, proving nobody's identity (RFC 7435)
    IMPLICIT = "implicit"  # from the first octet (RFC 8314, usually port 465)


@dataclass(frozen=True, slots=True)
class Relay:
    """One SMTP server and how to treat it.

    ``timeout_s`` holds for every step but the answer to the final dot, which may take ``final_timeout_s`` (RFC 5321
    section 4.5.3.2.6 asks for ten minutes: giving up earlier makes doubles). ``ca_file`` replaces the system's
    certificate authorities. ``local_hostname`` is what EHLO says; without it, this machine's name.
    """

    host: str = "127.0.0.1"
    port: int = 25
    tls: Tls = Tls.OPPORTUNISTIC
    username: str | None = None
    password: str | None = None
    connections: int = 4
    messages_per_connection: int = 100
    timeout_s: float = 60.0
    final_timeout_s: float = 600.0
    idle_s: float = 10.0
    local_hostname: str | None = None
    ca_file: str | None = None

    @property
    def effective_tls(self) -> Tls:
        """How it is really secured: a password is never sent on a connection that only might be encrypted."""
        if self.tls is Tls.OPPORTUNISTIC and self.username is not None:
            return Tls.STARTTLS
        return self.tls

    def __repr__(self) -> str:
        return f"Relay({self.host}:{self.port}, tls={self.tls}, connections={self.connections})"
