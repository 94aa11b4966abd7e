"""The real daemon as its operator sees it: systemd's socket, readiness, figures, alerts."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import socket
import threading
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx2
import pytest

from newsletter.daemon import Daemon
from newsletter.settings.load import load_configuration
from newsletter.wiring.application import open_application
from tests.support.daemon import ROOT, DaemonProcess
from tests.support.smtp_server import Script, SmtpServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from newsletter.settings.load import Configuration

BROKEN = "title: [never closed\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The configuration as shipped, with ports of its own, and sources that are files."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    path = config / "newsletter.yaml"
    text = re.sub(r"(?m)^(\s+port:\s*)\d+", r"\g<1>0", path.read_text())
    text = re.sub(r"(?m)^(\s+)(kind: (?:arxiv|huggingface))$", r"\1\2\n\1base_url: http://127.0.0.1:9/nothing", text)
    path.write_text(text)
    return config


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens at."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(60)
        yield bound


def hear(manager: socket.socket, wanted: str) -> str:
    """Return the next message that begins with ``wanted``; signs of life in between do not count."""
    while True:
        said = manager.recv(4096).decode()
        if said.startswith(wanted):
            return said
        assert said == "WATCHDOG=1", said


def until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while (answer := httpx2.get(f"{url}/readyz")).status_code != 200:
        assert answer.json()["reasons"]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_systemd_and_prometheus_are_told(directory: Path, manager: socket.socket) -> None:
    variables = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "400000"}
    profile = next((directory / "profiles").glob("*.yaml"))
    good = profile.read_text()
    with DaemonProcess(directory, variables) as daemon:
        assert "STATUS=version" in hear(manager, "READY=1")
        assert hear(manager, "WATCHDOG=1") == "WATCHDOG=1"
        until_ready(daemon.url())
        daemon.wait_for("deliver.done")
        figures = daemon.get("/metrics")
        assert 'newsletter_deliveries{relay="catcher",state="accepted"} 1.0' in figures
        assert "newsletter_line_last_run_ok 1.0" in figures
        assert 'newsletter_smtp_outcomes_total{outcome="accepted",relay="catcher"} 1.0' in figures
        profile.write_text(BROKEN)
        daemon.signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in hear(manager, "RELOADING=1")
        assert "the last good one is in force" in hear(manager, "READY=1")
        assert "newsletter_configuration_ok 0.0" in daemon.get("/metrics")
        profile.write_text(good + "\n# changed\n")
        daemon.signal(signal.SIGHUP)
        hear(manager, "RELOADING=1")
        assert "STATUS=version" in hear(manager, "READY=1")
        assert "newsletter_configuration_ok 1.0" in daemon.get("/metrics")
        daemon.signal(signal.SIGTERM)
        hear(manager, "STOPPING=1")
        assert daemon.process.wait(40) == 0
        assert "Traceback" not in daemon.said()


def alert_mails(directory: Path) -> list[str]:
    mails = (directory.parent / "data" / "mails" / "new").glob("*")
    return [text for path in mails if "Delivered-To: operator@example.org" in (text := path.read_text())]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (what is waited for is a file, or what a daemon says of itself)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Daemon]:
    """Run a daemon that ticks fast, in this process."""
    async with open_application(directory) as application:
        daemon = Daemon(application, tick_s=0.1)
        task = asyncio.create_task(daemon.run())
        try:
            yield daemon
        finally:
            daemon.stopping.set()
            await task


async def test_the_operator_is_told_once_and_not_again_after_a_restart(directory: Path) -> None:
    settings = directory / "newsletter.yaml"
    alerts = "\nalerts: {mail: operator@example.org, after_minutes: 0, source_after_minutes: 0}\n"
    settings.write_text(settings.read_text() + alerts)
    for _ in range(3):
        async with running(directory) as daemon:
            await until(lambda: len("".join(alert_mails(directory)).split("cannot be read")) > 2)
            await until(lambda: daemon.health()["ok"])
            await asyncio.sleep(0.5)  # some ticks, in which it might be told again
    body = "".join(mail.partition("\n\n")[2] for mail in alert_mails(directory))
    assert body.count("the source arxiv cannot be read") == 1
    assert body.count("the source huggingface cannot be read") == 1
    assert all("Auto-Submitted: auto-generated" in mail for mail in alert_mails(directory))


async def test_a_template_that_cannot_be_used_leaves_the_last_good_configuration_in_force(directory: Path) -> None:
    settings, templates = directory / "newsletter.yaml", directory / "templates"
    templates.mkdir()
    (templates / "alert.txt").write_text("{{ nobody }}")
    async with running(directory) as daemon:
        await until(lambda: daemon.health()["ok"])
        text = "\nalerts: {mail: operator@example.org}\ntemplates_directory: templates\n"
        settings.write_text(settings.read_text() + text)
        await until(lambda: daemon.health()["configuration_fault"])
        assert "alert.txt" in str(daemon.health()["configuration_fault"])
        assert daemon.application.configuration.settings.templates_directory is None
        (templates / "alert.txt").write_text("all well\n")
        daemon.reload()
        await until(lambda: not daemon.health()["configuration_fault"])
        assert daemon.application.configuration.settings.templates_directory == templates


async def test_the_daemon_goes_on_while_a_configuration_is_read(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, may_end = threading.Event(), threading.Event()

    def slowly(path: Path) -> Configuration:
        reading.set()
        assert may_end.wait(20), "nobody could go on meanwhile"
        return load_configuration(path)

    monkeypatch.setattr("newsletter.daemon.reloading.load_configuration", slowly)
    async with running(directory) as daemon:
        await until(lambda: daemon.health()["ok"])
        before = daemon.application.configuration
        daemon.reload()
        await until(reading.is_set)
        assert daemon.application.configuration is before
        may_end.set()
        await until(lambda: daemon.application.configuration is not before)


RELAYS = """\
  relays:
    main: {{host: 127.0.0.1, port: {main}, tls: none, connections: {connections}}}
    spare: {{host: 127.0.0.1, port: {spare}, tls: none, priority: 1}}
"""


async def test_a_relay_that_refuses_our_mail_is_told_through_another_and_tried_again_when_it_is_changed(
    directory: Path,
) -> None:
    settings = directory / "newsletter.yaml"
    refusing = Script(always={"dot": "554 5.7.1 looks like spam"})
    async with SmtpServer(refusing) as main, SmtpServer() as spare:
        head, mail, tail = re.sub(r"(?m)^    enabled: true .*$", "    enabled: false", settings.read_text()).partition(
            "\nmail:\n"
        )

        def configure(connections: int) -> None:
            relays = RELAYS.format(main=main.port, spare=spare.port, connections=connections)
            settings.write_text(f"{head}{mail}{relays}{tail}\nalerts: {{mail: operator@example.org}}\n")

        configure(2)
        async with running(directory) as daemon:
            await until(lambda: [mail for mail in spare.received if mail.recipient == "operator@example.org"])
            told = next(mail for mail in spare.received if mail.recipient == "operator@example.org")
            assert b"the relay main refuses our mail" in told.content
            assert str(daemon.health()["relays"]) == "{'main': 'policy: 554 5.7.1 looks like spam'}"
            await until(lambda: [mail for mail in spare.received if mail.recipient != "operator@example.org"])
            assert main.commands.count("DATA") == 1

            store = daemon.application.store
            daemon.reload()
            await until(lambda: not daemon._reloading.is_asked)
            [circuit] = await store.circuits()
            assert circuit.retry_at - circuit.opened_at > timedelta(minutes=14)  # read again, nothing changed
            configure(3)
            daemon.reload()
            await until(lambda: daemon.application.configuration.settings.mail.relays["main"].connections == 3)
            [circuit] = await store.circuits()
            assert circuit.retry_at <= daemon.application.now()
            assert main.commands.count("DATA") == 1
