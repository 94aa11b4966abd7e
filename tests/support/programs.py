"""Programs that nobody here wrote, as judges of our mail: found, started, and ended by their process id."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLACES = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin")
PATIENCE_S = 120.0


def need(*names: str) -> list[str]:
    """Return where programs are; the test is skipped where one is not installed (``.ci/run`` installs them all)."""
    found = [shutil.which(name) or shutil.which(name, path=os.pathsep.join(PLACES)) for name in names]
    missing = [name for name, path in zip(names, found, strict=True) if path is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    if os.geteuid() != 0:
        pytest.skip("mail servers are started by root only")
    return [path for path in found if path]


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder that servers with users of their own can reach, which pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix="judge-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """Keep a server in the foreground of its own process group; it is ready when its port answers."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            wait_for(lambda: is_answering(port), lambda: log.read_text(errors="replace"), process)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def is_answering(port: int) -> bool:
    """Whether something takes connections at a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(
    is_so: Callable[[], object], said: Callable[[], str], process: subprocess.Popen[bytes] | None = None
) -> None:
    """Wait until something is so; fail with what was said when it will not be."""
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > end or (process is not None and process.poll() is not None):
            pytest.fail(f"waited in vain: {said()[-2000:]}")
        time.sleep(0.05)
