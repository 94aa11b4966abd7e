"""What systemd is told: ready, reloading, stopping, still alive (sd_notify(3)); without systemd, nothing.

Our own few lines, since the libraries for it have no maintainer: a datagram to the socket that ``NOTIFY_SOCKET`` names.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Notifier:
    """Tells the service manager; ``watchdog_s`` is how long it waits for a sign of life, None when it does not."""

    address: str = ""
    watchdog_s: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Notifier:
        """Return the one that the service manager asks for; a watchdog meant for another process is not ours."""
        address, asked = environment.get("NOTIFY_SOCKET", ""), environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_s = int(asked) / 1e6 if asked.isascii() and asked.isdigit() and is_ours else None
        return cls(address, watchdog_s or None)

    def ready(self, status: str) -> None:
        """Tell that everything is up, or that a reload is over."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Tell that the configuration is being read again; :meth:`ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reloading")

    def stopping(self) -> None:
        """Tell that the end has begun."""
        self._tell("STOPPING=1", "STATUS=finishing the mails in flight")

    def alive(self) -> None:
        """Give the watchdog a sign of life."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if not self.address:
            return
        # An abstract socket's name begins with a zero byte, which no environment can hold: unix(7).
        path = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(0)  # the loop must not wait for a service manager that does not listen
                channel.sendto("\n".join(lines).encode(), path)
        except OSError as error:
            logger.warning("notify.failed", said=lines[0], error=str(error))
