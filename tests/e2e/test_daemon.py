"""The real daemon: a first digest, a restart, a broken file, a second instance."""

import re
import shutil
import signal
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import httpx2
import pytest

from tests.support.command_line import CommandLine
from tests.support.daemon import ROOT, DaemonProcess, run_command


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The configuration as shipped, with ports of its own and the real sources out of reach."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    path = config / "newsletter.yaml"
    text = path.read_text()
    text = re.sub(r"(?m)^(\s+port:\s*)\d+", r"\g<1>0", text)
    text = re.sub(r"(?m)^(\s+)(kind: (?:arxiv|huggingface))$", r"\1\2\n\1base_url: http://127.0.0.1:9/nothing", text)
    assert "127.0.0.1:9" in text
    path.write_text(text)
    return config


def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def mails(daemon: DaemonProcess) -> list[str]:
    return sorted(set(re.findall(r'href="/mails/([^"/?]+)', daemon.get("/mails"))))


def healthy(daemon: DaemonProcess) -> bool:
    return httpx2.get(f"{daemon.url()}/healthz", timeout=10).status_code == HTTPStatus.OK


def deliveries(directory: Path) -> list[dict[str, object]]:
    done = CommandLine(directory)("deliveries", "list", "--json")
    assert done.code == 0, done.err
    listed: list[dict[str, object]] = done.json
    return listed


def test_the_first_digest_is_delivered_and_a_restart_sends_nothing_twice(directory: Path) -> None:
    with DaemonProcess(directory) as daemon:
        until(lambda: len(mails(daemon)) >= 1)
        (mail,) = mails(daemon)
        assert "TRAINING AND ALIGNMENT" in daemon.get(f"/mails/{mail}/text")
        assert "List-Unsubscribe=One-Click" in daemon.get(f"/mails/{mail}/headers")
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.said()
    sent = deliveries(directory)
    assert {delivery["state"] for delivery in sent} == {"accepted"}
    with DaemonProcess(directory) as again:
        until(lambda: healthy(again))  # which it is after its first run
        assert again.stop() == 0
    assert deliveries(directory) == sent


def test_killed_at_any_moment_it_goes_on_where_it_was(directory: Path) -> None:
    for wait_s in (0.5, 1.0, 1.5, 2.5):
        with DaemonProcess(directory) as daemon:
            time.sleep(wait_s)
            daemon.signal(signal.SIGKILL)
            daemon.process.wait()
    with DaemonProcess(directory) as daemon:
        until(lambda: bool(deliveries(directory)) and {d["state"] for d in deliveries(directory)} == {"accepted"})
        assert daemon.stop() == 0
    assert len(deliveries(directory)) == len({d["subscriber_id"] for d in deliveries(directory)})


def test_a_broken_file_leaves_the_last_good_configuration_in_force(directory: Path) -> None:
    profile = next((directory / "profiles").glob("*.yaml"))
    good = profile.read_text()
    with DaemonProcess(directory) as daemon:
        daemon.url()
        profile.write_text("title: [never closed\n")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for(re.escape(profile.name) + r":\d+")
        daemon.wait_for("last_good_in_force")
        assert daemon.get("/mails")  # it serves on; healthy it is only after its first run
        profile.write_text(good + "\n# changed\n")
        daemon.wait_for("configuration.reloaded")
        assert daemon.stop() == 0


def test_a_second_instance_on_the_same_store_refuses_to_start(directory: Path) -> None:
    with DaemonProcess(directory) as daemon:
        daemon.url()
        second = run_command(directory, "run")
        assert second.returncode == 3
        assert str(daemon.process.pid) in second.stderr
        assert "Traceback" not in second.stderr
        assert daemon.stop() == 0
