"""schemathesis over the OpenAPI document, against the API as it is served: no 5xx, and no answer but the described."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newsletter.web.server import serve
from tests.support.api import ALL, desk_at
from tests.support.databases import migrated_file
from tests.support.lived_in import live_in

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["migrated_file"]

PROGRAM = Path(sys.executable).with_name("schemathesis")
# What fits the description may still be refused, as a zone that is none: no JSON Schema knows them all.
WITHOUT = "positive_data_acceptance"


@pytest.fixture
def served(migrated_file: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the API over a store that has been used, in a thread of its own."""
    (tmp_path / "newsletter.db").write_bytes(migrated_file.read_bytes())
    started = threading.Event()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, str]] = []

    async def run() -> None:
        url = f"sqlite:///{tmp_path / 'newsletter.db'}"
        async with desk_at(url, tmp_path / "config") as desk, AsyncExitStack() as stack:
            await live_in(desk.store)
            port = await serve(desk.app(), "127.0.0.1", 0, stack)
            stop.append((asyncio.get_running_loop(), asyncio.Event(), f"http://127.0.0.1:{port}/api/v1"))
            started.set()
            await stop[0][1].wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert started.wait(30)
    loop, end, address = stop[0]
    yield address
    loop.call_soon_threadsafe(end.set)
    thread.join(30)


def test_every_answer_is_one_that_is_described_and_none_is_a_5xx(served: str, tmp_path: Path) -> None:
    words = ["run", f"{served}/openapi.json", "--url", served, "--header", f"Authorization: Bearer {ALL}"]
    words += ["--phases", "coverage,fuzzing", "--max-examples", "2", "--seed", "1", "--workers", "1", "--no-color"]
    words += ["--exclude-checks", WITHOUT]
    done = subprocess.run([PROGRAM, *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    assert "Selected: 26/26" in done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) > 250, done.stdout[-2000:]
