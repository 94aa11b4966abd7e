from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
import structlog

from newsletter.notify import Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A service manager's socket, and its address as the environment would say it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@newsletter-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("\0" + name[1:] if name.startswith("@") else name)
        bound.settimeout(5)
        yield bound, name


def test_everything_is_told_as_one_datagram_each(manager: tuple[socket.socket, str]) -> None:
    bound, name = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": name})
    notifier.ready("serving")
    notifier.reloading()
    notifier.alive()
    notifier.stopping()
    told = [bound.recv(4096).decode() for _ in range(4)]
    assert told[0] == "READY=1\nSTATUS=serving"
    first, second, _ = told[1].splitlines()
    assert first == "RELOADING=1"
    assert int(second.removeprefix("MONOTONIC_USEC=")) > 0
    assert told[2] == "WATCHDOG=1"
    assert told[3].startswith("STOPPING=1\n")


def test_without_a_service_manager_nothing_happens() -> None:
    with structlog.testing.capture_logs() as logged:
        Notifier.from_environment({}).ready("serving")
    assert logged == []


@pytest.mark.parametrize("address", ["/nowhere/notify", "vsock:2:1234", "relative", "@nobody-listens-here"])
def test_a_manager_that_does_not_listen_is_logged_and_stops_nothing(address: str) -> None:
    with structlog.testing.capture_logs() as logged:
        Notifier(address).alive()
    assert [(entry["event"], entry["said"]) for entry in logged] == [("notify.failed", "WATCHDOG=1")]


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_the_one_meant_for_us(environment: dict[str, str], watchdog_s: float | None) -> None:
    assert Notifier.from_environment(environment).watchdog_s == watchdog_s
