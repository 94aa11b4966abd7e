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


class TlsVersion(enum.StrEnum):
    """The oldest protocol that is spoken; older ones are broken (RFC 8996)."""

    TLS_1_2 = "1.2"
    TLS_1_3 = "1.3"


class Authentication(enum.StrEnum):
    """How we prove who we are (RFC 4954): the SASL mechanism, or the best that the relay offers."""

    AUTO = "auto"
    PLAIN = "plain"
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"
    XOAUTH2 = "xoauth2"


@dataclass(frozen=True, slots=True)
class Relay:
    """One SMTP server and how to treat it; ``name`` is what the ledger of attempts calls it.

    ``connect_timeout_s`` is for reaching each of its addresses. ``timeout_s`` holds for every answer, the greeting, TLS
    and taking in a message's text included, but for the answer to the final dot, which may take ``final_timeout_s``:
    RFC 5321 section 4.5.3.2 asks for five and for ten minutes, since giving up the latter early makes doubles.
    ``ca_file`` replaces the system's certificate authorities. ``local_hostname`` is what EHLO says; without it, this
    machine's name. ``token_command`` prints the access token for XOAUTH2; it is run anew after ``token_lifetime_s``,
    and when the relay refuses the token. ``dsn`` asks for delivery status notifications where they are offered.
    """

    host: str = "127.0.0.1"
    port: int = 25
    tls: Tls = Tls.OPPORTUNISTIC
    username: str | None = None
    password: str | None = None
    connections: int = 4
    messages_per_connection: int = 100
    timeout_s: float = 300.0
    final_timeout_s: float = 600.0
    idle_s: float = 10.0
    local_hostname: str | None = None
    ca_file: str | None = None
    name: str = "relay"
    connect_timeout_s: float = 30.0
    minimum_tls: TlsVersion = TlsVersion.TLS_1_2
    authentication: Authentication = Authentication.AUTO
    token_command: tuple[str, ...] = ()
    token_lifetime_s: float | None = None
    dsn: bool = False

    @property
    def effective_tls(self) -> Tls:
        """How it is really secured: a password is never sent on a connection that only might be encrypted."""
        if self.tls is Tls.OPPORTUNISTIC and self.username is not None:
            return Tls.STARTTLS
        return self.tls

    def __repr__(self) -> str:
        return f"Relay({self.name}, {self.host}:{self.port}, tls={self.tls}, connections={self.connections})"
