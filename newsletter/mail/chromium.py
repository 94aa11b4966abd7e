"""Pictures of mails, taken by the system's Chromium where there is one.

It is started without a window, told over two pipes what to do (the Chrome DevTools protocol, messages ended by NUL),
and ended. It runs no script of the page, asks the network for nothing, and keeps nothing.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Final = (
    "chromium-headless-shell",  # the same without windows, at a quarter of the processor time
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
"""What the program is called on the systems that have it, the best first."""
BUNDLES: Final = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
VARIABLE: Final = "CHROMIUM"
"""The environment variable that names another one."""
TIMEOUT_S: Final = 60.0
TALLEST: Final = 16_000  # CSS pixels; what is further down Chromium paints no more
_WINDOW_HEIGHT = 800
_CHUNK = 2**20
_ARGUMENTS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-quic",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
)
_READS, _WRITES = 3, 4  # the descriptors on which Chromium listens and answers


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as it was seen: a PNG, how high in CSS pixels, and by how many pixels it was wider than its window."""

    png: bytes
    height: int
    overhang: int

    @property
    def is_cut(self) -> bool:
        """Whether the page goes on below the picture."""
        return self.height > TALLEST


def find_chromium(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the path of the system's Chromium, or of what ``CHROMIUM`` names; None where there is none."""
    if named := environment.get(VARIABLE):
        return shutil.which(named, path=environment.get("PATH"))
    found = (shutil.which(name, path=environment.get("PATH")) for name in NAMES)
    return next((path for path in (*found, *filter(os.path.exists, BUNDLES)) if path), None)


class Chromium:
    """A running Chromium with one page; a context manager that ends it. NewsletterError when it cannot be started, does
    not answer in time, or ends.
    """

    def __init__(self, program: str, timeout_s: float = TIMEOUT_S) -> None:
        self._program = program
        self._timeout_s = timeout_s
        self._number = 0
        self._received = b""
        self._session = ""
        self._frame = ""

    def __enter__(self) -> Self:
        self._profile = tempfile.TemporaryDirectory(prefix="newsletter-chromium-", ignore_cleanup_errors=True)
        try:
            self._start()
            self._open_page()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "_process"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
            os.close(self._to)
            os.close(self._from)
        self._profile.cleanup()

    def picture(self, html: str, width: int, *, dark: bool = False) -> Picture:
        """Return what ``html`` looks like in a window ``width`` CSS pixels wide, from its top to its end."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=_WINDOW_HEIGHT, deviceScaleFactor=1,
                  mobile=False)  # fmt: skip
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._ask("Page.setDocumentContent", frameId=self._frame, html=html)
        size = self._ask("Page.getLayoutMetrics")["cssContentSize"]
        height = max(1, int(size["height"]))
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST), "scale": 1}
        said = self._ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return Picture(base64.b64decode(said["data"]), height, max(0, int(size["width"]) - width))

    def _start(self) -> None:
        """Start the program with its ends of the pipes where it looks for them."""
        theirs_in, self._to = map(_high, os.pipe())
        self._from, theirs_out = map(_high, os.pipe())
        os.set_blocking(self._to, False)
        sandbox = () if os.geteuid() else ("--no-sandbox",)  # which root cannot have
        command = [self._program, *_ARGUMENTS, *sandbox, f"--user-data-dir={self._profile.name}", "about:blank"]
        silence = [(os.POSIX_SPAWN_OPEN, each, os.devnull, os.O_RDWR, 0) for each in (0, 1, 2)]
        ends = [(os.POSIX_SPAWN_DUP2, theirs_in, _READS), (os.POSIX_SPAWN_DUP2, theirs_out, _WRITES)]
        try:
            self._process = os.posix_spawn(
                self._program, command, os.environ, file_actions=[*silence, *ends], setpgroup=0
            )
        except OSError as error:
            os.close(self._to)
            os.close(self._from)
            raise NewsletterError(f"{self._program} cannot be started: {error.strerror}") from error
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    def _open_page(self) -> None:
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Network.enable")
        self._ask("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1,
                  uploadThroughput=-1)  # fmt: skip
        self._ask("Emulation.setScriptExecutionDisabled", value=True)
        self._frame = self._ask("Page.getFrameTree")["frameTree"]["frame"]["id"]

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Return what Chromium answers to one request; what it tells unasked is passed over."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        until = time.monotonic() + self._timeout_s
        self._write(json.dumps(message).encode() + b"\0", until)
        while True:
            said = json.loads(self._read(until))
            if said.get("id") != self._number:
                continue
            if "error" in said:
                raise NewsletterError(f"{self._program} does not know {method}: {said['error'].get('message', '')}")
            return dict(said["result"])

    def _write(self, octets: bytes, until: float) -> None:
        while octets:
            self._wait(until, to_write=True)
            try:
                octets = octets[os.write(self._to, octets[:_CHUNK]) :]
            except BrokenPipeError:
                raise self._ended() from None

    def _read(self, until: float) -> bytes:
        while b"\0" not in self._received:
            self._wait(until, to_write=False)
            chunk = os.read(self._from, _CHUNK)
            if not chunk:
                raise self._ended()
            self._received += chunk
        message, _, self._received = self._received.partition(b"\0")
        return message

    def _wait(self, until: float, *, to_write: bool) -> None:
        read, write = ([], [self._to]) if to_write else ([self._from], [])
        if not any(select.select(read, write, [], max(0.0, until - time.monotonic()))):
            raise NewsletterError(f"{self._program} did not answer within {self._timeout_s:g} seconds")

    def _ended(self) -> NewsletterError:
        return NewsletterError(f"{self._program} ended before the pictures were taken")


def _high(descriptor: int) -> int:
    """Return the same descriptor with a number that is in nobody's way, and that no other child gets."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


def file_name(width: int, *, dark: bool) -> Path:
    """Return what a picture is called: ``375-dark.png``."""
    return Path(f"{width}-{'dark' if dark else 'light'}.png")
