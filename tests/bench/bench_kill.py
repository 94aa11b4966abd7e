"""kill -9 while mails are sent: how many are lost, how many come twice. ``python -m tests.bench.bench_kill [--json]``.

A deliverer is killed five times on its way through 1,000 mails, each time after another number of them, and started
again; the server writes down what it accepted before it says so. The same is a test: tests/e2e/test_kill_delivery.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support.daemon import ROOT
from tests.support.deliver import CONNECTIONS
from tests.support.deliveries import make_store, plan, store_url

MAILS, KILLS = 1000, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:24}{value:>12,}\n")


def measure(folder: Path) -> dict[str, float]:
    asyncio.run(_plan(folder))
    log = folder / "accepted.log"
    command = [sys.executable, "-m", "tests.support.smtp_server", "--log", str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = int(server.stdout.readline()) if server.stdout else 0
            kills = sum(_kill(folder, port, log, moment) for moment in _moments())
            _start(folder, port).wait(60)
        finally:
            server.kill()
    times = Counter(line.split()[0] for line in _accepted(log))
    return {
        "mails": MAILS,
        "connections": CONNECTIONS,
        "kills": kills,
        "lost": MAILS - len(times),
        "doubled": sum(times.values()) - len(times),
        "most_doubled": kills * CONNECTIONS,
    }


async def _plan(folder: Path) -> None:
    store = make_store(folder)
    await plan(store, MAILS, digests=3)
    await store.aclose()


def _moments() -> list[int]:
    return sorted(random.sample(range(1, MAILS - 50), KILLS))


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.support.deliver", store_url(folder), str(port)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def _kill(folder: Path, port: int, log: Path, moment: int) -> bool:
    """Kill a deliverer once ``moment`` mails are accepted; False when it was done before."""
    child = _start(folder, port)
    while len(_accepted(log)) < moment and child.poll() is None:
        time.sleep(0.002)
    is_running = child.poll() is None
    child.kill()
    child.wait()
    return is_running


def _accepted(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


if __name__ == "__main__":
    main()
