"""Messages per second into Postfix's smtp-sink: our transport beside smtp-source, Postfix's own load generator in C.

``python -m tests.bench.bench_send [--json] [--messages N] [--connections N] [--rounds N]``: same size, same number of
connections, turn about in one run, medians. ``deliverer`` is the whole stage: claim, compose, send, record on SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import EmailAddress, OutcomeKind
from newsletter.service.deliver import Deliverer, DeliveryPolicy
from tests.support.deliveries import SENDER, PlainRenderer, make_store, plan

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 48_000  # octets: a digest of 20 papers, HTML and text, quoted-printable
READER = EmailAddress("reader@example.org", "reader@example.org", "reader@example.org")
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/postfix/sbin"])


@dataclass(frozen=True)
class Load:
    messages: int
    connections: int
    rounds: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    figures = measure(Load(options.messages, options.connections, options.rounds))
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
    else:
        for name, value in figures.items():
            sys.stdout.write(f"{name:24}{value:>10}\n")


def measure(load: Load) -> dict[str, float]:
    """Return messages per second of each sender, and the ratio of ours to smtp-source's."""
    with sink() as port:
        rounds = [
            (source(port, load), *asyncio.run(transport(port, load)), asyncio.run(deliverer(port, load)))
            for _ in range(load.rounds)
        ]
    in_c, ours, cpu_us, whole = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "messages": load.messages,
        "connections": load.connections,
        "octets": SIZE,
        "smtp_source_per_s": round(in_c),
        "transport_per_s": round(ours),
        "transport_cpu_us": round(cpu_us),
        "deliverer_per_s": round(whole),
        "transport_ratio": round(ours / in_c, 2),
        "deliverer_ratio": round(whole / in_c, 2),
    }


@contextmanager
def sink() -> Iterator[int]:
    """Run smtp-sink on a free port; it refuses to run as root."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([program("smtp-sink"), *user, f"127.0.0.1:{port}", "256"]) as process:
        try:
            wait_for(port)
            yield port
        finally:
            process.kill()


def wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit("smtp-sink does not listen")


def program(name: str) -> str:
    found = shutil.which(name, path=SEARCH)
    if found is None:
        raise SystemExit(f"{name} is not installed; it comes with Postfix (Debian: apt-get install postfix)")
    return found


def missing_programs() -> str:
    """Return which program of Postfix is not installed and how to get it, or "" when all are there."""
    missing = [name for name in ("smtp-sink", "smtp-source") if shutil.which(name, path=SEARCH) is None]
    return f"{missing[0]} is not installed (Debian: apt-get install postfix)" if missing else ""


def source(port: int, load: Load) -> float:
    command = [program("smtp-source"), "-d", "-s", str(load.connections), "-l", str(SIZE), "-m", str(load.messages)]
    begin = time.perf_counter()
    subprocess.run([*command, "-f", SENDER, "-t", READER.wire, f"127.0.0.1:{port}"], check=True)
    return load.messages / (time.perf_counter() - begin)


def relay(port: int, load: Load) -> Relay:
    return Relay(
        port=port,
        tls=Tls.NONE,
        connections=load.connections,
        messages_per_connection=10**9,
        local_hostname="client.example",
    )


def body() -> bytes:
    line = b"A line of a digest, as long as quoted-printable makes its lines, more or less=\r\n"
    return line * (SIZE // len(line))


async def transport(port: int, load: Load) -> tuple[float, float]:
    """Return messages per second, and microseconds of processor time for each."""
    client = SmtpTransport(relay(port, load))
    message = b"Subject: digest\r\n\r\n" + body()
    left = load.messages

    async def sender() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            outcome = await client.send(message, SENDER, READER)
            if outcome.kind is not OutcomeKind.ACCEPTED:
                raise SystemExit(str(outcome))

    begin, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(sender() for _ in range(load.connections)))
    taken, worked = time.perf_counter() - begin, time.process_time() - worked
    await client.aclose()
    return load.messages / taken, worked / load.messages * 1e6


async def deliverer(port: int, load: Load) -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder))
        await plan(store, load.messages, digests=10)
        client = SmtpTransport(relay(port, load))
        policy = DeliveryPolicy(lambda _: SENDER, owner="bench", connections=load.connections)
        stage = Deliverer(store, PlainRenderer(body()), client, policy, lambda: datetime.now(UTC))
        begin = time.perf_counter()
        counts = await stage.deliver_due()
        taken = time.perf_counter() - begin
        if counts.accepted != load.messages:
            raise SystemExit(str(counts))
        await client.aclose()
        await store.aclose()
    return load.messages / taken


if __name__ == "__main__":
    main()
