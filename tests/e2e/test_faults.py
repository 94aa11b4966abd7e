"""What fails around us: mail servers, databases, disks, ports. One clear line, and afterwards nothing is missing."""

import ctypes
import json
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.support.daemon import ROOT, DaemonProcess, environment
from tests.support.databases import migrated_file
from tests.support.deployment import READERS, Deployment, beside, make_deployment
from tests.support.feed_server import Asked, Reply, running_feed_server
from tests.support.smtp_server import Script, SmtpServer

__all__ = ["migrated_file"]

AUTH = ["AUTH PLAIN LOGIN", "8BITMIME"]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, linux/capability.h
LOGIN = "    username: digest\n    password: wrong"


@pytest.fixture
def deployment(tmp_path: Path, migrated_file: Path) -> Deployment:
    return make_deployment(tmp_path, migrated_file)


def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def one_line(said: str) -> str:
    """Return the one line that the program itself says, below its log."""
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("newsletter: ")]
    return line


def accepted_once(server: SmtpServer) -> None:
    assert sorted(mail.recipient for mail in server.received) == sorted(READERS)


def child(deployment: Deployment, *arguments: str, largest_file: int | None = None) -> subprocess.Popen[str]:
    """Start a command as its own process, which file permissions bind even where root runs the tests; no file that it
    writes may grow beyond ``largest_file`` bytes.
    """
    library = ctypes.CDLL(None)

    def limit() -> None:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            library.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.Popen(
        [sys.executable, "-m", "newsletter", "--config", str(deployment.directory), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment(),
        cwd=ROOT,
        preexec_fn=limit,  # noqa: PLW1509 (no threads are running)
    )


RELAYS = [
    pytest.param(Script(always={"connect": "554 no service"}), {}, "at connect: no service", id="refuses to talk"),
    pytest.param(Script(always={"connect": "hang"}), {}, "at connect: Timed out", id="says nothing"),
    pytest.param(Script(always={"connect": "drop"}), {}, "at connect: ", id="hangs up"),
    pytest.param(Script(), {"tls": "starttls"}, "at tls: SMTP STARTTLS extension not supported", id="has no TLS"),
    pytest.param(
        Script(always={"auth": "535 5.7.8 wrong password"}, extensions=AUTH),
        {"relay_options": LOGIN},
        "at auth: 5.7.8 wrong password",
        id="knows another password",
    ),
]


class TestRelay:
    @pytest.mark.parametrize(("script", "options", "said"), RELAYS)
    def test_a_relay_that_cannot_be_used_keeps_the_mails_planned(
        self, deployment: Deployment, script: Script, options: dict[str, str], said: str
    ) -> None:
        with beside(SmtpServer(script)) as server:
            deployment.write(relay_port=server.port, **options)
            answer = deployment.newsletter("send")
            assert answer.code == 1
            line = one_line(answer.err)
            assert said in line
            assert f"127.0.0.1:{server.port}" in line
            assert "the mails stay planned; check mail.relay in newsletter.yaml" in line
            assert set(deployment.states()) <= {"planned", "deferred"}
            assert len(deployment.states()) == len(READERS)
            server.script = Script()
            deployment.write(tls="none", relay_options="")
            deployment.deliver_until_accepted()
            accepted_once(server)

    def test_a_closed_port(self, deployment: Deployment) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            deployment.write(relay_port=taken.getsockname()[1])
        for command in ("send", "deliver"):
            answer = deployment.newsletter(command)
            assert answer.code == 1
            assert "Connect call failed" in one_line(answer.err)
        assert set(deployment.states()) <= {"planned", "deferred"}
        test_mail = deployment.newsletter("send-test", "ada@example.org")
        assert test_mail.code == 1
        assert "Connect call failed" in one_line(test_mail.err)

    @pytest.mark.parametrize("step", ["rcpt", "dot"])
    def test_greylisting_is_waited_out(self, deployment: Deployment, step: str) -> None:
        with beside(SmtpServer(Script(replies={step: ["451 4.7.1 come back later"] * 2}))) as server:
            deployment.write(relay_port=server.port)
            answer = deployment.done("send")
            assert "deferred: 2" in answer.out
            assert "what the server said: newsletter deliveries list --state deferred" in answer.err
            deployment.deliver_until_accepted()
            accepted_once(server)

    def test_who_is_refused_is_not_asked_again(self, deployment: Deployment) -> None:
        with beside(SmtpServer(Script(always={"rcpt": "550 5.1.1 not here"}))) as server:
            deployment.write(relay_port=server.port)
            answer = deployment.done("send")
            assert "rejected: 2" in answer.out
            listed = json.loads(deployment.done("deliveries", "list", "--state", "rejected", "--json").out)
            assert {(each["reply_code"], each["reply_text"]) for each in listed} == {(550, "5.1.1 not here")}
            asked = len(server.commands)
            assert "sent: 0" in deployment.done("deliver").out
            assert len(server.commands) == asked
            server.script = Script()  # and an admin who knows that they are there after all sends them
            for reader in READERS:
                deployment.done("subscribers", "resume", reader)
            deployment.done("deliveries", "retry", "--failed", "--yes")
            deployment.done("deliver")
            accepted_once(server)


class TestDatabase:
    @pytest.mark.parametrize("command", ["collect", "issue", "deliver", "send"])
    def test_locked_for_too_long(self, deployment: Deployment, command: str) -> None:
        with beside(SmtpServer()) as server:
            deployment.write(relay_port=server.port)
            for before in ("collect", "issue", "deliver")[: ("collect", "issue", "deliver", "send").index(command) % 3]:
                deployment.done(before)
            held = deployment.contents()
            with deployment.locked():
                answer = deployment.newsletter(command)
            assert answer.code == 3
            assert f"{deployment.database}: somebody else kept it locked for too long" in one_line(answer.err)
            assert deployment.contents() == held
            deployment.done("send")
            accepted_once(server)

    @pytest.mark.parametrize(
        ("version", "said"),
        [
            ("9999_from_tomorrow", "was made by a newer newsletter (version 9999_from_tomorrow"),
            (None, "the database is empty; run `newsletter migrate`"),
        ],
    )
    def test_of_another_version(self, deployment: Deployment, version: str | None, said: str) -> None:
        with closing(sqlite3.connect(deployment.database)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", [version or ""])
            if version is None:
                connection.execute("DELETE FROM alembic_version")
            connection.commit()
        held = deployment.contents()
        for command in ("status", "send", "run"):
            answer = deployment.newsletter(command)
            assert answer.code == 3, answer.err
            if version is not None:
                assert said in one_line(answer.err)
            assert str(deployment.database) in one_line(answer.err)
        assert deployment.contents() == held

    def test_that_is_no_database(self, deployment: Deployment) -> None:
        deployment.database.write_text("Dear readers,\n" * 500)
        for command in ("status", "send", "migrate", "run"):
            answer = deployment.newsletter(command)
            assert answer.code == 3
            assert f"{deployment.database}: it is no database, or it is damaged; restore a backup" in one_line(
                answer.err
            )
        assert deployment.database.read_text() == "Dear readers,\n" * 500

    def test_that_is_a_directory(self, deployment: Deployment) -> None:
        deployment.database.unlink()
        deployment.database.mkdir()
        answer = deployment.newsletter("send")
        assert answer.code == 3
        assert f"{deployment.database}: it cannot be opened; check that" in one_line(answer.err)

    @pytest.mark.parametrize("command", ["status", "check", "migrate", "run"])
    def test_whose_directory_cannot_be_made(self, deployment: Deployment, command: str) -> None:
        shutil.rmtree(deployment.data)
        deployment.data.write_text("a file is in the way")
        answer = deployment.newsletter(command)
        if command == "check":
            assert answer.code == 0  # it looks at what was written and at nothing else
            return
        assert answer.code in {2, 3}
        assert f"{deployment.data}: the d" in one_line(answer.err)
        assert "cannot be made: File exists" in one_line(answer.err)
        deployment.data.unlink()
        deployment.done("status")  # and where it can be made, it is

    def test_that_no_longer_grows(self, deployment: Deployment) -> None:
        """A limit on the size of files stands for the full disk: the system refuses to write, whoever asks."""
        with beside(SmtpServer()) as server:
            deployment.write(relay_port=server.port)
            with closing(sqlite3.connect(deployment.database)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            held = deployment.contents()
            for largest in (0, 20_000):
                process = child(deployment, "send", largest_file=largest)
                _, err = process.communicate(timeout=30)
                assert process.returncode == 3, err
                assert re.search(r"nothing was changed; (check it \(space|free some)|free some space", one_line(err)), (
                    err
                )
                assert deployment.contents() == held
            deployment.done("send")
            accepted_once(server)

    def test_that_may_only_be_read(self, deployment: Deployment) -> None:
        with beside(SmtpServer()) as server:
            deployment.write(relay_port=server.port)
            held = deployment.contents()
            for path, mode in ((deployment.database, 0o444), (deployment.data, 0o555)):
                before = path.stat().st_mode
                path.chmod(mode)
                process = child(deployment, "send")
                _, err = process.communicate(timeout=30)
                path.chmod(before)
                assert process.returncode in {2, 3}, err
                assert str(deployment.data) in one_line(err)
                assert re.search("check who owns|may write|may read|Permission denied", one_line(err)), err
                assert deployment.contents() == held
            deployment.done("send")
            accepted_once(server)

    def test_a_template_that_may_not_be_read(self, deployment: Deployment) -> None:
        template = deployment.directory / "templates" / "digest.txt"
        template.parent.mkdir()
        template.write_text("{{ unsubscribe_url }}")
        template.chmod(0)
        deployment.write(settings="templates_directory: templates")
        out, err = child(deployment, "check").communicate(timeout=30)
        assert "Traceback" not in err
        assert f"{template}: the template cannot be read: Permission denied — make it a file that" in out


class TestDaemon:
    def test_outlives_a_locked_database(self, deployment: Deployment) -> None:
        with beside(SmtpServer()) as server:
            deployment.write(relay_port=server.port)
            with DaemonProcess(deployment.directory) as daemon:
                daemon.wait_for("deliver.done")
                with deployment.locked():
                    deployment.feed.write_text(deployment.feed.read_text().replace("Faster", "Slower"))
                    deployment.profile.write_text(deployment.profile.read_text() + "  - eve@example.org\n")
                    daemon.signal(signal.SIGHUP)
                    daemon.wait_for("somebody else kept it locked.*daemon.stage_failed", 20)
                    page = httpx2.get(daemon.wait_for(r"pages are at (\S+)")[1] + "/healthz", timeout=10)
                    assert "somebody else kept it locked" in page.json()["fault"]
                daemon.signal(signal.SIGHUP)
                until(lambda: len(server.received) == len(READERS) + 1)  # she who came meanwhile was not forgotten
                assert daemon.stop() == 0
                assert "Traceback" not in daemon.said()
            assert sorted(mail.recipient for mail in server.received) == sorted((*READERS, "eve@example.org"))

    def test_waits_for_a_relay_that_is_down(self, deployment: Deployment) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        deployment.write(relay_port=port)
        with DaemonProcess(deployment.directory) as daemon:
            daemon.wait_for("Connect call failed.*deliver.paused", 20)
            assert daemon.stop() == 0
            assert "Traceback" not in daemon.said()
        with beside(SmtpServer()) as server:
            deployment.write(relay_port=server.port)
            with DaemonProcess(deployment.directory) as daemon:
                until(lambda: len(server.received) == len(READERS))
                assert daemon.stop() == 0
            accepted_once(server)

    def test_ends_the_mail_in_flight_when_told_to_stop(self, deployment: Deployment) -> None:
        with beside(SmtpServer(Script(delay_s=1.0))) as server:
            deployment.write(relay_port=server.port, relay_options="    connections: 1")
            with DaemonProcess(deployment.directory) as daemon:
                until(lambda: "DATA" in server.commands)
                assert daemon.stop() == 0
                assert "Traceback" not in daemon.said()
            assert sorted(map(str, deployment.states())) == ["accepted", "planned"]
            server.script = Script()
            deployment.done("deliver")
            accepted_once(server)

    def test_leaves_a_source_alone_when_told_to_stop(self, deployment: Deployment) -> None:
        async def slowly(_: Asked) -> Reply:
            asked.append(_)
            return Reply(body=deployment.feed.read_bytes(), pieces=100, pause_s=0.5)

        asked: list[Asked] = []
        with beside(SmtpServer()) as relay, beside(running_feed_server()) as server:
            source = f"  slow:\n    kind: feed\n    url: {server.play_by('/feed', slowly)}"
            deployment.write(
                relay_port=relay.port, sources=source, settings="collect:\n  allow_private_addresses: true"
            )
            with DaemonProcess(deployment.directory) as daemon:
                until(lambda: bool(asked))
                began = time.monotonic()
                assert daemon.stop() == 0
                assert time.monotonic() - began < 15
                assert "Traceback" not in daemon.said()
            deployment.write(sources="")
            deployment.done("send")
            accepted_once(relay)

    @pytest.mark.parametrize("port", ["web", "catcher"])
    def test_names_the_port_that_is_taken(self, deployment: Deployment, port: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            number = taken.getsockname()[1]
            if port == "web":
                deployment.write(web_port=number)
            else:
                deployment.write(relay_options=f"  catcher:\n    enabled: true\n    port: {number}")
            process = child(deployment, "run")
            _, err = process.communicate(timeout=30)
        assert process.returncode == 1
        line = one_line(err)
        assert str(number) in line
        assert "Address already in use" in line
        assert f"({'web' if port == 'web' else 'mail.catcher'}.port)" in line

    def test_is_the_only_one(self, deployment: Deployment) -> None:
        with beside(SmtpServer()) as server:
            deployment.write(relay_port=server.port)
            with DaemonProcess(deployment.directory) as daemon:
                daemon.wait_for("deliver.done")
                for command in ("run", "send", "issue", "deliver"):
                    answer = deployment.newsletter(command)
                    assert answer.code == 3
                    assert f"another newsletter is running on it (pid {daemon.process.pid}" in one_line(answer.err)
                deployment.done("status")
                assert daemon.stop() == 0
            accepted_once(server)
