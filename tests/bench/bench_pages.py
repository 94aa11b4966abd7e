"""How many pages a second the daemon serves: ``python -m tests.bench.bench_pages [--seconds N] [--json]``.

The real daemon with the bundled samples, and nginx with the same page as a file and the same headers, turn about under
``wrk``. Beside requests per second of the clock there are requests per second of processor time, which other work on
the machine hardly changes: what one core serves that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import psutil

from tests.support.daemon import DaemonProcess
from tests.support.pictures import make_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 3
CONNECTIONS = 16
NGINX = """daemon off; pid {folder}/pid; error_log stderr crit; worker_processes 1;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {folder}; default_type text/html; keepalive_requests 1000000; }}
}}
"""


def missing_programs() -> str:
    """Return what must be installed first, empty when nothing."""
    missing = [name for name in ("wrk", "nginx") if shutil.which(name, path="/usr/bin:/usr/sbin") is None]
    return f"{' and '.join(missing)} not installed" if missing else ""


@contextmanager
def nginx(page: bytes) -> Iterator[tuple[str, int]]:
    """Serve a page as a file; yield its address and the process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="newsletter-nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "page.html").write_bytes(page)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        program = shutil.which("nginx", path="/usr/bin:/usr/sbin") or "nginx"
        process = subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-p", name])
        try:
            url = f"http://127.0.0.1:{port}/page.html"
            await_answer(url)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait()


def await_answer(url: str) -> None:
    """Return when it is served; TimeoutError after ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            httpx2.get(url).raise_for_status()
        except httpx2.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(url)


def load(url: str, pid: int, seconds: int) -> tuple[float, float]:
    """Return requests per second of the clock, and per second of the server's processor time."""
    root = psutil.Process(pid)
    served_by = [root, *root.children(recursive=True)]
    before = sum(sum(each.cpu_times()[:2]) for each in served_by)
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = sum(sum(each.cpu_times()[:2]) for each in served_by) - before
    answered, per_s = re.search(r"(\d+) requests in", said), re.search(r"Requests/sec: *([\d.]+)", said)
    if answered is None or per_s is None or "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"not every request was answered:\n{said}")
    return float(per_s[1]), int(answered[1]) / max(spent, 0.01)


def measure(seconds: int) -> dict[str, float]:
    """Return the medians of three rounds, turn about."""
    with tempfile.TemporaryDirectory(prefix="newsletter-pages-") as name:
        directory = Path(name) / "config"
        make_configuration(directory)
        with DaemonProcess(directory) as daemon:
            daemon.wait_for("deliver.done")
            page = httpx2.get(daemon.url() + "/").content
            with nginx(page) as (peer_url, peer):
                rounds = [
                    (*load(daemon.url() + "/", daemon.process.pid, seconds), *load(peer_url, peer, seconds))
                    for _ in range(ROUNDS)
                ]
    ours, ours_core, theirs, theirs_core = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "octets": len(page),
        "per_s": ours,
        "per_core_s": ours_core,
        "nginx_per_s": theirs,
        "nginx_per_core_s": theirs_core,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seconds", type=int, default=5, help="of each round")
    arguments = parser.parse_args()
    figures = measure(arguments.seconds)
    if arguments.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for key, value in figures.items():
        sys.stdout.write(f"{key} {value:,.0f}\n")


if __name__ == "__main__":
    main()
