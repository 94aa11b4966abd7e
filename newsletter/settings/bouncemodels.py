"""The settings of what comes back: the address for it, how it is read, and what follows."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from newsletter.core.verp import DELIMITERS, room_for
from newsletter.settings.values import (
    Address,
    FilePath,
    Line,
    ListenPort,
    LowerCase,
    Port,
    Seconds,
    Section,
    complaint,
    is_loopback,
)

Days = Annotated[float, Field(gt=0, le=365, allow_inf_nan=False)]


class MaildirSettings(Section):
    """A Maildir on this machine, into which the mail server delivers what is addressed to `bounces.address`."""

    path: FilePath = Field(description="The folder that holds `new` and `cur`.")
    interval_s: Seconds = Field(default=15, description="Seconds between two looks.")


class MailboxEncryption(enum.StrEnum):
    """How the connection to a mailbox is encrypted."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


def _usual_port(data: dict[str, Any]) -> int:
    return 993 if data.get("tls", MailboxEncryption.IMPLICIT) == MailboxEncryption.IMPLICIT else 143


class ImapSettings(Section):
    """A mailbox for nothing but what comes back, read by IMAP."""

    host: Line = Field(description="Name or address of the server.")
    tls: Annotated[MailboxEncryption, LowerCase] = Field(
        default=MailboxEncryption.IMPLICIT, description="Encryption: `implicit`, `starttls` or `none`."
    )
    port: Port = Field(default_factory=_usual_port, description="Its port. Default: 993, else 143.")
    username: Line = Field(description="User name.")
    password: SecretStr | None = Field(default=None, description="Password; better kept in the environment or a file.")
    password_file: FilePath | None = Field(
        default=None, description="A file that holds the password, instead of `password`."
    )
    folder: Line = Field(default="INBOX", description="Which folder.")
    after_reading: Annotated[Literal["keep", "delete"], LowerCase] = Field(
        default="keep", description="A mail that was read: `keep` it, marked as seen, or `delete` it."
    )
    interval_s: Seconds = Field(default=60, description="Seconds between two looks.")
    timeout_s: Seconds = Field(default=60, description="How long to wait for each answer, in seconds.")
    ca_file: FilePath | None = Field(default=None, description="Certificates to trust instead of the system's (PEM).")

    @model_validator(mode="after")
    def check_password(self) -> Self:
        """Refuse a login without a password, and one that everybody could hear."""
        if not (self.password or self.password_file):
            raise complaint("the password is missing", "add password_file, or password")
        if self.tls is MailboxEncryption.NONE and not is_loopback(self.host):
            raise complaint("the password would travel without encryption", "set tls to implicit or starttls")
        return self


class LmtpSettings(Section):
    """A listener of ours, to which the mail server on this machine hands over what comes back (LMTP)."""

    host: Line = Field(default="127.0.0.1", description="Address to listen on.")
    port: ListenPort = Field(default=8024, description="Port to listen on; 0 takes any free one.")
    socket: FilePath | None = Field(
        default=None, description="A socket in the file system to listen on, instead of host and port."
    )


class SesSettings(Section):
    """Amazon SES, by SNS: a subscription of `/bounces/ses` to a topic of yours is confirmed by itself."""

    topics: tuple[Line, ...] = Field(min_length=1, description="The topics (ARN) whose messages are believed.")


class SendGridSettings(Section):
    """SendGrid's event webhook at `/bounces/sendgrid`, signed."""

    public_key: str = Field(
        min_length=40, max_length=1000, description="The verification key that SendGrid shows; it is no secret."
    )


class PostmarkSettings(Section):
    """Postmark's bounce and spam complaint webhooks at `/bounces/postmark`."""

    secret: SecretStr | None = Field(
        default=None, description="The password in the webhook's address, or its header `X-Webhook-Secret`."
    )
    secret_file: FilePath | None = Field(default=None, description="A file that holds it, instead of `secret`.")

    @model_validator(mode="after")
    def check_secret(self) -> Self:
        """Refuse a webhook that anybody could post to."""
        if not (self.secret or self.secret_file):
            raise complaint("the secret is missing", "add secret_file, or secret")
        return self


class MailgunSettings(Section):
    """Mailgun's webhooks at `/bounces/mailgun`, for permanent failures and complaints."""

    signing_key: SecretStr | None = Field(default=None, description="The HTTP webhook signing key.")
    signing_key_file: FilePath | None = Field(
        default=None, description="A file that holds it, instead of `signing_key`."
    )

    @model_validator(mode="after")
    def check_key(self) -> Self:
        """Refuse a webhook that anybody could post to."""
        if not (self.signing_key or self.signing_key_file):
            raise complaint("the signing key is missing", "add signing_key_file, or signing_key")
        return self


class WebhookSettings(Section):
    """Providers that tell of bounces and complaints by a POST to `/bounces/NAME` under `web.public_url`."""

    ses: SesSettings | None = Field(default=None, description="Amazon SES.")
    sendgrid: SendGridSettings | None = Field(default=None, description="SendGrid.")
    postmark: PostmarkSettings | None = Field(default=None, description="Postmark.")
    mailgun: MailgunSettings | None = Field(default=None, description="Mailgun.")


class BounceSettings(Section):
    """What comes back: where to, how it is read, and what follows. [bounces.md](bounces.md) tells how to set it up."""

    address: Address | None = Field(
        default=None,
        description="Where undeliverable mails come back to. Each mail then has a signed return path of its own, such "
        "as `bounces+TOKEN@example.org`. Default: they go to the sender, and nobody reads them.",
    )
    delimiter: str = Field(default="+", max_length=1, description="What stands between the address and the token.")
    half_life_days: Days = Field(default=7, description="After how many days what came back counts half.")
    threshold: float = Field(
        default=5,
        gt=0,
        le=1000,
        allow_inf_nan=False,
        description="How much of it leads to a probe instead of a digest.",
    )
    probe_days: Days = Field(default=3, description="How many days digests wait for the probe to come back.")
    keep_days: int = Field(
        default=400,
        ge=90,
        le=36_500,
        description="How many days a record of what came back is kept. What followed from it stays.",
    )
    maildir: MaildirSettings | None = Field(default=None, description="A Maildir.")
    imap: ImapSettings | None = Field(default=None, description="A mailbox.")
    lmtp: LmtpSettings | None = Field(default=None, description="A listener.")
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings, description="Providers.")

    @model_validator(mode="after")
    def check_address(self) -> Self:
        """Refuse an address that leaves no room for a token, and readers that nothing would come to."""
        if self.delimiter not in DELIMITERS or not self.delimiter:
            raise complaint(f"delimiter “{self.delimiter}” is none", f"use one of {' '.join(DELIMITERS)}")
        if self.address is None:
            if self.lmtp is not None:
                raise complaint("the listener takes mail for bounces.address, and there is none", "add address")
            return self
        local = self.address.wire.rpartition("@")[0]
        if self.address.needs_smtputf8:
            raise complaint(f"“{self.address}” has letters before the @ that many mail servers refuse", "use ASCII")
        if len(local) > room_for(self.delimiter):
            raise complaint(
                f"“{local}” leaves no room for a token",
                f"use at most {room_for(self.delimiter)} characters before the @",
            )
        return self
