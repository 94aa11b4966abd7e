"""The campaign: a newsletter is stopped at random moments while it sends, and each mail is held to account.

Real processes on a real configuration; each start is a new one. A process that is to be killed is stopped for the
moment in which its open connections are counted, so that what may come twice is known exactly.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import psutil
from sqlalchemy import create_engine, text

from newsletter.store.dialect import parse_address
from newsletter.store.sql import open_store
from tests.crash.newsletters import Newsletter
from tests.support.daemon import DaemonProcess
from tests.support.journal import JournalReader
from tests.support.smtp_server import mail_server
from tests.support.verdict import Cut, Promise, Verdict, judge, promises_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

LATEST = 0.97  # of all mails may be sent when the last stop comes
YOUNG = 0.1  # of the stops come at a random moment after the one before, start and take-over included
YOUNG_S = 2.5
PAUSE_S = 0.03
END_S = 300
LOOK_S = 0.2
COUNTING = text(
    "SELECT count(*), count(CASE WHEN state IN ('planned', 'sending', 'deferred') THEN 1 END) FROM deliveries"
)


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is done: ``stops`` times a random number of processes gets ``kind``, KILL or TERM.

    Those are one that does everything or, with ``workers``, so many of them and one that collects and plans.
    ``when_unknown`` is what the newsletter does with a mail that may have arrived.
    """

    mails: int
    stops: int
    workers: int = 0
    kind: signal.Signals = signal.SIGKILL
    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(10**6))
    when_unknown: str = "resend"

    @property
    def commands(self) -> list[tuple[str, ...]]:
        """The processes, each as what it is started with."""
        if not self.workers:
            return [("run",)]
        return [("run", "--roles", "schedule"), *[("worker",)] * self.workers]


@dataclass(frozen=True, slots=True)
class Moment:
    """When a stop comes: ``wait_s`` after so many mails are accepted."""

    mails: int
    wait_s: float


@dataclass(slots=True)
class Findings:
    """What a campaign came to."""

    campaign: Campaign
    verdict: Verdict
    cuts: list[Cut]
    seconds: float

    @property
    def most_doubled(self) -> int:
        """How many mails may have come twice: one for each connection that was open at a kill."""
        return sum(len(cut.ports) for cut in self.cuts)

    def broken(self) -> list[str]:
        """Return the promises that were broken."""
        broken = self.verdict.broken(most_doubled=self.most_doubled)
        if self.verdict.unexplained:
            broken.append(f"{self.verdict.unexplained} mails came twice, and no kill explains it")
        return broken


def moments(campaign: Campaign, chance: random.Random) -> Iterator[Moment]:
    """Give the moments of the stops, in order: most by how many mails are out, some by how young a process is."""
    spread = sorted(chance.sample(range(int(campaign.mails * LATEST)), campaign.stops))
    young = {0, *(number for number in range(campaign.stops) if chance.random() < YOUNG)}
    for number, mails in enumerate(spread):
        if number in young:
            yield Moment(0, chance.random() * YOUNG_S)
        else:
            yield Moment(mails, chance.random() * PAUSE_S)


@dataclass
class Fleet:
    """The processes of one newsletter."""

    newsletter: Newsletter
    campaign: Campaign
    chance: random.Random
    processes: list[DaemonProcess] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)

    def start(self) -> None:
        """Start all."""
        directory = self.newsletter.directory
        self.processes = [DaemonProcess(directory, command=command) for command in self.campaign.commands]
        for each in self.processes:
            each.start()

    def strike(self) -> None:
        """Stop some, all of them perhaps, and start them anew."""
        number = self.chance.randint(1, len(self.processes))
        struck = self.chance.sample(self.processes, number)
        for each in struck:
            if each.process.poll() is not None:
                raise AssertionError(f"it ended by itself:\n{each.said()[-3000:]}")
        if self.campaign.kind is signal.SIGKILL:
            self.cuts.append(kill([each.process for each in struck], self.newsletter.relay_port))
        else:
            self._ask_to_stop(struck)
        for each in struck:
            each.start()

    def stop(self) -> None:
        """Ask all to stop; AssertionError when one does not end well."""
        self._ask_to_stop(self.processes)

    def _ask_to_stop(self, struck: list[DaemonProcess]) -> None:
        for each in struck:
            each.signal(signal.SIGTERM)
        for each in struck:
            code = each.process.wait(END_S)
            said = each.said()
            # Before it has come to listen for signals it holds nothing, and ends at once.
            if code != 0 and not (code == -signal.SIGTERM and "daemon.started" not in said):
                raise AssertionError(f"it ended with {code}:\n{said[-3000:]}")

    def end(self) -> None:
        """End what still runs, however this came."""
        for each in self.processes:
            if each.process.poll() is None:
                each.process.kill()
            each.process.wait()


def kill(processes: list[subprocess.Popen[str]], relay_port: int) -> Cut:
    """Kill processes at one moment and return which connections to the relay they had open then."""
    at_s = time.monotonic()
    for each in processes:
        each.send_signal(signal.SIGSTOP)
    ports: set[int] = set()
    for each in processes:
        found = psutil.Process(each.pid)
        while found.status() != psutil.STATUS_STOPPED:
            time.sleep(0.0005)
        links = found.net_connections("tcp4")
        ports |= {link.laddr.port for link in links if getattr(link.raddr, "port", None) == relay_port}
    for each in processes:
        each.kill()
    for each in processes:
        each.wait()
    return Cut(at_s, frozenset(ports))


def run(
    campaign: Campaign, folder: Path, url: str | None = None, on_progress: Callable[[int, int], None] = lambda *_: None
) -> Findings:
    """Run a campaign in ``folder`` on the migrated or missing store at ``url`` (without one, SQLite) to its end.

    ``on_progress`` hears of mails accepted and of stops done.
    """
    began = time.monotonic()
    log = folder / "accepted.log"
    chance = random.Random(campaign.seed)  # noqa: S311 (no secret)
    with ExitStack() as stack:
        _, port = stack.enter_context(mail_server(log))
        deliver = {"first_retry_minutes": 0.001, "when_unknown": campaign.when_unknown, "lease_minutes": 0.1}
        newsletter = Newsletter(folder, port, url, deliver=deliver)
        newsletter.subscribe(campaign.mails)
        fleet = Fleet(newsletter, campaign, chance)
        stack.callback(fleet.end)
        reader = JournalReader(log)

        def tell(stops: int) -> None:
            on_progress(reader.count(), stops)

        fleet.start()
        for number, moment in enumerate(moments(campaign, chance)):
            _wait(fleet, partial(_has, reader, moment.mails), partial(tell, number))
            time.sleep(moment.wait_s)
            fleet.strike()
        watch = Watch(newsletter.store_url)
        stack.callback(watch.close)
        _wait(fleet, lambda: watch.is_over(campaign.mails), partial(tell, campaign.stops))
        fleet.stop()
        promises = asyncio.run(_promises(newsletter.store_url))
        adds_up = newsletter.adds_up()
    verdict = judge(promises, reader.read(), fleet.cuts, adds_up=adds_up)
    return Findings(campaign, verdict, fleet.cuts, time.monotonic() - began)


def _has(reader: JournalReader, mails: int) -> bool:
    return reader.count() >= mails


def _wait(fleet: Fleet, is_there: Callable[[], bool], on_progress: Callable[[], None]) -> None:
    """Wait for something; AssertionError when a process ends meanwhile, or nothing happens for too long."""
    until = time.monotonic() + END_S
    while not is_there():
        for each in fleet.processes:
            if each.process.poll() is not None:
                raise AssertionError(f"it ended by itself:\n{each.said()[-3000:]}")
        if time.monotonic() > until:
            raise AssertionError(f"it did not come to its end:\n{fleet.processes[0].said()[-3000:]}")
        on_progress()
        time.sleep(0.002)


class Watch:
    """Looks into a store beside the program."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(parse_address(url).url)
        self._asked_s = 0.0

    def is_over(self, mails: int) -> bool:
        """Whether so many mails are planned and nothing more will happen to any; asked at most five times a second."""
        if time.monotonic() - self._asked_s < LOOK_S:
            return False
        self._asked_s = time.monotonic()
        with self._engine.connect() as connection:
            planned, waiting = connection.execute(COUNTING).one()
        return bool(planned == mails and waiting == 0)

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()


async def _promises(url: str) -> list[Promise]:
    store = open_store(url)
    try:
        return await promises_of(store)
    finally:
        await store.aclose()
