"""kill -9 in the middle of a delivery of 1,000 mails, several times over: nothing lost, next to nothing doubled."""

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.model import DeliveryState
from newsletter.store.sql import open_store
from tests.support.deliver import CONNECTIONS
from tests.support.deliveries import make_store, plan, store_url

ROOT = Path(__file__).resolve().parent.parent.parent
MAILS = 1000
KILLS = 5


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The Message-IDs that the server accepted, each written to disk before the client hears of it."""
    return tmp_path / "accepted.log"


@pytest.fixture
def port(log: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.support.smtp_server", "--log", str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


def accepted(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.support.deliver", store_url(folder), str(port)], cwd=ROOT)


async def planned_store(folder: Path) -> None:
    store = make_store(folder)
    await plan(store, MAILS, digests=3)
    await store.aclose()


async def ledger(folder: Path) -> dict[DeliveryState, int]:
    store = open_store(store_url(folder))
    counts = await store.count_deliveries()
    await store.aclose()
    return dict(counts)


def test_killed_at_random_moments_nothing_is_lost(tmp_path: Path, log: Path, port: int) -> None:
    asyncio.run(planned_store(tmp_path))
    moments = sorted(random.sample(range(1, MAILS - 50), KILLS))
    kills = 0
    for moment in moments:
        child = start(tmp_path, port)
        while len(accepted(log)) < moment and child.poll() is None:
            time.sleep(0.002)
        if child.poll() is None:
            child.kill()
            kills += 1
        child.wait()
    assert start(tmp_path, port).wait(60) == 0
    times = Counter(accepted(log))
    doubled = sum(count - 1 for count in times.values())
    assert kills == KILLS
    assert (
        len(times) == MAILS
    )  # a line is Message-ID and recipient: nobody was left out, and none got two different ones
    assert len({line.split()[0] for line in times}) == MAILS
    assert doubled <= kills * CONNECTIONS
    assert asyncio.run(ledger(tmp_path)) == {DeliveryState.ACCEPTED: MAILS}
