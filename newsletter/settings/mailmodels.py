"""The settings of the mail that goes out, and of the server that takes it."""

from __future__ import annotations

import enum
import re
import shlex
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from newsletter.settings.dkimmodels import DkimSettings  # noqa: TC001 (pydantic reads it at run time)
from newsletter.settings.limitmodels import DomainSettings, LimitSettings, WarmUpSettings, check_pattern
from newsletter.settings.values import (
    Address,
    FilePath,
    Line,
    ListenPort,
    LowerCase,
    Name,
    Port,
    Seconds,
    Section,
    Sender,
    Url,
    complaint,
)


class Encryption(enum.StrEnum):
    """How the connection to the relay is encrypted."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


Pattern = Annotated[str, LowerCase, AfterValidator(check_pattern)]


def read_command(value: Any) -> Any:
    """Return a command as a list from one line, split as a shell would; nothing else of a shell is meant."""
    if not isinstance(value, str):
        return value
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise complaint(f"the command cannot be read: {error}".lower(), "close the quotes, or write a list") from error
    if not words:
        raise complaint("is empty", "write a program with its arguments, or leave the key out")
    return words


USUAL_PORTS = {"none": 25, "opportunistic": 25, "starttls": 587, "implicit": 465}


def _usual_port(data: dict[str, Any]) -> int:
    return USUAL_PORTS[data.get("tls", Encryption.OPPORTUNISTIC)]


class RelaySettings(Section):
    """The mail server that takes our mail and brings it to its readers."""

    host: Line = Field(default="localhost", description="Name or address of the mail server.")
    tls: Annotated[Encryption, LowerCase] = Field(
        default=Encryption.OPPORTUNISTIC,
        description="Encryption: `none`, `opportunistic` (when offered), `starttls` (demanded) or `implicit`.",
    )
    port: Port = Field(
        default_factory=_usual_port, description="Its port. Default: 25, with `starttls` 587, with `implicit` 465."
    )
    username: Line | None = Field(default=None, description="User name, when the server asks for one.")
    password: SecretStr | None = Field(default=None, description="Password; better kept in the environment or a file.")
    password_file: FilePath | None = Field(
        default=None, description="A file that holds the password, instead of `password`."
    )
    connections: int = Field(default=4, ge=1, le=100, description="How many connections send at a time.")
    messages_per_connection: int = Field(
        default=100, ge=1, le=100_000, description="Mails sent before one is opened anew."
    )
    connect_timeout_s: Seconds = Field(
        default=30, description="How long to try to reach each of its addresses, in seconds."
    )
    timeout_s: Seconds = Field(
        default=300, description="How long to wait for each answer, in seconds (RFC 5321 asks for five minutes)."
    )
    final_timeout_s: Seconds = Field(
        default=600,
        description="The same for the answer to a whole message. Giving up early makes mails arrive twice.",
    )
    ca_file: FilePath | None = Field(default=None, description="Certificates to trust instead of the system's (PEM).")
    minimum_tls: Literal["1.2", "1.3"] = Field(default="1.2", description="The oldest TLS that is spoken.")
    authentication: Annotated[Literal["auto", "plain", "login", "cram-md5", "xoauth2"], LowerCase] = Field(
        default="auto",
        description="How to log in. `auto`: `xoauth2` with a `token_command`, else the best that the server offers.",
    )
    token_command: Annotated[tuple[Line, ...], BeforeValidator(read_command)] | None = Field(
        default=None,
        min_length=1,
        description="Program with its arguments that prints an access token (OAuth 2) for `xoauth2`, instead of a "
        "password. It is run without a shell, within a minute, and again when the server refuses the token.",
    )
    token_lifetime_s: float | None = Field(
        default=None,
        gt=0,
        le=31_536_000,
        allow_inf_nan=False,
        description="After how many seconds to run `token_command` again. Default: when the server refuses the token.",
    )
    dsn: bool = Field(
        default=False, description="Ask for notifications of failure and delay where the server offers it (RFC 3461)."
    )

    limits: LimitSettings = Field(default_factory=LimitSettings, description="How much it may be given.")
    warm_up: WarmUpSettings | None = Field(default=None, description="How it is made known, when it is new.")

    @model_validator(mode="after")
    def check_credentials(self) -> Self:
        """Refuse half of a login, or one that does not fit how to log in."""
        has_password = bool(self.password or self.password_file)
        has_token = self.token_command is not None
        if has_password and has_token:
            raise complaint("there are both a password and a token_command", "keep one of them")
        if (has_password or has_token) and not self.username:
            what = "password" if has_password else "token_command"
            raise complaint(f"there is a {what} but no username", f"add username, or remove the {what}")
        if self.username and not (has_password or has_token):
            raise complaint(
                "there is a username but no password",
                "add password_file, password or token_command, or remove username",
            )
        if has_token and self.authentication not in ("auto", "xoauth2"):
            raise complaint(f"{self.authentication} does not work with a token_command", "set authentication: xoauth2")
        if has_password and self.authentication == "xoauth2":
            raise complaint("xoauth2 works with a token_command, not with a password", "add token_command")
        if self.token_lifetime_s is not None and not has_token:
            raise complaint("there is a token_lifetime_s but no token_command", "add token_command")
        return self


class NamedRelaySettings(RelaySettings):
    """One of several mail servers: what `mail.relay` has, and when it is the one to take."""

    priority: int = Field(
        default=0, ge=0, le=1000, description="The lowest comes first; others step in while that takes no mail."
    )
    weight: float = Field(
        default=1, gt=0, le=1000, allow_inf_nan=False, description="Its share among relays of the same priority."
    )
    domains: tuple[Pattern, ...] = Field(
        default=(),
        description="Recipient domains that it is for, such as `example.org` or `*.example.org`, and no others; relays "
        "without domains step in while it takes no mail.",
    )


class CatcherSettings(Section):
    """A mail catcher on this machine, for trying out: it takes every mail, and a local page shows them."""

    enabled: bool = Field(default=False, description="Send everything to the catcher instead of to the relay.")
    port: ListenPort = Field(default=8025, description="Its port on 127.0.0.1; 0 takes any free one.")


SENDER_ID = re.compile(r"[A-Za-z0-9._-]{5,15}")
LIST_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")


class MailSettings(Section):
    """How the newsletter appears in an inbox, and how it gets there."""

    sender: Sender = Field(
        description='Who the mails come from, such as `"The Morning Preprint <digest@example.org>"`.'
    )
    reply_to: Sender | None = Field(default=None, description="Where answers go. Default: to the sender.")
    unsubscribe_address: Address | None = Field(
        default=None, description="A mailbox that takes unsubscribe mails, in addition to the one-click link."
    )
    list_id: str | None = Field(
        default=None,
        max_length=255,
        description="The list's name for mail filters (RFC 2919). Default: made from the sender.",
    )
    archive_url: Url | None = Field(
        default=None,
        description="A public page with past mails (List-Archive, RFC 2369). Default: the archive of the pages, where "
        "these are served.",
    )
    sender_id: str | None = Field(
        default=None,
        description="Who sends, in Gmail's Postmaster Tools (Feedback-ID): 5 to 15 letters or digits, never to be "
        "changed. Default: made from the sender's domain.",
    )
    redirect_all_to: Address | None = Field(
        default=None,
        description="For staging: every mail goes to this address alone, whoever it is meant for (`X-Intended-To`).",
    )
    relay: RelaySettings = Field(default_factory=RelaySettings, description="The mail server.")
    relays: dict[Name, NamedRelaySettings] = Field(
        default_factory=dict, description="Several mail servers, by a name of your choice, instead of `mail.relay`."
    )
    domains: dict[Pattern, DomainSettings] = Field(
        default_factory=dict,
        description="How recipient domains are treated: `gmail.com`, `*.example.org`, or `*` for each of the others.",
    )
    catcher: CatcherSettings = Field(default_factory=CatcherSettings, description="The mail catcher.")
    dkim: DkimSettings | None = Field(default=None, description="Signing mails; not when the relay does.")

    @model_validator(mode="after")
    def check_list_id(self) -> Self:
        """Refuse a list id that is not a dotted name."""
        if self.list_id is not None and not LIST_ID.fullmatch(self.list_id):
            raise complaint(f"list_id “{self.list_id}” is not a dotted name", "write it as digest.example.org")
        return self

    @model_validator(mode="after")
    def check_sender_id(self) -> Self:
        """Refuse a sender id that Gmail would."""
        if self.sender_id is not None and not SENDER_ID.fullmatch(self.sender_id):
            message = f"sender_id “{self.sender_id[:40]}” is not 5 to 15 letters, digits, dots, hyphens and underscores"
            raise complaint(message, "take the name of your organisation, such as exampleorg")
        return self

    @property
    def signing_domain(self) -> str:
        """Who signs, when mails are signed here."""
        own = self.dkim.domain if self.dkim else None
        return own or self.sender.address.wire.rpartition("@")[2]

    @property
    def list_identifier(self) -> str:
        """The list id to use, without angle brackets."""
        if self.list_id:
            return self.list_id
        local, _, domain = self.sender.address.wire.rpartition("@")
        return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', local).strip('-') or 'list'}.{domain}"

    @property
    def outgoing(self) -> dict[str, RelaySettings]:
        """The servers that mails really go to, by name: the relays, or the catcher alone while that is enabled."""
        if self.catcher.enabled:
            port = self.catcher.port or USUAL_PORTS["none"]  # wiring puts the real port in when any will do
            return {"catcher": RelaySettings(host="127.0.0.1", port=port, tls=Encryption.NONE)}
        return dict(self.relays) or {"relay": self.relay}
