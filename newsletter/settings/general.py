"""``newsletter.yaml`` and the environment become :class:`Settings`, with every problem at its place."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import PydanticCustomError

from newsletter.core.due import DAYS_IN_A_WEEK
from newsletter.model import Problem
from newsletter.settings.adminmodels import check_admins
from newsletter.settings.arxivcategories import unknown_category_advice
from newsletter.settings.dkimmodels import MOST_KEYS
from newsletter.settings.environment import EnvironmentValues, merge, place_of, read_environment
from newsletter.settings.explain import problems_of
from newsletter.settings.models import Settings
from newsletter.settings.reading import read_document
from newsletter.settings.secrets import MINIMUM_LENGTH, exposure, with_secrets
from newsletter.settings.signingkeys import with_signing_keys
from newsletter.settings.sourcemodels import ArxivSettings, FileSettings, SourceSettings
from newsletter.settings.values import check_webhook_url, is_loopback
from newsletter.settings.webhookmodels import SECRETS, check_webhooks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.settings.document import Document, Node
    from newsletter.settings.explain import Locate, Location
    from newsletter.settings.mailmodels import RelaySettings

SETTINGS_NAME = "newsletter.yaml"
USER_WITH_PASSWORD = re.compile(r"//[^/@]*:[^/@]+@")
Model = TypeVar("Model", bound=BaseModel)


def read_settings(directory: Path, environment: Mapping[str, str]) -> tuple[Settings | None, list[Problem]]:
    """Return the settings of a configuration directory, and what is wrong (None then) or unwise about them."""
    path = directory / SETTINGS_NAME
    file = str(path)
    if not path.exists() and not path.is_symlink():
        return None, [_absent(directory, file)]
    document, problems = read_document(path, file)
    found = read_environment(environment)
    problems += found.problems
    if document is None:
        return None, problems
    values: dict[str, Any] = dict(document.plain())
    merge(values, found.values)
    locate = locate_in(document, found)
    problems += _take_reserved(values, locate)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        return None, problems + problems_of(error, Settings, locate)
    problems += _relays_twice(settings, locate)
    settings, wrong = with_secrets(anchored(settings, directory.absolute()), locate)
    settings, wrong_url = _with_database(settings, directory.absolute(), locate)
    settings, wrong_keys = with_signing_keys(settings, locate)
    problems += [*wrong, *wrong_url, *wrong_keys]
    return settings, [*problems, *_checks(settings, locate), *_exposed(path, document)]


def stated_sources(directory: Path, environment: Mapping[str, str]) -> set[str] | None:
    """Return the names under ``sources:`` in file and environment, good or not; None when nothing says which."""
    path = directory / SETTINGS_NAME
    document, _ = read_document(path, str(path))
    if document is None:
        return None
    values: dict[str, Any] = dict(document.plain())
    merge(values, read_environment(environment).values)
    sources = values.get("sources")
    return set(sources) if isinstance(sources, dict) else None


def _take_reserved(values: dict[str, Any], locate: Locate) -> list[Problem]:
    """Remove and refuse keys that pydantic-settings would take for options of its own, such as ``_env_file``."""
    reserved = [key for key in values if key.startswith("_")]
    for key in reserved:
        del values[key]
    return [Problem(*locate((key,), of_key=True), f"unknown key “{key}”", "remove it") for key in reserved]


def _absent(directory: Path, file: str) -> Problem:
    if not directory.is_dir():
        advice = f"run: newsletter init {directory}"
        return Problem(str(directory), 0, 0, "there is no such configuration directory", advice)
    other = next((name for name in ("newsletter.yml", "config.yaml") if (directory / name).exists()), None)
    advice = f"rename {other} to {SETTINGS_NAME}" if other else f"run: newsletter init {directory}"
    return Problem(file, 0, 0, "the file is not there", advice)


def locate_in(document: Document, found: EnvironmentValues | None = None) -> Locate:
    """Return what finds places in a document, and in the variables that were laid over it."""
    names = found.names if found else {}

    def locate(location: Location, *, of_key: bool = False) -> tuple[str, int, int]:
        steps = tuple(str(step) for step in location)
        variable = next((names[steps[:length]] for length in range(len(steps), 0, -1) if steps[:length] in names), None)
        for length in (len(steps), len(steps) - 1):  # what is missing stands beside what a variable says
            if variable is None and length > 0 and document.node(location[:length]) is None:
                variable = next((name for path, name in names.items() if path[:length] == steps[:length]), None)
        if variable is not None:
            return place_of(variable), 0, 0
        mark = document.place(location, of_key=of_key)
        return document.file, mark.line, mark.column

    return locate


def anchored(section: Model, directory: Path) -> Model:
    """Return ``section`` with every path in it absolute, counted from ``directory``."""
    return section.model_copy(update={name: _anchor(value, directory) for name, value in section})


def _anchor(value: Any, directory: Path) -> Any:
    if isinstance(value, Path):
        return Path(os.path.normpath(directory / os.path.expanduser(value)))  # noqa: PTH111 (~nobody must not raise)
    if isinstance(value, BaseModel):
        return anchored(value, directory)
    if isinstance(value, dict):
        return {key: _anchor(item, directory) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_anchor(item, directory) for item in value)
    return value


def _with_database(settings: Settings, directory: Path, locate: Locate) -> tuple[Settings, list[Problem]]:
    """Return settings whose ``store.url`` names its driver and an absolute file, and what is wrong with it."""
    if settings.store.url is None:
        return settings, []
    try:
        url = database_url(settings.store.url.get_secret_value(), directory)
    except ValueError as error:
        return settings, [Problem(*locate(("store", "url")), str(error), "write it as postgresql://… or sqlite:///…")]
    store = settings.store.model_copy(update={"url": SecretStr(url)})
    return settings.model_copy(update={"store": store}), []


def database_url(text: str, directory: Path) -> str:
    """Return SQLAlchemy's form of a database address; ValueError when it is none. It is never repeated in a message."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise ValueError("store.url is not a database address")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        if not urlsplit(f"postgresql://{rest}").path.strip("/"):
            raise ValueError("store.url does not name a database")
        return f"postgresql+psycopg://{rest}"
    if scheme in ("sqlite", "sqlite+aiosqlite"):
        if not rest.startswith("/") or rest in ("/", "/:memory:"):
            raise ValueError("store.url does not name a file")
        return f"sqlite+aiosqlite:///{_anchor(Path(rest[1:]), directory)}"
    raise ValueError(f"store.url asks for “{scheme[:30]}”, and only PostgreSQL and SQLite are supported")


def _checks(settings: Settings, locate: Locate) -> list[Problem]:
    """Return what the values say only together, or together with the disk."""
    problems = (
        _check_relays(settings, locate)
        + check_admins(settings.admin, locate)
        + check_webhooks(settings.webhooks, locate)
    )
    if settings.web.secret is not None and len(settings.web.secret.get_secret_value()) < MINIMUM_LENGTH:
        message = f"web.secret is shorter than {MINIMUM_LENGTH} characters"
        problems.append(Problem(*locate(("web", "secret")), message, "use a random one, or leave it out"))
    if not settings.sources:
        message, advice = "there are no sources, so no paper will ever come", "add one under sources:"
        problems.append(Problem(*locate(("sources",)), message, advice, "warning"))
    if settings.templates_directory and not settings.templates_directory.is_dir():
        message = f"there is no directory {settings.templates_directory}"
        problems.append(Problem(*locate(("templates_directory",)), message, "make it, or leave the key out"))
    problems += _lost_to_weekly_readers(settings, locate)
    problems += _unusable_webhook(settings, locate) + _open_to_all(settings, locate) + _redirected(settings, locate)
    return problems + [
        found for name, source in settings.sources.items() for found in _check_source(name, source, locate)
    ]


def _relays_twice(settings: Settings, locate: Locate) -> list[Problem]:
    """Return a problem when one relay and several are given; to be asked before any value is replaced."""
    if not settings.mail.relays or "relay" not in settings.mail.model_fields_set:
        return []
    message, advice = "both mail.relay and mail.relays are given", "make mail.relay one of mail.relays, under a name"
    return [Problem(*locate(("mail", "relays"), of_key=True), message, advice)]


def _check_relays(settings: Settings, locate: Locate) -> list[Problem]:
    """Return what is wrong or unwise about the relays, alone and together."""
    mail, problems = settings.mail, []
    named: dict[tuple[str, ...], RelaySettings] = {("mail", "relays", name): each for name, each in mail.relays.items()}
    for path, relay in (named or {("mail", "relay"): mail.relay}).items():
        if relay.username and relay.tls == "none" and not is_loopback(relay.host):
            message = "without encryption no password is sent: only CRAM-MD5 can log in, where the server offers that"
            advice = "set tls to starttls or implicit"
            problems.append(Problem(*locate((*path, "tls")), message, advice, "warning"))
        if relay.ca_file and not relay.ca_file.is_file():
            problems.append(Problem(*locate((*path, "ca_file")), f"there is no file {relay.ca_file}"))
    if named and all(relay.domains for relay in mail.relays.values()):
        message = "each relay is for some domains only, so that nothing takes the mails to all others"
        problems.append(Problem(*locate(("mail", "relays"), of_key=True), message, "add a relay without domains"))
    return problems


def _lost_to_weekly_readers(settings: Settings, locate: Locate) -> list[Problem]:
    """Return a warning when papers go stale before a weekly digest, which anybody may have, can hold them."""
    days = settings.issue.staleness_days
    if days >= DAYS_IN_A_WEEK:
        return []
    message = f"whoever reads weekly never gets what comes more than {days} day{'s' * (days > 1)} before their digest"
    advice = f"set it to {DAYS_IN_A_WEEK} or more"
    return [Problem(*locate(("issue", "staleness_days")), message, advice, "warning")]


def _unusable_webhook(settings: Settings, locate: Locate) -> list[Problem]:
    """Return what is wrong with an address that came from a file, which no validator has seen."""
    url = settings.alerts.webhook_url
    if url is None or settings.alerts.webhook_url_file is None:
        return []
    try:
        check_webhook_url(url)
    except PydanticCustomError:
        message = "the file holds no web address"
        advice = "put the address alone into it, such as https://example.org/hook"
        return [Problem(*locate(("alerts", "webhook_url_file")), message, advice)]
    return []


def _open_to_all(settings: Settings, locate: Locate) -> list[Problem]:
    """Return what would show everybody the caught mails, which hold addresses and links that end subscriptions."""
    if not settings.mail.catcher.enabled:
        return []
    advice = "set mail.catcher.enabled to false and name a relay, or keep the pages on 127.0.0.1"
    message = "the mail catcher is enabled, and everybody who reaches the pages could read all mails"
    web = settings.web
    public = urlsplit(web.public_url).hostname if web.public_url else None
    exposed = {"host": not is_loopback(web.host), "public_url": public is not None and not is_loopback(public)}
    return [Problem(*locate(("web", key)), message, advice) for key, is_exposed in exposed.items() if is_exposed]


def _redirected(settings: Settings, locate: Locate) -> list[Problem]:
    """Return a loud warning while nobody gets the mail that is meant for them."""
    address = settings.mail.redirect_all_to
    if address is None:
        return []
    message = f"every mail goes to {address} alone, whoever it is meant for"
    return [Problem(*locate(("mail", "redirect_all_to")), message, "remove it when readers are to get mail", "warning")]


def _check_source(name: str, source: SourceSettings, locate: Locate) -> list[Problem]:
    """Return warnings about a source that will bring nothing as it stands."""
    problems = []
    if isinstance(source, FileSettings) and not source.path.exists():
        message = f"there is no file {source.path}"
        problems.append(Problem(*locate(("sources", name, "path")), message, "", "warning"))
    if isinstance(source, ArxivSettings):
        for index, category in enumerate(source.categories):
            advice = unknown_category_advice(category)
            if advice:
                place = locate(("sources", name, "categories", index))
                problems.append(Problem(*place, f"arXiv has no category “{category}”", advice, "warning"))
    return problems


def _keys(node: Node | None) -> list[str]:
    said = node.plain() if node else None
    return list(said) if isinstance(said, dict) else []


def _exposed(path: Path, document: Document) -> list[Problem]:
    """Return a warning when the settings file holds a secret and everybody may read it."""
    relays = document.node(("mail", "relays"))
    admins = document.node(("admin", "users"))
    endpoints = document.node(("webhooks", "endpoints"))
    secrets = (
        *(("mail", "relays", name, "password") for name in _keys(relays)),
        *(("admin", "users", name, "password_hash") for name in _keys(admins)),
        *(("webhooks", "endpoints", name, key) for name in _keys(endpoints) for key in SECRETS),
        ("mail", "relay", "password"),
        *(("mail", "dkim", "keys", index, "private_key") for index in range(MOST_KEYS)),
        ("web", "secret"),
        ("web", "metrics_token"),
        ("alerts", "webhook_url"),
        ("store", "url"),
    )
    for location in secrets:
        node = document.node(location)
        text = node.plain() if node else None
        if isinstance(text, str) and (location[0] != "store" or USER_WITH_PASSWORD.search(text)):
            mark = document.place(location)
            return exposure(path, (document.file, mark.line, mark.column))
    return []
