from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from newsletter.core.findings import Level
from newsletter.errors import StoreVersionError
from newsletter.model import Problem
from newsletter.service.machine import Machine, judge_zones
from newsletter.store.checkup import CheckUp

if TYPE_CHECKING:
    from pathlib import Path

SOUND = CheckUp("SQLite 3", (), ("Europe/London",))


def machine(folder: Path, found: CheckUp | None = SOUND, *warnings: Problem, free: int = 10**12) -> Machine:
    return Machine(folder, lambda: found, frozenset({"UTC"}), warnings, lambda _: free)


def test_all_is_well(tmp_path: Path) -> None:
    found = machine(tmp_path).examine()
    assert {finding.level for finding in found} == {Level.OK}
    assert [finding.check for finding in found] == ["configuration", "data", "disk", "database", "zones"]
    assert list(tmp_path.iterdir()) == []


def test_what_the_configuration_warns_of(tmp_path: Path) -> None:
    (finding, *_) = machine(tmp_path, SOUND, Problem("x.yaml", 3, 1, "no source", "add one", "warning")).examine()
    assert (finding.level, finding.message, finding.advice) == (Level.WARNING, "x.yaml:3: no source", "add one")


def test_a_data_directory_that_is_not_there(tmp_path: Path) -> None:
    found = machine(tmp_path / "none").disk()
    assert [finding.level for finding in found] == [Level.PROBLEM]


def test_no_room_left(tmp_path: Path) -> None:
    assert machine(tmp_path, free=1000).disk()[1].level is Level.PROBLEM


def test_databases(tmp_path: Path) -> None:
    assert machine(tmp_path, None).database()[0][0].level is Level.SKIPPED
    damaged = machine(tmp_path, CheckUp("SQLite", ("row 1 missing",), ())).database()[0]
    assert [(each.level, each.message) for each in damaged] == [(Level.PROBLEM, "it is damaged: row 1 missing")]

    def refuse() -> CheckUp:
        raise StoreVersionError("x.db: the database is at version 1; run `newsletter migrate`")

    (finding,), _ = Machine(tmp_path, refuse, frozenset(), ()).database()
    assert (finding.level, finding.advice) == (Level.PROBLEM, "run `newsletter migrate`")


@pytest.mark.parametrize("zone", ["Atlantis/Centre", "../etc/passwd", ""])
def test_zones_whose_rules_are_not_known(zone: str, tmp_path: Path) -> None:
    assert judge_zones(["UTC", zone]).level is Level.PROBLEM
    assert machine(tmp_path, CheckUp("x", (), (zone,))).examine()[-1].level is Level.PROBLEM
