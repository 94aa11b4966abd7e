"""The one typed tree of settings: every key, its meaning, its bounds and its default.

``docs/configuration.md`` is made from these classes (:mod:`newsletter.settings.reference`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from newsletter.model import Frequency, Weekday
from newsletter.settings.adminmodels import AdminSettings
from newsletter.settings.apimodels import ApiSettings
from newsletter.settings.bouncemodels import BounceSettings
from newsletter.settings.brandmodels import BrandSettings
from newsletter.settings.curatormodels import CuratorSettings, check_different
from newsletter.settings.mailmodels import MailSettings
from newsletter.settings.signupmodels import SignupSettings
from newsletter.settings.sourcemodels import SourceSettings
from newsletter.settings.values import (
    Address,
    FilePath,
    Language,
    Line,
    ListenPort,
    LowerCase,
    Name,
    Network,
    PublicUrl,
    Seconds,
    Section,
    TimeOfDay,
    Url,
    WebhookUrl,
    Zone,
    complaint,
    is_loopback,
    read_time,
)
from newsletter.settings.webhookmodels import WebhooksSettings


class NewsletterSettings(Section):
    """What the newsletter is called and who stands behind it."""

    name: Line = Field(default="Newsletter", description="Its name, as readers see it.")
    language: Language = Field(default="en", description="The language of its pages and, unless they choose, of mails.")
    postal_address: Line | None = Field(
        default=None, description="Postal address for the foot of each mail; the law of many countries asks for one."
    )
    contact: Address | None = Field(
        default=None,
        description="Mail address of the operator, told to the sources we ask. Default: the sender's address.",
    )
    website: Url | None = Field(
        default=None, description="A page about the newsletter, linked at the foot of each mail."
    )


class StoreSettings(Section):
    """Where papers, subscribers and deliveries are kept."""

    url: SecretStr | None = Field(
        default=None,
        description="`postgresql://user:password@host/database` or `sqlite:///file`. Default: SQLite in the data "
        "directory.",
    )
    url_file: FilePath | None = Field(default=None, description="A file that holds the url, instead of `url`.")
    busy_timeout_s: Seconds = Field(
        default=30, description="How long to wait while another program keeps the database locked, in seconds."
    )


class WebSettings(Section):
    """The pages: confirming, unsubscribing, health, and caught mails."""

    host: Line = Field(default="127.0.0.1", description="Address to listen on.")
    port: ListenPort = Field(default=8080, description="Port to listen on; 0 takes any free one.")
    public_url: PublicUrl | None = Field(
        default=None,
        description="Where readers reach the pages; https unless local. Default: made from host and port.",
    )
    pages: bool | None = Field(
        default=None,
        description="Whether papers, topics and search may be read by whoever reaches this address, without a login. "
        "Default: yes on a loopback address, else no. Unsubscribing always works.",
    )
    goodbye: bool = Field(
        default=False, description="Whether who unsubscribes is told by a last mail, with the way back."
    )
    secret: SecretStr | None = Field(
        default=None,
        description="Signs links; at least 16 characters. Default: made once and kept in the data directory.",
    )
    secret_file: FilePath | None = Field(default=None, description="A file that holds the secret, instead of `secret`.")
    trusted_proxies: tuple[Network, ...] = Field(
        default=(),
        description="The proxies before the pages, as addresses or networks: only what these say in `X-Forwarded-For` "
        "is believed. Default: none, who connects is who asks.",
    )
    count_clicks: bool = Field(
        default=False,
        description="Whether links to papers in mails lead over the pages, to be counted by paper and issue; never by "
        "reader.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="What who reads `/metrics` must show as a bearer token. Default: nothing, everybody may read them.",
    )
    metrics_token_file: FilePath | None = Field(
        default=None, description="A file that holds the token, instead of `metrics_token`."
    )

    @model_validator(mode="after")
    def check_reachable(self) -> Self:
        """Refuse pages that listen to the world while their links would lead nowhere."""
        if self.public_url is None and not is_loopback(self.host):
            raise complaint(
                "public_url is missing, and links in mails must lead to it",
                "add public_url: https://… or listen on 127.0.0.1",
            )
        return self

    @property
    def has_pages(self) -> bool:
        """Whether the reader's pages are served."""
        return is_loopback(self.host) if self.pages is None else self.pages

    @property
    def base_url(self) -> str:
        """The address that links in mails begin with, without a final slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


class CollectSettings(Section):
    """How sources are asked."""

    interval_minutes: int = Field(default=60, ge=1, le=10_080, description="Minutes between two checks of a source.")
    timeout_s: Seconds = Field(default=90, description="How long one source may take, in seconds.")
    maximum_size_mb: int = Field(default=20, ge=1, le=1000, description="Largest document that is read, in megabytes.")
    allow_private_addresses: bool = Field(
        default=False, description="Whether sources may lie on this machine or in the local network."
    )
    arxiv_api_url: Url = Field(
        default="https://export.arxiv.org/api/query",
        description="Where a paper is asked for that a curator picks and no source has brought: arXiv, or a mirror.",
    )


class IssueSettings(Section):
    """What goes into a digest."""

    lookback_days: int = Field(
        default=7, ge=0, le=365, description="How far a new subscriber's first digest looks back."
    )
    staleness_days: int = Field(default=14, ge=1, le=365, description="No digest holds a paper older than that.")
    late_limit_hours: int = Field(
        default=48,
        ge=1,
        le=720,
        description="After downtime, a digest later than that waits for the next, if that is nearer.",
    )
    first_digest: Annotated[Literal["at_once", "at_hour"], LowerCase] = Field(
        default="at_once",
        description="A new subscriber's first digest: `at_once`, or `at_hour`, theirs, as before a large import.",
    )
    when_quiet: Annotated[Literal["skip", "mail"], LowerCase] = Field(
        default="skip", description="With nothing new: `skip`, or send a short `mail` that says so."
    )
    picks: Annotated[Literal["everyone", "matching"], LowerCase] = Field(
        default="everyone",
        description="Whom a curator's pick reaches: `everyone`, or only readers whose profiles take the paper "
        "(`matching`).",
    )


class DeliverSettings(Section):
    """How hard a delivery is tried."""

    deadline_hours: float = Field(default=20, gt=0, le=168, allow_inf_nan=False, description="When trying ends.")
    shutdown_s: Seconds = Field(
        default=30, description="How long mails in flight may take when the daemon stops, in seconds."
    )
    lease_minutes: float = Field(
        default=5,
        ge=0.02,
        le=1440,
        allow_inf_nan=False,
        description="How long a process may give no sign of life before others send what it had in hand.",
    )
    first_retry_minutes: float = Field(
        default=5, gt=0, le=1440, allow_inf_nan=False, description="Wait before the second try; then it doubles."
    )
    when_unknown: Annotated[Literal["resend", "never"], LowerCase] = Field(
        default="resend",
        description="A mail whose answer was lost after its end may have arrived: `resend` it with the same Message-ID,"
        " or `never`, and then it counts as delivered.",
    )


class LogSettings(Section):
    """What the daemon tells."""

    format: Annotated[Literal["auto", "console", "json"], LowerCase] = Field(
        default="auto", description="`console` for people, `json` for machines, `auto` by whether there is a terminal."
    )
    level: Annotated[Literal["debug", "info", "warning", "error"], LowerCase] = Field(
        default="info", description="How much."
    )


class AlertSettings(Section):
    """Whom the daemon tells when something stays wrong: once, and once more when it is over.

    With several daemons on one database, give them to one of them.
    """

    mail: Address | None = Field(default=None, description="Mail address that is told, through `mail.relay`.")
    webhook_url: WebhookUrl | None = Field(
        default=None, description="Web address that is told, by a POST of JSON; chats such as Slack take it as it is."
    )
    webhook_url_file: FilePath | None = Field(
        default=None, description="A file that holds the address, instead of `webhook_url`."
    )
    report_at: TimeOfDay | None = Field(
        default=None,
        description="When `alerts.mail` is told what became of the day before, at a time in `defaults.zone`, such as "
        "`08:30`. Default: never.",
    )
    after_minutes: float = Field(
        default=15, ge=0, le=10_080, allow_inf_nan=False, description="How long something must stay wrong."
    )
    source_after_minutes: float = Field(
        default=360, ge=0, le=43_200, allow_inf_nan=False, description="How long a source must stay in trouble."
    )
    queue_minutes: float = Field(
        default=60, gt=0, le=10_080, allow_inf_nan=False, description="How long a mail that is due may wait."
    )
    paused_hours: float = Field(
        default=6, gt=0, le=720, allow_inf_nan=False, description="How long a pause may last before it looks forgotten."
    )

    @model_validator(mode="after")
    def check_report(self) -> Self:
        """Refuse a report that nobody would get."""
        if self.report_at is not None and self.mail is None:
            raise complaint("there is a report_at but no mail", "add the address: mail: operator@example.org")
        return self


class DefaultSettings(Section):
    """What a new subscriber gets who does not say otherwise."""

    zone: Zone = Field(default="UTC", description="Time zone (IANA name).")
    send_at: TimeOfDay = Field(default=read_time("07:00"), description="Local time of the digest.")
    frequency: Annotated[Frequency, LowerCase] = Field(
        default=Frequency.DAILY, description="`daily`, `weekdays` or `weekly`."
    )
    weekday: Annotated[Weekday, LowerCase] = Field(default=Weekday.MONDAY, description="The day of a weekly digest.")
    template: Name = Field(default="digest", description="Which template.")


class Settings(BaseSettings):
    """All of `newsletter.yaml`; values come from the file, and the environment wins over it."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="NEWSLETTER_", env_nested_delimiter="__", env_ignore_empty=True
    )

    newsletter: NewsletterSettings = Field(default_factory=NewsletterSettings)
    brand: BrandSettings = Field(default_factory=BrandSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    data_directory: FilePath = Field(default=Path("../data"), description="Where the daemon keeps its files.")
    mail: MailSettings
    web: WebSettings = Field(default_factory=WebSettings)
    signup: SignupSettings = Field(default_factory=SignupSettings)
    admin: AdminSettings = Field(default_factory=AdminSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    collect: CollectSettings = Field(default_factory=CollectSettings)
    issue: IssueSettings = Field(default_factory=IssueSettings)
    deliver: DeliverSettings = Field(default_factory=DeliverSettings)
    bounces: BounceSettings = Field(default_factory=BounceSettings)
    templates_directory: FilePath | None = Field(
        default=None, description="A folder whose templates replace the built-in ones, file by file."
    )
    webhooks: WebhooksSettings = Field(default_factory=WebhooksSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    defaults: DefaultSettings = Field(default_factory=DefaultSettings)
    curators: Annotated[tuple[CuratorSettings, ...], AfterValidator(check_different)] = Field(
        default=(), description="Who may pick papers, with a note that readers see."
    )
    sources: dict[Name, SourceSettings] = Field(default_factory=dict, description="Where papers come from, by name.")

    @model_validator(mode="before")
    @classmethod
    def drop_empty(cls, data: Any) -> Any:
        """Return the data without sections that have no keys; ``mail`` stays, for it must say who sends."""
        kept = {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}
        return {"mail": {}, **kept}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is handed over: :mod:`newsletter.settings.load` reads file and environment, with places."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @property
    def contact(self) -> str:
        """The mail address that the sources we ask are told."""
        address = self.newsletter.contact or self.mail.sender.address
        return address.wire

    @property
    def has_signup(self) -> bool:
        """Whether readers may subscribe on the pages."""
        return self.web.has_pages if self.signup.enabled is None else self.signup.enabled

    @property
    def database_url(self) -> str:
        """The database's address for SQLAlchemy, with the driver; ``store.url`` is in that form once loaded."""
        if self.store.url is None:
            return f"sqlite+aiosqlite:///{self.data_directory / 'newsletter.db'}"
        return self.store.url.get_secret_value()
