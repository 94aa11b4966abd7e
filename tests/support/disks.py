"""A disk that can be filled to the last octet, without harm to the machine's."""

from __future__ import annotations

import errno
import resource
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE_MB = 64
LARGEST_FILE = 128 * 1024  # octets: a database and its log are larger; what tests print is not


class Disk:
    """A file system of its own in memory (tmpfs), which only root may mount."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room: the system answers ENOSPC to whoever writes on."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in (2**20, 2**12, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


class Limit(Disk):
    """The next best: this process may write no large file (EFBIG)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        """Let no file grow."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, self._before[1]))

    def free(self) -> None:
        """Let them grow again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Put a small disk under ``folder``, which is made; where that is not allowed, limit the size of files instead."""
    folder.mkdir(exist_ok=True)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", str(folder)]
    is_mounted = subprocess.run(mounting, check=False, capture_output=True).returncode == 0
    disk = Disk(folder) if is_mounted else Limit(folder)
    try:
        yield disk
    finally:
        disk.free()
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
