from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import StoreError, StoreLockedError
from newsletter.store.lock import hold, hold_store

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
HOLDER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from newsletter.store.lock import hold
with hold(Path(sys.argv[1]), datetime.now(UTC)):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_holder_says_who_it_is_and_since_when(tmp_path: Path) -> None:
    database = tmp_path / "data" / "newsletter.db"
    with hold(database, NOW):
        text = (tmp_path / "data" / "newsletter.db.lock").read_text()
        assert text.startswith(f"pid {os.getpid()} on ")
        assert text.endswith("since 2026-01-05 12:30:00 UTC\n")
    with hold(database, NOW):
        pass


def test_a_second_holder_is_refused_and_told_who_was_first(tmp_path: Path) -> None:
    database = tmp_path / "newsletter.db"
    with hold(database, NOW):
        with pytest.raises(StoreLockedError, match=rf"pid {os.getpid()} on .* since 2026-01-05"), hold(database, NOW):
            pytest.fail("two hold it")
        assert f"pid {os.getpid()}" in database.with_name("newsletter.db.lock").read_text()


def test_the_lock_of_who_was_killed_is_free(tmp_path: Path) -> None:
    database = tmp_path / "newsletter.db"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(database)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            with pytest.raises(StoreLockedError, match=f"pid {process.pid} on"), hold(database, NOW):
                pytest.fail("two hold it")
        finally:
            process.send_signal(signal.SIGKILL)
    with hold(database, NOW):
        pass


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"), hold(tmp_path / "file" / "n.db", NOW):
        pytest.fail("held")


def test_only_a_file_needs_a_lock(tmp_path: Path) -> None:
    with hold_store("postgresql://host/name", NOW), hold_store("postgresql://host/name", NOW):
        pass
    url = f"sqlite:///{tmp_path}/n.db"
    with hold_store(url, NOW), pytest.raises(StoreLockedError), hold_store(url, NOW):
        pytest.fail("two hold it")
