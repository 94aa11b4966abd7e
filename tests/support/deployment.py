"""A small newsletter with everything in it, for tests of what goes wrong: a feed of three papers, two readers, a relay.

Nothing of it is due later than at once, and each part can be replaced by a broken one.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
import time
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tests.support.command_line import Answer, CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T = TypeVar("T")

READERS = ("ada@example.org", "bob@example.org")
PAPERS = ("Diffusion models, examined", "A diffusion model for maps", "Faster diffusion models")
SETTINGS = """\
newsletter:
  name: The Morning Preprint
data_directory: ../data
store:
  busy_timeout_s: 0.2
mail:
  sender: digest@example.org
  relay:
    host: 127.0.0.1
    tls: {tls}
    port: {relay_port}
    timeout_s: 1
{relay_options}
web:
  port: {web_port}
deliver:
  first_retry_minutes: 0.001
{settings}
sources:
  samples:
    kind: file
    path: feed.xml
    redate: true
{sources}
"""
PROFILE = """\
title: Diffusion
keywords: [diffusion model]
subscribers:
"""


@dataclass
class Deployment:
    """A configuration in ``folder/config`` and its database in ``folder/data``; ``newsletter`` runs commands here."""

    folder: Path
    relay_port: int = 9
    web_port: int = 0
    tls: str = "none"
    relay_options: str = ""
    settings: str = ""
    sources: str = ""
    readers: tuple[str, ...] = READERS
    newsletter: CommandLine = field(init=False)

    def __post_init__(self) -> None:
        self.newsletter = CommandLine(self.directory)
        (self.directory / "profiles").mkdir(parents=True)
        self.data.mkdir()
        self.feed.write_text(feed_of(*PAPERS))
        self.profile.write_text(PROFILE + "".join(f"  - {address}\n" for address in self.readers))
        self.write()

    @property
    def directory(self) -> Path:
        return self.folder / "config"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def database(self) -> Path:
        return self.data / "newsletter.db"

    @property
    def feed(self) -> Path:
        return self.directory / "feed.xml"

    @property
    def profile(self) -> Path:
        return self.directory / "profiles" / "diffusion.yaml"

    @property
    def settings_file(self) -> Path:
        return self.directory / "newsletter.yaml"

    def write(self, **changes: str | int) -> None:
        """Write the settings file with these things changed."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.settings_file.write_text(
            SETTINGS.format(
                tls=self.tls,
                relay_port=self.relay_port,
                web_port=self.web_port,
                relay_options=self.relay_options,
                settings=self.settings,
                sources=self.sources,
            )
        )

    def done(self, *arguments: str) -> Answer:
        """Run a command that has to succeed."""
        answer = self.newsletter(*arguments)
        assert answer.code == 0, answer.err
        return answer

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Return what the database holds, read beside the program."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return connection.execute(query).fetchall()

    def deliver_until_accepted(self) -> None:
        """Deliver again and again, as the daemon would, until nothing is left to do."""
        for _ in range(40):
            self.done("deliver")
            if set(self.states()) == {"accepted"}:
                return
            time.sleep(0.02)
        raise AssertionError(self.states())

    def states(self) -> list[object]:
        """Return the state of every delivery."""
        return [row[0] for row in self.rows("SELECT state FROM deliveries ORDER BY id")]

    def contents(self) -> dict[str, list[tuple[object, ...]]]:
        """Return all rows of all tables, to be compared with what they were."""
        tables = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {str(name): sorted(self.rows(f'SELECT * FROM "{name}"'), key=repr) for (name,) in tables}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the database's write lock, as another program might."""
        with closing(sqlite3.connect(self.database, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")


def make_deployment(folder: Path, migrated_file: Path, relay_port: int = 9) -> Deployment:
    """Return a deployment whose database is made."""
    deployment = Deployment(folder, relay_port)
    shutil.copyfile(migrated_file, deployment.database)
    return deployment


def feed_of(*titles: str) -> str:
    """Return an RSS feed of these papers."""
    items = "".join(
        f"<item><title>{title}</title><link>https://example.org/{title.replace(' ', '-')}</link><guid>{title}</guid>"
        f"<description>What there is to say about it.</description>"
        f"<pubDate>Mon, 05 Jan 2026 0{number}:00:00 GMT</pubDate></item>"
        for number, title in enumerate(titles, start=1)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Papers</title>{items}</channel></rss>'


@contextmanager
def beside(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Run a server of ``tests.support`` in a thread of its own, while the test calls commands in this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
        asyncio.run_coroutine_threadsafe(settle(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def settle() -> None:
    """End what a server left under way, so that its connections are closed before their loop is."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.05)  # transports close in later turns of the loop, of which nothing tells the end
