"""The whole line on PostgreSQL: every command, and two daemons on one database."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.command_line import CommandLine
from tests.support.daemon import DaemonProcess, run_command
from tests.support.databases import empty_postgres_url, postgres, postgres_url
from tests.support.documents import take_off_the_network
from tests.support.journal import JournalReader
from tests.support.smtp_server import mail_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["empty_postgres_url", "postgres", "postgres_url"]

READERS = 200
CONNECTIONS = 4  # the default of mail.relay.connections
PEOPLE = "address,send_at,profiles\nann@example.org,07:00,language-models\nbea@example.org,,trending\n"


@pytest.fixture
def newsletter(tmp_path: Path, empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on a shipped configuration, and an empty database that the environment names."""
    made = CommandLine(tmp_path / "my-newsletter")
    assert made("init", str(made.directory)).code == 0
    take_off_the_network(made.directory)
    monkeypatch.setenv("NEWSLETTER_STORE__URL", empty_postgres_url)
    return made


def test_every_stage_and_every_question(newsletter: CommandLine, tmp_path: Path) -> None:
    def said(*arguments: str) -> str:
        answer = newsletter(*arguments)
        assert answer.code == 0, f"{arguments}: {answer.err}"
        return answer.out

    assert said("check") == ""
    assert "was made" in said("migrate")
    assert "is current" in said("migrate")
    (tmp_path / "people.csv").write_text(PEOPLE)
    assert "2 added, 0 changed" in said("subscribers", "import", str(tmp_path / "people.csv"), "--yes")
    assert "nothing to import" in said("subscribers", "import", str(tmp_path / "people.csv"), "--yes")
    assert said("subscribers", "export").count("@example.org") == 2
    said("collect", "samples", "sample-votes")
    assert json.loads(said("issue", "--dry-run", "--json"))["planned"] == 2
    assert json.loads(said("issue", "--json"))["planned"] == 3  # with who is named in the profile files
    counts = json.loads(said("send", "--json"))["delivered"]
    assert (counts["accepted"], counts["adds_up"]) == (3, True)
    assert json.loads(said("send", "--json"))["delivered"]["accepted"] == 0
    assert not (newsletter.directory / "data" / "newsletter.db").exists()
    assert len(list((newsletter.directory / "data" / "mails" / "new").iterdir())) == 3

    status = json.loads(said("status", "--json"))
    assert status["deliveries"] == {"accepted": 3}
    assert status["subscribers"] == {"active": 3}
    deliveries = json.loads(said("deliveries", "list", "--subscriber", "ann@example.org", "--json"))
    shown = json.loads(said("deliveries", "show", str(deliveries[0]["id"]), "--json"))
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["accepted"]
    found = json.loads(said("papers", "search", "ti:preference AND ti:learning", "--json"))
    assert "1501.95001" in {paper["arxiv_id"] for paper in found}
    assert "sent:\n- in the digest of" in said("why", "1501.95001", "ann@example.org")
    assert "Preference" in said("papers", "show", "1501.95001")
    said("subscribers", "pause", "ann@example.org", "--until", "2099-08-31")
    assert "ann@example.org" not in said("subscribers", "list", "--status", "active")
    said("subscribers", "remove", "ann@example.org", "--yes")
    assert json.loads(said("status", "--json"))["subscribers"] == {"active": 2}


def test_two_that_make_the_schema_at_once_both_succeed(newsletter: CommandLine, empty_postgres_url: str) -> None:
    point_at(newsletter.directory, empty_postgres_url, 25)
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: run_command(newsletter.directory, "migrate"), range(3)))
    assert [done.returncode for done in runs] == [0, 0, 0], [done.stderr for done in runs]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Message-ID and recipient of each mail that the server accepted."""
    return tmp_path / "accepted.log"


@pytest.fixture
def relay_port(log: Path) -> Iterator[int]:
    """The port of a mail server that takes its time, so that two daemons find work at the same time."""
    with mail_server(log, delay_s=0.02) as (_, port):
        yield port


def point_at(directory: Path, url: str, relay_port: int) -> None:
    """Let a configuration use this database and this relay."""
    path = directory / "newsletter.yaml"
    settings = yaml.safe_load(path.read_text())
    (directory / "url.txt").write_text(f"{url}\n")
    (directory / "url.txt").chmod(0o600)
    settings["store"] = {"url_file": "url.txt"}
    settings["mail"]["catcher"]["enabled"] = False
    settings["mail"]["relay"] = {"host": "127.0.0.1", "port": relay_port, "tls": "none"}
    settings["web"]["secret"] = "the same for both of them"
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


def accepted(log: Path) -> list[str]:
    """Return Message-ID and recipient of each mail that was accepted, in order."""
    return [f"{each.message_id} {each.recipient}" for each in JournalReader(log).read()]


def wait_for_mails(log: Path, people: int) -> None:
    """Wait until so many people have mail."""
    deadline = time.monotonic() + 60
    while len({line.split()[1] for line in accepted(log)}) < people and time.monotonic() < deadline:
        time.sleep(0.02)


def test_two_daemons_on_one_database_send_nothing_twice(
    tmp_path: Path, postgres_url: str, log: Path, relay_port: int
) -> None:
    directories = [tmp_path / name / "config" for name in ("one", "two")]
    for directory in directories:
        assert CommandLine(directory)("init", str(directory)).code == 0
        take_off_the_network(directory)
        point_at(directory, postgres_url, relay_port)
    rows = "".join(f"reader{number}@example.org,language-models\n" for number in range(READERS))
    (tmp_path / "readers.csv").write_text("address,profiles\n" + rows)
    added = CommandLine(directories[0])("subscribers", "import", str(tmp_path / "readers.csv"), "--yes")
    assert added.code == 0, added.err

    with DaemonProcess(directories[0]) as one, DaemonProcess(directories[1]) as two:
        wait_for_mails(log, READERS + 1)
        for daemon in (one, two):
            daemon.wait_for("The pages are at http://127.0.0.1:[1-9]")
            assert daemon.stop() == 0
            assert "Traceback" not in daemon.said()
            assert "stage_failed" not in daemon.said()
    times = Counter(line.split()[1] for line in accepted(log))
    assert len(times) == READERS + 1  # with who is named in the profile files
    assert set(times.values()) == {1}
    status = run_command(directories[1], "status", "--json")
    assert json.loads(status.stdout)["deliveries"] == {"accepted": READERS + 1}


def test_killed_in_the_middle_it_goes_on_at_once(tmp_path: Path, postgres_url: str, log: Path, relay_port: int) -> None:
    directory = tmp_path / "config"
    assert CommandLine(directory)("init", str(directory)).code == 0
    take_off_the_network(directory)
    point_at(directory, postgres_url, relay_port)
    rows = "".join(f"reader{number}@example.org,language-models\n" for number in range(READERS))
    (tmp_path / "readers.csv").write_text("address,profiles\n" + rows)
    assert CommandLine(directory)("subscribers", "import", str(tmp_path / "readers.csv"), "--yes").code == 0
    with DaemonProcess(directory) as killed:
        wait_for_mails(log, READERS // 4)
        killed.signal(signal.SIGKILL)
    assert len(accepted(log)) < READERS
    with DaemonProcess(directory) as successor:
        successor.wait_for("daemon.resumed")
        wait_for_mails(log, READERS + 1)
        assert successor.stop() == 0
    times = Counter(accepted(log))
    assert len({line.split()[1] for line in times}) == len(times) == READERS + 1  # the same Message-ID, if twice
    assert sum(times.values()) <= READERS + 1 + CONNECTIONS
