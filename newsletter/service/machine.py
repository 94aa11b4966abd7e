"""An examination of this machine: the data directory, the database, the zones, and what the configuration warns of."""

from __future__ import annotations

import shutil
import tempfile
import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.core.findings import Finding, ok, problem, skipped, warning
from newsletter.core.reachability import judge_disk
from newsletter.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from newsletter.model import Problem
    from newsletter.store.checkup import CheckUp


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to be looked at here; ``check_up`` examines the database, ``free_bytes`` measures a disk."""

    data_directory: Path
    check_up: Callable[[], CheckUp | None]
    zones: frozenset[str]
    warnings: tuple[Problem, ...]
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free

    def examine(self) -> list[Finding]:
        """Return all findings."""
        database, zones = self.database()
        return [*self.configuration(), *self.disk(), *database, judge_zones(self.zones | zones)]

    def configuration(self) -> list[Finding]:
        """Return what the configuration warns of."""
        if not self.warnings:
            return [ok("configuration", "nothing is wrong with it")]
        return [
            warning("configuration", f"{each.file}:{each.line}: {each.message}", each.advice) for each in self.warnings
        ]

    def disk(self) -> list[Finding]:
        """Return whether the data directory can be written to, and the space that is left."""
        place = self.data_directory
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"x")
            free = self.free_bytes(place)
        except OSError as error:
            advice = "make it, and give it to the user that the daemon runs as"
            return [problem("data", f"the data directory {place} cannot be written to: {error.strerror}", advice)]
        return [ok("data", f"the data directory {place} can be written to"), judge_disk(str(place), free)]

    def database(self) -> tuple[list[Finding], frozenset[str]]:
        """Return how the database is, and the zones of its subscribers."""
        try:
            found = self.check_up()
        except StoreError as error:
            message, _, advice = str(error).partition("; ")
            return [problem("database", message, advice or "run newsletter migrate, or restore a backup")], frozenset()
        if found is None:
            return [skipped("database", "there is none yet; newsletter run makes it")], frozenset()
        if found.faults:
            advice = "stop the daemon and restore a backup: newsletter restore FILE --force"
            return [problem("database", f"it is damaged: {fault}", advice) for fault in found.faults], frozenset()
        return [ok("database", found.description)], frozenset(found.zones)


def judge_zones(zones: Iterable[str]) -> Finding:
    """Judge whether the rules of every zone in use are known here."""
    missing = sorted(zone for zone in zones if not is_known(zone))
    if missing:
        message = f"the rules of {', '.join(missing[:5])} are not known here, so nobody there gets a digest"
        return problem("zones", message, "install newsletter's requirements anew (tzdata), or the system's tzdata")
    return ok("zones", "the rules of every time zone in use are known")


def is_known(zone: str) -> bool:
    """Return whether this machine knows the rules of a time zone."""
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
