"""The real daemon as a child process, on free ports of loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx2

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60


def run_command(directory: Path, *arguments: str, timeout_s: float = DEADLINE_S) -> subprocess.CompletedProcess[str]:
    """Run one command of the program on a configuration and return what it said."""
    return subprocess.run(
        [sys.executable, "-m", "newsletter", "--config", str(directory), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env=environment(),
        cwd=ROOT,
    )


def environment() -> dict[str, str]:
    """Return the environment without settings that lie around on the tester's machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    return {**kept, "PYTHONWARNINGS": "default", "NO_COLOR": "1"}


@dataclass
class DaemonProcess:
    """``newsletter run``, or another command that goes on until it is stopped; use it as a context manager."""

    directory: Path
    variables: dict[str, str] = field(default_factory=dict)  # of its environment, in addition
    command: tuple[str, ...] = ("run",)
    process: subprocess.Popen[str] = field(init=False)
    log: Path = field(init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Start it; a log of an earlier start stays."""
        self.log = self.directory / f"daemon-{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "newsletter", "--config", str(self.directory), *self.command],
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment() | self.variables,
                cwd=ROOT,
            )

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def said(self) -> str:
        """Return everything that it printed so far."""
        return self.log.read_text()

    def wait_for(self, pattern: str, timeout_s: float = DEADLINE_S) -> re.Match[str]:
        """Wait until what it printed matches ``pattern``."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.said()):
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{pattern!r} was not printed:\n{self.said()}")

    def url(self) -> str:
        """Return the address of its pages."""
        return self.wait_for(r"(http://127\.0\.0\.1:\d+)/mails")[1]

    def get(self, path: str) -> str:
        """Return a page."""
        return httpx2.get(self.url() + path, timeout=10).raise_for_status().text

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def stop(self, timeout_s: float = 40) -> int:
        """Ask it to stop and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(timeout_s)
