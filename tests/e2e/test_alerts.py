"""A whole daemon that tells its operator, by a webhook and by mail, once when something stays wrong and once after."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from newsletter.daemon import Daemon
from newsletter.wiring.application import Application, open_application
from tests.support.daemon import ROOT
from tests.support.feed_server import FeedServer, Reply, running_feed_server
from tests.support.smtp_server import Script, SmtpServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

FEED = (ROOT / "config" / "samples" / "arxiv-sample.xml").read_bytes()
OTHERS = [f"reader{number}@example.org" for number in range(12)]  # more than the relay has connections


@dataclass
class Clock:
    """The daemon's clock, which can be put forward."""

    ahead: timedelta = timedelta()

    def forward(self, **length: float) -> None:
        self.ahead += timedelta(**length)


@dataclass
class World:
    """A newsletter whose relay and webhook are servers on loopback."""

    directory: Path
    relay: SmtpServer
    web: FeedServer
    posted: list[dict[str, Any]] = field(default_factory=list)

    def by_webhook(self, condition: str) -> list[str]:
        """Return what was told of a condition, in order: ``wrong`` or ``over``."""
        return [each["state"] for post in self.posted for each in post["alerts"] if each["condition"] == condition]

    def by_mail(self, words: str) -> int:
        """Return how many of the operator's mails have these words."""
        mails = [mail for mail in self.relay.received if mail.recipient == "operator@example.org"]
        return sum(words in " ".join(mail.content.decode().replace("=\r\n", "").split()) for mail in mails)

    @property
    def database(self) -> Path:
        return self.directory.parent / "data" / "newsletter.db"


SETTINGS = """\
newsletter:
  name: The Morning Preprint
  contact: operator@example.org
data_directory: ../data
mail:
  sender: digest@example.org
  relay: {{host: 127.0.0.1, port: {port}, tls: none, timeout_s: 2, connect_timeout_s: 2}}
web: {{port: 0}}
defaults: {{zone: UTC, send_at: "00:00"}}
collect: {{allow_private_addresses: true}}
sources:
  samples: {{kind: file, path: samples/arxiv-sample.xml}}
  feed: {{kind: feed, url: "{feed}", interval_minutes: 1}}
alerts:
  mail: operator@example.org
  webhook_url: {hook}
  after_minutes: 0
  source_after_minutes: 30
  queue_minutes: 60
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(Application, "now", lambda _: datetime.now(UTC) + clock.ahead)
    return clock


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    directory = tmp_path / "config"
    shutil.copytree(ROOT / "config" / "profiles", directory / "profiles")
    shutil.copytree(ROOT / "config" / "samples", directory / "samples")
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(SmtpServer())
        web = await stack.enter_async_context(running_feed_server())
        world = World(directory, relay, web)
        hook = await stack.enter_async_context(listening(world.posted))
        feed = web.play("/feed", Reply(200, FEED))
        profile = {"title": "Others", "keywords": ["robot"], "subscribers": OTHERS}
        (directory / "profiles" / "others.yaml").write_text(json.dumps(profile))
        (directory / "newsletter.yaml").write_text(SETTINGS.format(port=relay.port, feed=feed, hook=hook))
        yield world


@asynccontextmanager
async def listening(posted: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Note each document that is posted, and yield where to."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)content-length: (\d+)", head)
        assert length is not None
        posted.append(json.loads(await reader.readexactly(int(length[1]))))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"


@asynccontextmanager
async def running(world: World) -> AsyncIterator[Daemon]:
    """Run a daemon that ticks fast, in this process."""
    async with open_application(world.directory) as application:
        daemon = Daemon(application, tick_s=0.05)
        task = asyncio.create_task(daemon.run())
        try:
            yield daemon
        finally:
            daemon.stopping.set()
            await task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (what is waited for is said by a daemon)
            await asyncio.sleep(0.02)


async def in_time(clock: Clock, condition: Callable[[], object]) -> None:
    """Let minutes go by until something is so."""
    async with asyncio.timeout(60):
        while not condition():
            clock.forward(minutes=1)
            await asyncio.sleep(0.1)


async def tamper(world: World, statement: str) -> None:
    """Change the store past the daemon, which goes on meanwhile."""

    def change() -> None:
        with closing(sqlite3.connect(world.database, timeout=30)) as database, database:
            database.execute(statement)

    await asyncio.to_thread(change)


async def some_ticks() -> None:
    """Let a daemon look around several times, in which it might tell something again."""
    await asyncio.sleep(0.5)


def readers_mails(world: World) -> list[str]:
    return [mail.recipient for mail in world.relay.received if mail.recipient != "operator@example.org"]


async def test_a_tampered_store_is_told_once_and_once_when_it_is_mended(world: World, clock: Clock) -> None:
    said = "does not close"
    async with running(world) as daemon:
        await until(lambda: readers_mails(world))
        await until(lambda: daemon.health()["ok"])
        await tamper(world, "UPDATE issues SET planned = planned + 1")
        clock.forward(minutes=5, seconds=1)  # sums are added up every five minutes
        await until(lambda: world.by_webhook("sums") and world.by_mail(said))
        assert "1 missing" in str(daemon.health()["sums_fault"])
        clock.forward(minutes=6)
        await some_ticks()
    async with running(world) as daemon:  # a restart repeats nothing
        await until(lambda: daemon.health()["sums_fault"])
        await some_ticks()
        assert (world.by_webhook("sums"), world.by_mail(said)) == (["wrong"], 1)
        await tamper(world, "UPDATE issues SET planned = planned - 1")
        clock.forward(minutes=5, seconds=1)
        await until(lambda: not daemon.health()["sums_fault"])
        await some_ticks()
        assert world.by_webhook("sums") == ["wrong"]  # it may come again
        clock.forward(minutes=5, seconds=1)
        await until(lambda: world.by_webhook("sums") == ["wrong", "over"] and world.by_mail(said) == 2)
        clock.forward(minutes=30)
        await some_ticks()
    assert (world.by_webhook("sums"), world.by_mail(said)) == (["wrong", "over"], 2)


async def test_a_source_that_is_down_is_told_once_and_once_when_it_is_back(world: World, clock: Clock) -> None:
    said = "the source feed cannot be read"
    world.web.play("/feed", Reply(500, b"broken"))
    async with running(world) as daemon:
        await until(lambda: daemon.health()["ok"])
        await some_ticks()
        assert world.by_webhook("source:feed") == []  # it may pass
        clock.forward(minutes=31)
        await until(lambda: world.by_webhook("source:feed") == ["wrong"] and world.by_mail(said) == 1)
        clock.forward(hours=1)
        await some_ticks()
        assert (world.by_webhook("source:feed"), world.by_mail(said)) == (["wrong"], 1)
        world.web.play("/feed", Reply(200, FEED))
        await in_time(clock, lambda: world.by_webhook("source:feed") == ["wrong", "over"] and world.by_mail(said) == 2)
        await some_ticks()
    assert (world.by_webhook("source:feed"), world.by_mail(said)) == (["wrong", "over"], 2)


async def test_a_queue_that_ages_is_told_by_the_way_that_works(world: World, clock: Clock) -> None:
    world.relay.script = Script(always={"connect": "421 4.3.2 not now"})
    async with running(world) as daemon:
        await until(lambda: daemon.health()["ok"])
        await until(lambda: world.by_webhook("relay:relay") == ["wrong"])
        assert world.by_webhook("queue") == []
        clock.forward(minutes=61)
        await until(lambda: world.by_webhook("queue") == ["wrong"])
        await some_ticks()
        assert world.by_webhook("queue") == ["wrong"]
        assert world.relay.received == []
        world.relay.script = Script()
        await in_time(clock, lambda: set(readers_mails(world)) >= set(OTHERS))
        await in_time(clock, lambda: world.by_webhook("queue") == ["wrong", "over"])
        await in_time(clock, lambda: world.by_webhook("relay:relay") == ["wrong", "over"])
        await some_ticks()
    assert world.by_webhook("queue") == ["wrong", "over"]
