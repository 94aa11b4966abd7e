"""Processes that do a part each, on one PostgreSQL: who plans wakes who sends, and SQLite refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.e2e.test_postgresql import accepted, point_at, wait_for_mails
from tests.support.command_line import CommandLine
from tests.support.daemon import ROOT, DaemonProcess, run_command
from tests.support.databases import postgres, postgres_url
from tests.support.documents import take_off_the_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["postgres", "postgres_url"]

WORKERS = 4
READERS = 1000  # several batches of deliveries, so that each worker has one
WITH_PORT = r"Health and figures are at (http://127\.0\.0\.1:\d+)"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Message-ID and recipient of each mail that the server accepted."""
    return tmp_path / "accepted.log"


@pytest.fixture
def relay_port(log: Path) -> Iterator[int]:
    """The port of a mail server that takes its time, so that several workers find work at the same time."""
    script = json.dumps({"delay_s": 0.02})
    command = [sys.executable, "-m", "tests.support.smtp_server", "--log", str(log), "--script", script]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


@pytest.fixture
def directory(tmp_path: Path, postgres_url: str, relay_port: int) -> Path:
    """A configuration on PostgreSQL with many readers."""
    made = tmp_path / "config"
    assert CommandLine(made)("init", str(made)).code == 0
    take_off_the_network(made)
    point_at(made, postgres_url, relay_port)
    rows = "".join(f"reader{number}@example.org,language-models\n" for number in range(READERS))
    (tmp_path / "readers.csv").write_text("address,profiles\n" + rows)
    added = CommandLine(made)("subscribers", "import", str(tmp_path / "readers.csv"), "--yes")
    assert added.code == 0, added.err
    return made


def test_who_plans_wakes_who_sends_and_each_tells_of_itself(directory: Path, log: Path) -> None:
    with DaemonProcess(directory, command=("worker", "--port", "0")) as worker:
        url = worker.wait_for(WITH_PORT)[1]
        worker.wait_for("daemon.started")
        with DaemonProcess(directory, command=("run", "--roles", "schedule, web")) as scheduler:
            wait_for_mails(log, READERS + 1)
            pages = scheduler.wait_for(r"The pages are at (http://127\.0\.0\.1:\d+)")[1]
            assert roles(pages) == {"schedule": 1, "web": 1, "worker": 0}
            assert scheduler.stop() == 0
        assert roles(url) == {"schedule": 0, "web": 0, "worker": 1}
        health = httpx2.get(f"{url}/healthz", timeout=10)
        assert (health.status_code, health.json()["roles"]) == (200, ["worker"])
        assert health.json()["sealed"] is False
        assert CommandLine(directory)("pause", "--reason", "an office move").code == 0
        wait_for_health(url, "pauses", "an office move")
        assert httpx2.get(f"{url}/readyz", timeout=10).json() == {"ready": True, "reasons": []}
        assert httpx2.get(f"{url}/unsubscribe/x", timeout=10).status_code == 404
        assert worker.stop() == 0
        assert "collect" not in worker.said()
    assert len({line.split()[1] for line in accepted(log)}) == len(accepted(log)) == READERS + 1


def wait_for_health(url: str, key: str, words: str) -> None:
    deadline = time.monotonic() + 90
    while words not in str(httpx2.get(f"{url}/healthz", timeout=10).json()[key]):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def roles(url: str) -> dict[str, int]:
    lines = [line for line in httpx2.get(f"{url}/metrics", timeout=10).text.splitlines() if "newsletter_role{" in line]
    return {line.split('"')[1]: round(float(line.split()[-1])) for line in lines}


def test_four_workers_told_to_stop_in_the_middle_send_nothing_twice(directory: Path, log: Path) -> None:
    assert CommandLine(directory)("collect").code == 0
    workers = [DaemonProcess(directory, command=("worker",)) for _ in range(WORKERS)]
    for worker in workers:
        worker.__enter__()
    try:
        for worker in workers:
            worker.wait_for("daemon.started")
        assert CommandLine(directory)("issue").code == 0
        wait_for_mails(log, READERS // 4)
        for worker in workers:
            worker.signal(signal.SIGTERM)
        assert [worker.process.wait(40) for worker in workers] == [0] * WORKERS
        for worker in workers:
            assert "Traceback" not in worker.said()
            assert "cut_short" not in worker.said()
    finally:
        for worker in workers:
            worker.__exit__()
    assert READERS // 4 <= len(accepted(log)) < READERS
    states = json.loads(run_command(directory, "status", "--json").stdout)["deliveries"]
    assert states == {"accepted": len(accepted(log)), "planned": READERS + 1 - len(accepted(log))}
    assert run_command(directory, "deliver").returncode == 0
    times = Counter(line.split()[1] for line in accepted(log))
    assert len(times) == READERS + 1
    assert set(times.values()) == {1}


def test_sqlite_refuses_a_part_with_a_clear_line(tmp_path: Path) -> None:
    made = tmp_path / "config"
    assert CommandLine(made)("init", str(made)).code == 0
    for words in (("worker",), ("run", "--roles", "schedule,web")):
        answer = CommandLine(made)(*words)
        assert answer.code == 2
        assert "--roles: on SQLite one process does everything" in answer.err
        assert "newsletter move-store" in answer.err
    wrong = CommandLine(made)("run", "--roles", "sender")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "there is no role “sender”" in wrong.err
    assert CommandLine(made)("run", "--roles", " , ").code == 2
