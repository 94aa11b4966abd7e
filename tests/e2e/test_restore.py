"""The rehearsal: a backup under a live daemon that is sending, restored on another machine, and on PostgreSQL."""

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
import yaml

from newsletter.core.links import Links
from newsletter.settings.load import load_configuration
from newsletter.settings.secrets import link_secret
from tests.support.command_line import CommandLine
from tests.support.daemon import ROOT, DaemonProcess
from tests.support.databases import empty_postgres_url, postgres
from tests.support.documents import take_off_the_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["empty_postgres_url", "postgres"]

READERS = 150


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Message-ID and recipient of each mail that the server accepted."""
    return tmp_path / "accepted.log"


@pytest.fixture
def relay_port(log: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.support.smtp_server", "--log", str(log), "--script", '{"delay_s": 0.05}']
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


def configure(directory: Path, relay_port: int, url: str = "") -> CommandLine:
    line = CommandLine(directory)
    assert line("init", str(directory)).code == 0
    take_off_the_network(directory)
    path = directory / "newsletter.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["mail"]["catcher"]["enabled"] = False
    settings["mail"]["relay"] = {"host": "127.0.0.1", "port": relay_port, "tls": "none"}
    settings["web"]["port"] = 0
    if url:
        settings["store"] = {"url": url}
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    path.chmod(0o600)
    return line


def add_readers(line: CommandLine, tmp_path: Path) -> None:
    rows = "".join(f"reader{number}@example.org,language-models\n" for number in range(READERS))
    (tmp_path / "readers.csv").write_text("address,profiles\n" + rows)
    assert line("subscribers", "import", str(tmp_path / "readers.csv"), "--yes").code == 0


def accepted(log: Path) -> list[str]:
    """Return Message-ID and recipient of each mail, in the order of their acceptance."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [" ".join(line.split()[:2]) for line in lines]


def wait_for_mails(log: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(accepted(log)) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(accepted(log)) >= count


def run_until_all_is_sent(line: CommandLine) -> None:
    """Let a daemon go through its line, and send what there is to send."""
    with DaemonProcess(line.directory) as daemon:
        url = daemon.wait_for(r"The pages are at (http://127.0.0.1:\d+)")[1]
        deadline = time.monotonic() + 60
        while httpx2.get(f"{url}/healthz").status_code != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        while json.loads(line("status", "--json").out)["deliveries"].keys() != {"accepted"}:
            assert time.monotonic() < deadline, line("status").out
            time.sleep(0.1)
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.said()


def test_a_backup_under_a_daemon_that_sends_is_a_whole_installation(tmp_path: Path, relay_port: int, log: Path) -> None:
    line = configure(tmp_path / "old", relay_port)
    add_readers(line, tmp_path)
    during, after = str(tmp_path / "during.zip"), str(tmp_path / "after.zip")
    with DaemonProcess(line.directory) as daemon:
        wait_for_mails(log, READERS // 4)
        taken = line("backup", during)
        assert taken.code == 0, taken.err
        wait_for_mails(log, READERS + 1)
        daemon.signal(signal.SIGTERM)
        assert daemon.process.wait(40) == 0
    assert line("backup", after).code == 0
    secret = link_secret(load_configuration(line.directory).settings)
    link = Links(secret, "").unsubscribe_url(7)

    new = configure(tmp_path / "new", relay_port)
    assert new("restore", after).code == 0
    before = json.loads(new("deliveries", "list", "--limit", "1000", "--json").out)
    assert before == json.loads(line("deliveries", "list", "--limit", "1000", "--json").out)
    with DaemonProcess(new.directory) as daemon:
        url = daemon.wait_for(r"The pages are at (http://127.0.0.1:\d+)")[1]
        answer = httpx2.post(url + link, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        daemon.wait_for("unsubscribe.done")
        assert daemon.stop() == 0
    assert len(accepted(log)) == READERS + 1  # nothing was sent twice
    assert json.loads(new("status", "--json").out)["subscribers"] == {"active": READERS, "unsubscribed": 1}

    middle = configure(tmp_path / "middle", relay_port)
    restored = middle("restore", during, "--json")
    assert restored.code == 0, restored.err
    assert middle("deliver").code == 5  # the one that it came from may have sent these meanwhile
    assert len(accepted(log)) == READERS + 1
    assert middle("unseal", "--yes").code == 0
    run_until_all_is_sent(middle)
    assert len(accepted(log)) == READERS + 1 + restored.json["waiting"]
    times = Counter(line.split()[1] for line in accepted(log))
    # Who had mail that the backup does not know of gets it again, and nobody twice from the restored store.
    assert max(times.values()) <= 2
    assert len(set(accepted(log))) == READERS + 1  # each doubled mail has the Message-ID that it had


def test_a_live_installation_moves_to_postgresql_and_back(
    tmp_path: Path, relay_port: int, log: Path, empty_postgres_url: str
) -> None:
    line = configure(tmp_path / "old", relay_port)
    add_readers(line, tmp_path)
    with DaemonProcess(line.directory) as daemon:
        wait_for_mails(log, READERS // 3)
        source = f"sqlite:///{load_configuration(line.directory).settings.data_directory / 'newsletter.db'}"
        refused = line("move-store", source, empty_postgres_url)
        assert (refused.code, str(daemon.process.pid) in refused.err) == (3, True)
        assert daemon.stop() == 0
    half = len(accepted(log))
    assert half < READERS
    moved = line("move-store", source, empty_postgres_url)
    assert moved.code == 0, moved.err
    assert "now set store.url" in moved.err

    on_postgresql = configure(tmp_path / "new", relay_port, empty_postgres_url)
    assert "the store is sealed" in on_postgresql("deliver").err
    assert len(accepted(log)) == half
    assert on_postgresql("unseal", "--yes").code == 0
    run_until_all_is_sent(on_postgresql)
    assert sorted(Counter(line.split()[1] for line in accepted(log)).values()) == [1] * (READERS + 1)

    back = f"sqlite:///{tmp_path / 'back.db'}"
    assert on_postgresql("move-store", empty_postgres_url, back).code == 0
    last = configure(tmp_path / "last", relay_port, back)
    run_until_all_is_sent(last)
    assert len(accepted(log)) == READERS + 1
