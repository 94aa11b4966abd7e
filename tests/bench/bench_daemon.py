"""The real daemon on the shipped configuration, off the network: how soon the first digest comes, and what it needs.

``python -m tests.bench.bench_daemon [--json]``: seconds from its start to the first caught mail, and its resident size
in megabytes after that, at rest (Linux; the catcher, the pages and all that it has loaded included).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import psutil

from tests.support.daemon import ROOT, DaemonProcess
from tests.support.documents import take_off_the_network

REST_S = 5.0


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
    directory = folder / "config"
    shutil.copytree(ROOT / "config", directory)
    take_off_the_network(directory)
    began = time.perf_counter()
    with DaemonProcess(directory) as daemon:
        while not _has_mail(daemon):
            if time.perf_counter() - began > 60:
                raise SystemExit(daemon.said())
            time.sleep(0.1)
        first = time.perf_counter() - began
        time.sleep(REST_S)
        process = psutil.Process(daemon.process.pid)
        size = process.memory_info().rss / 2**20
        before = sum(process.cpu_times()[:2])
        time.sleep(REST_S)
        busy = sum(process.cpu_times()[:2]) - before
        code = daemon.stop()
    if code != 0:
        raise SystemExit(f"the daemon ended with {code}")
    return {
        "first_digest_s": round(first, 1),
        "at_rest_mb": round(size, 1),
        "cpu_percent": round(busy / REST_S * 100, 1),
    }


def _has_mail(daemon: DaemonProcess) -> bool:
    try:
        return 'href="/mails/' in daemon.get("/mails")
    except httpx2.HTTPError:
        return False


if __name__ == "__main__":
    main()
