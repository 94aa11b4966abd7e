"""What a mail server accepted, line by line, on disk before the server says so; and the reading of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A message that was accepted: on which of the server's connections, from which port of the client's, and when.

    ``at_s`` is on the machine's monotonic clock, which all its processes share.
    """

    message_id: str
    recipient: str
    connection: int = 0
    port: int = 0
    at_s: float = 0.0


class Journal:
    """Keeps acceptances; each has reached the disk when :meth:`keep` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_DSYNC, 0o644)

    def keep(self, message_id: str, recipient: str, connection: int, port: int) -> None:
        """Write one line, in one piece."""
        line = f"{message_id} {recipient} {connection} {port} {time.monotonic():.6f}\n"
        os.write(self._file, line.encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class JournalReader:
    """Follows a journal that is being written; the file need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.acceptances: list[Acceptance] = []

    def count(self) -> int:
        """Return how many acceptances there are by now."""
        return len(self.read())

    def read(self) -> list[Acceptance]:
        """Return all acceptances by now, in order."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._offset += len(whole)
            self.acceptances += [acceptance_of(line) for line in whole.decode().splitlines()]
        return self.acceptances


def acceptance_of(line: str) -> Acceptance:
    """Return what a line of a journal says."""
    message_id, recipient, connection, port, at_s = line.split(" ")
    return Acceptance(message_id, recipient, int(connection), int(port), float(at_s))
