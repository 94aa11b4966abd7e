"""Who is told of what happens, by web."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from newsletter.core.webhooks import read_secret
from newsletter.model import EventKind, Problem
from newsletter.settings.values import (
    FilePath,
    Name,
    Seconds,
    Section,
    WebhookUrl,
    check_webhook_url,
    complaint,
    is_loopback,
    suggestion,
)

if TYPE_CHECKING:
    from newsletter.settings.explain import Locate

EVENTS = tuple(kind for kind in EventKind if kind is not EventKind.TEST)
SECRETS = ("secret", "previous_secret", "url")
ADVICE = "make one with `newsletter webhooks make-secret`"


def check_event(value: object) -> object:
    """Return an event's name; the nearest is suggested for one that is not there."""
    if isinstance(value, str) and value.strip().lower() not in EVENTS:
        advice = suggestion(value, EVENTS) or f"there are: {', '.join(EVENTS)}"
        raise complaint(f"“{value[:40]}” is not an event", advice)
    return value.strip().lower() if isinstance(value, str) else value


EventName = Annotated[EventKind, BeforeValidator(check_event)]


class WebhookSettings(Section):
    """A receiver of events."""

    url: WebhookUrl | None = Field(default=None, description="Where they are posted; https unless private.")
    url_file: FilePath | None = Field(default=None, description="A file that holds the address, instead of `url`.")
    secret: SecretStr | None = Field(
        default=None, description="Signs them: `newsletter webhooks make-secret` prints one."
    )
    secret_file: FilePath | None = Field(default=None, description="A file that holds the secret, instead of `secret`.")
    previous_secret: SecretStr | None = Field(
        default=None,
        description="The one before it, which signs as well until the receiver knows the new one.",
    )
    previous_secret_file: FilePath | None = Field(
        default=None, description="A file that holds it, instead of `previous_secret`."
    )
    events: tuple[EventName, ...] = Field(
        min_length=1, description=f"What it is told: {', '.join(f'`{kind}`' for kind in EVENTS)}."
    )
    include_address: bool = Field(
        default=False, description="Whether it gets mail addresses; else only the numbers of subscribers."
    )
    allow_private_addresses: bool = Field(
        default=False, description="Whether it may lie on this machine or in the local network."
    )

    @property
    def keys(self) -> tuple[bytes, ...]:
        """What events are signed with."""
        secrets = [each for each in (self.secret, self.previous_secret) if each is not None]
        return tuple(read_secret(each.get_secret_value()) for each in secrets)


class WebhooksSettings(Section):
    """Webhooks: programs that are told, by a signed POST, of what happens."""

    endpoints: dict[Name, WebhookSettings] = Field(default_factory=dict, description="Who is told, by name.")
    timeout_s: Seconds = Field(default=10, description="How long a receiver may take to answer, in seconds.")
    deadline_hours: float = Field(
        default=72, gt=0, le=720, allow_inf_nan=False, description="How long an event is tried; then it has failed."
    )
    keep_days: int = Field(default=30, ge=1, le=365, description="How long events that have ended are kept.")


def check_webhooks(settings: WebhooksSettings, locate: Locate) -> list[Problem]:
    """Return what is wrong with webhooks, once what is in files has been read; no secret is repeated."""
    found = []
    for name, each in settings.endpoints.items():
        path = ("webhooks", "endpoints", name)
        found += [Problem(*locate((*path, key)), message, advice) for key, message, advice in faults_of(name, each)]
    return found


def faults_of(name: str, settings: WebhookSettings) -> list[tuple[str, str, str]]:
    """Return what is wrong with one, with its key and what to do."""
    faults = []
    url_key = "url_file" if settings.url_file else "url"
    if settings.url is None:
        faults.append(("url", f"“{name}” has no url", "write it in full, such as https://example.org/hook"))
    else:
        try:
            parts = urlsplit(check_webhook_url(settings.url).get_secret_value())
        except PydanticCustomError:
            faults.append((url_key, f"the url of “{name}” is not a web address", "write it in full"))
        else:
            is_private = settings.allow_private_addresses or is_loopback(parts.hostname or "")
            if parts.scheme != "https" and not is_private:
                faults.append((url_key, f"the url of “{name}” is not https", "events would travel in the clear"))
    if settings.secret is None:
        faults.append(("secret", f"“{name}” has no secret", ADVICE))
    for key, secret in (("secret", settings.secret), ("previous_secret", settings.previous_secret)):
        try:
            read_secret(secret.get_secret_value() if secret else "whsec_" + "A" * 32)
        except ValueError as error:
            at = f"{key}_file" if getattr(settings, f"{key}_file") else key
            faults.append((at, f"the {key} of “{name}” cannot be used: {error}", ADVICE))
    return faults
