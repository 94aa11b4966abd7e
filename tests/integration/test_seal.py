"""What tells a SQLite file from its copies."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from newsletter.store.operation import identity_of, machine_id, place_of_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "newsletter.db"
    path.write_bytes(b"rows")
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    path = tmp_path / "machine-id"
    path.write_text("0123456789abcdef0123456789abcdef\n")
    return path


def test_a_place_is_the_machine_and_the_path(database: Path, machine: Path, tmp_path: Path) -> None:
    here = place_of_file(database, (machine,))
    assert here == place_of_file(database, (machine,))
    assert str(database) in here.name
    copy = tmp_path / "copy.db"
    shutil.copy(database, copy)
    assert place_of_file(copy, (machine,)).fingerprint != here.fingerprint
    (tmp_path / "link").symlink_to(tmp_path)
    assert place_of_file(tmp_path / "link" / "newsletter.db", (machine,)) == here
    machine.write_text("another machine\n")
    assert place_of_file(database, (machine,)).fingerprint != here.fingerprint


def test_a_file_that_was_exchanged_keeps_its_place_on_a_known_machine(database: Path, machine: Path) -> None:
    here = place_of_file(database, (machine,))
    database.unlink()
    database.write_bytes(b"other rows")
    assert place_of_file(database, (machine,)) == here


@pytest.mark.parametrize("said", [None, "", "uninitialized\n", "ÿ"])
def test_without_a_machine_id_it_is_the_file_itself(database: Path, tmp_path: Path, said: str | None) -> None:
    unknown = tmp_path / "unknown-id"
    if said is not None:
        unknown.write_text(said, "utf-8")
    assert machine_id(unknown) == ""
    here = place_of_file(database, (unknown,))
    database.write_bytes(b"more rows")
    assert place_of_file(database, (unknown,)) == here
    aside = tmp_path / "aside.db"
    shutil.copy(database, aside)
    assert identity_of(aside) != identity_of(database)
    aside.replace(database)  # a copy under the same name
    assert place_of_file(database, (unknown,)) != here
