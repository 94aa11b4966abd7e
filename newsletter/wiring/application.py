"""An open configuration with its store; and the only reader of the clock."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

import newsletter
from newsletter.core.links import Links
from newsletter.errors import ConfigurationError
from newsletter.mail.catcher import Catcher
from newsletter.model import ALL_ROLES, Problem, Role
from newsletter.service.status import missing_profile, missing_profiles
from newsletter.settings.load import Configuration, load_configuration
from newsletter.settings.secrets import link_secret
from newsletter.store.lock import hold_store
from newsletter.store.migrate import check_version, is_empty, migrate
from newsletter.store.sql import SqlStore, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AsyncExitStack
    from pathlib import Path

    from newsletter.model import Profile
    from newsletter.settings.models import Settings

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Application:
    """A configuration and its store, open; what every command and the daemon begin with."""

    configuration: Configuration
    store: SqlStore
    links: Links
    catcher_port: int | None = None
    configuration_fault: str = ""
    version: str = field(default=newsletter.__version__)

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        return datetime.now(UTC)

    def adopt(self, configuration: Configuration) -> None:
        """Put a new configuration in force; what only a restart can change keeps its old value, and says so."""
        old, new = self.configuration.settings, configuration.settings
        for name, before, after in (
            ("store", (old.database_url, old.store), (new.database_url, new.store)),
            ("web", old.web, new.web),
            ("mail.catcher", old.mail.catcher, new.mail.catcher),
        ):
            if before != after:
                logger.warning("configuration.needs_restart", setting=name)
        self.configuration = configuration
        self.configuration_fault = ""

    async def sync_subscribers(self) -> tuple[int, int, int, int]:
        """Bring the subscribers that profile files name into the store; return added, changed, unchanged, removed.

        Profiles that subscribers take and that are not there are warned of.
        """
        counts = await self.store.sync_file_subscribers(self.configuration.file_subscribers, self.now())
        if counts[0] or counts[1] or counts[3]:
            logger.info("subscribers.synced", added=counts[0], changed=counts[1], left=counts[3])
        for name, readers in (await missing_profiles(self.store, self.profiles)).items():
            logger.warning("subscribers.profile_missing", profile=name, problem=missing_profile(name, readers))
        return counts

    @property
    def maildir(self) -> Path:
        """Where the mail catcher keeps what it caught."""
        return self.configuration.settings.data_directory / "mails"

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """The profiles by name."""
        return {profile.name: profile for profile in self.configuration.profiles}


@asynccontextmanager
async def open_application(directory: Path, *, create: bool = True) -> AsyncIterator[Application]:
    """Open the configuration in ``directory`` and its store.

    A database that is not there yet is made (unless ``create`` is false). Raises ConfigurationError with every problem,
    StoreVersionError when the schema is not this program's.
    """
    configuration = load_configuration(directory)
    settings = configuration.settings
    make_data_directory(settings.data_directory)
    url, busy_timeout_s = settings.database_url, settings.store.busy_timeout_s
    if create:
        await prepare_database(url, busy_timeout_s)
    secret = link_secret(settings)
    store = open_store(url, busy_timeout_s, secret)
    try:
        application = Application(configuration, store, links_of(settings, secret))
        yield application
    finally:
        await store.aclose()


def links_of(settings: Settings, secret: str) -> Links:
    """Return what makes and reads the links of this installation."""
    return Links(secret, settings.web.base_url, settings.signup.confirm_within)


def make_data_directory(path: Path) -> None:
    """Make the data directory where there is none; ConfigurationError when that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the data directory cannot be made: {error.strerror}"
        advice = "name another as data_directory, or give this user the right to write there"
        raise ConfigurationError([Problem(str(path), 0, 0, message, advice)]) from error


async def prepare_database(url: str, busy_timeout_s: float) -> None:
    """Make the schema where there is none yet, and check it where there is one."""
    if await asyncio.to_thread(is_empty, url, busy_timeout_s):
        await asyncio.to_thread(migrate, url, busy_timeout_s)
    await asyncio.to_thread(check_version, url, busy_timeout_s)


@asynccontextmanager
async def exclusive(application: Application) -> AsyncIterator[None]:
    """Hold the store as its only sender; StoreLockedError, with the process that holds it, when there is another.

    On SQLite one process sends; PostgreSQL keeps several apart by itself.
    """
    with hold_store(application.configuration.settings.database_url, application.now()):
        yield


def check_roles(application: Application, roles: frozenset[Role]) -> None:
    """Raise ConfigurationError when the store cannot be shared by processes of different roles."""
    if roles != ALL_ROLES and application.store.database.is_sqlite:
        message = "on SQLite one process does everything, and holds the store"
        advice = "use `newsletter run`, or move to PostgreSQL with `newsletter move-store`"
        raise ConfigurationError([Problem("--roles", 0, 0, message, advice)])


async def start_catcher(application: Application, stack: AsyncExitStack) -> None:
    """Start the mail catcher, where it is enabled, until ``stack`` unwinds; the relay is then the port it got."""
    settings = application.configuration.settings.mail.catcher
    if not settings.enabled:
        return
    catcher = Catcher("127.0.0.1", settings.port, application.maildir)
    await catcher.start()
    stack.push_async_callback(catcher.aclose)
    application.catcher_port = catcher.port
