"""A trial: a newsletter whose mails are all planned, its mail server, and a clock; something fails while it sends.

Everything is the program's own, made from a real configuration by its wiring; the parts only live in this process, so
that a trial takes as long as it sends. The clock is put forward to whatever is due next.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import newsletter.wiring.parts
from newsletter.core.deliveries import OPEN
from newsletter.errors import NewsletterError
from newsletter.model import Consent, Origin
from newsletter.service.collect import collect
from newsletter.store.migrate import migrate
from newsletter.wiring.application import Application, open_application
from newsletter.wiring.parts import Parts, build_parts
from tests.crash.newsletters import Newsletter, reader
from tests.support.deliveries import draft, empty_store
from tests.support.journal import JournalReader
from tests.support.smtp_server import ROOT, Script, SmtpServer
from tests.support.verdict import Verdict, judge, promises_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from tests.support.databases import PostgresServer
    from tests.support.disks import Disk

END_S = 120
CERTIFICATES = ROOT / "tests" / "support" / "tls"
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})
STEP = timedelta(minutes=5)  # what is due within it is sent in one run
TICK = timedelta(minutes=1)  # four of the daemon's
PATIENCE_S = 0.3
SHORT = dict.fromkeys(("connect_timeout_s", "timeout_s", "final_timeout_s"), PATIENCE_S)


@dataclass(slots=True)
class Clock:
    """The machine's wall clock, which may be put forward or back; monotonic ones do not notice."""

    offset: timedelta = timedelta()

    def now(self) -> datetime:
        """Return what it shows."""
        return datetime.now(UTC) + self.offset

    def step(self, by: timedelta) -> None:
        """Put it forward, or back."""
        self.offset += by

    def reach(self, moment: datetime) -> None:
        """Put it forward to ``moment``, unless that is past."""
        self.step(max(moment - self.now(), timedelta()))


@dataclass(slots=True)
class ClockedApplication(Application):
    """An application that looks at the trial's clock."""

    clock: Clock = field(default_factory=Clock)

    def now(self) -> datetime:
        """Return what the trial's clock shows."""
        return self.clock.now()


@dataclass(slots=True)
class Sender:
    """A process of the program, as far as its sending goes."""

    application: ClockedApplication
    parts: Parts
    faults: list[str] = field(default_factory=list)  # of the store, in words

    async def deliver(self) -> None:
        """Send what is due and what becomes due, as the daemon does; AssertionError when it gets no further."""
        latest = time.monotonic() + END_S
        while not await self._is_done():
            assert time.monotonic() < latest, f"it did not come to its end; {self.faults[-3:]}"
            try:
                async with asyncio.timeout(END_S):
                    counts = await self.parts.deliverer.deliver_due()
                assert counts.is_closed
                if counts.planned:
                    latest = time.monotonic() + END_S
                if not counts.accepted:  # what can go just now waits for the next tick, as it would in the daemon
                    self.application.clock.step(TICK)
            except NewsletterError as error:
                self.faults.append(str(error))
                await asyncio.sleep(0.05)

    async def _is_done(self) -> bool:
        """Look for what is due next and put the clock forward to it."""
        store = self.application.store
        try:
            if not OPEN & (await store.count_deliveries()).keys():
                return True
            due = await store.next_due_at()
        except NewsletterError as error:
            self.faults.append(str(error))
            return False
        if due is not None and due > self.application.now():
            self.application.clock.reach(due + STEP)
        return False


@dataclass(slots=True)
class Trial:
    """What a fault may play with."""

    folder: Path
    newsletter: Newsletter
    server: SmtpServer
    readers: int
    chance: random.Random
    stack: AsyncExitStack
    disk: Disk | None = None
    postgres: PostgresServer | None = None
    senders: list[Sender] = field(default_factory=list)

    @property
    def script(self) -> Script:
        """What the mail server says."""
        return self.server.script

    @property
    def clock(self) -> Clock:
        """The first sender's clock."""
        return self.senders[0].application.clock

    @property
    def journal(self) -> Path:
        """What the mail server accepted."""
        return self.folder / "accepted.log"

    @property
    def addresses(self) -> list[str]:
        """The readers."""
        return [reader(number) for number in range(self.readers)]

    async def add_sender(self, clock: Clock | None = None) -> Sender:
        """Let one more send, as a process of its own would, under leases of its own."""
        opened = await self.stack.enter_async_context(open_application(self.newsletter.directory))
        values = {each.name: getattr(opened, each.name) for each in fields(Application)}
        application = ClockedApplication(**values, clock=clock or Clock())
        with patch.object(newsletter.wiring.parts, "OWNER", f"sender-{len(self.senders)}"):
            parts = build_parts(application)
        self.stack.push_async_callback(parts.aclose)
        sender = Sender(application, parts)
        self.senders.append(sender)
        return sender

    async def deliver(self) -> None:
        """Send everything, to the end."""
        await asyncio.gather(*(sender.deliver() for sender in self.senders))

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        """Send everything while the context does its work, and wait for the end of both."""
        sending = asyncio.create_task(self.deliver())
        try:
            yield
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def attempts(self) -> int:
        """Return how many attempts the ledger holds."""
        found = await self.senders[0].application.store.list_deliveries(limit=self.readers)
        return sum(each.attempts for each in found)

    async def failures(self, accepted: int) -> int:
        """Return how many attempts did not end with one of the ``accepted``, and how often the store failed."""
        return await self.attempts() - accepted + sum(len(sender.faults) for sender in self.senders)

    async def tried(self, attempts: int) -> None:
        """Wait until the ledger holds so many attempts."""
        latest = time.monotonic() + END_S
        while await self.attempts() < attempts:
            assert time.monotonic() < latest, "nothing was tried"
            await asyncio.sleep(0.02)

    async def taken(self, share: float) -> None:
        """Wait until the mail server has taken this share of the mails."""
        reader = JournalReader(self.journal)
        await until(lambda: reader.count() >= share * self.readers)

    async def all_taken(self) -> None:
        """Wait until the mail server has taken each mail, which a relay may have kept for a while."""
        reader = JournalReader(self.journal)
        await until(lambda: len({each.message_id for each in reader.read()}) >= self.readers)

    async def verdict(self) -> Verdict:
        """Hold the ledger against what the server took, and the report against the ledger."""
        store = self.senders[0].application.store
        first = datetime(2000, 1, 1, tzinfo=UTC).date()
        sums = await store.issue_sums(first)
        flaws = await store.inconsistencies(first)
        acceptances = JournalReader(self.journal).read()
        adds_up = all(issue.is_closed for issue in sums) and not flaws
        return judge(await promises_of(store), acceptances, adds_up=adds_up)


@asynccontextmanager
async def begin(
    folder: Path,
    readers: int,
    url: str | None = None,
    *,
    relay: Mapping[str, Any] = SHORT,
    deliver: Mapping[str, Any] = NO_OPTIONS,
    store: Mapping[str, Any] = NO_OPTIONS,
    seed: int | None = None,
) -> AsyncIterator[Trial]:
    """Plan a mail for each of ``readers`` on the store at ``url`` (without one, SQLite in ``folder``)."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(SmtpServer(log=folder / "accepted.log", context=_context()))
        newsletter = Newsletter(folder, server.port, url, relay, deliver, store)
        (folder / "data").mkdir(exist_ok=True)
        if url is None:
            (folder / "data" / "newsletter.db").write_bytes(empty_store())
        else:
            migrate(url)
        trial = Trial(folder, newsletter, server, readers, random.Random(seed), stack)  # noqa: S311 (no secret)
        server.script.chance = trial.chance
        await _plan(await trial.add_sender(), readers)
        yield trial


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something; AssertionError when it does not happen."""
    latest = time.monotonic() + END_S
    while not condition():
        assert time.monotonic() < latest, "it did not happen in time"
        await asyncio.sleep(0.002)


def _context() -> ssl.SSLContext:
    """Return what the mail server proves itself with, should somebody ask for TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / "loopback.pem")
    return context


async def _plan(sender: Sender, readers: int) -> None:
    application, now = sender.application, sender.application.now()
    drafts = [replace(draft(reader(number)), profiles=("diffusion",)) for number in range(readers)]
    await application.store.apply_drafts(drafts, Consent("trial", now), Origin.STORE, now)
    await collect(application.store, sender.parts.sources, application.now, force=True)
    report = await sender.parts.issuer.issue(application.now())
    assert report.planned == readers
