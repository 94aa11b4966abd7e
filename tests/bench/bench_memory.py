"""Whether memory grows with the number of mails: the resident size while the deliverer works off a full store.

``python -m tests.bench.bench_memory [--json] [--messages N]`` (20,000 unless told; the claim is about 100,000): 48 kB
mails of 200 different digests into Postfix's smtp-sink, sizes in megabytes after a tenth and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import structlog

from newsletter.mail.smtp import SmtpTransport
from newsletter.service.deliver import Deliverer, DeliveryPolicy
from newsletter.store.sql import open_store
from tests.bench.bench_send import Load, body, relay, sink
from tests.support.deliveries import SENDER, PlainRenderer, make_store, plan, store_url

if TYPE_CHECKING:
    from newsletter.service.deliver import DeliveryCounts

CONNECTIONS = 20
DIGESTS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--messages", type=int, default=20_000)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    figures = measure(options.messages)
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
    else:
        for name, value in figures.items():
            sys.stdout.write(f"{name:24}{value:>10}\n")


def measure(messages: int) -> dict[str, float]:
    """Return the resident size at the start, after a tenth of the mails and at the end, in megabytes."""
    with tempfile.TemporaryDirectory() as folder, sink() as port:
        # Planned by a process of its own, so that its garbage is not counted here.
        planner = multiprocessing.get_context("spawn").Process(target=plan_all, args=(folder, messages))
        planner.start()
        planner.join()
        return asyncio.run(deliver(Path(folder), messages, port))


def plan_all(folder: str, messages: int) -> None:
    async def work() -> None:
        store = make_store(Path(folder))
        await plan(store, messages, digests=DIGESTS)
        await store.aclose()

    asyncio.run(work())


async def deliver(folder: Path, messages: int, port: int) -> dict[str, float]:
    process = psutil.Process()
    sizes = {0: process.memory_info().rss}

    def on_progress(counts: DeliveryCounts) -> None:
        if counts.planned % (messages // 10) == 0:
            sizes[counts.planned] = process.memory_info().rss

    store = open_store(store_url(folder))
    client = SmtpTransport(relay(port, Load(messages, CONNECTIONS, 1)))
    policy = DeliveryPolicy(lambda _: SENDER, owner="bench", connections=CONNECTIONS)
    stage = Deliverer(store, PlainRenderer(body()), client, policy, lambda: datetime.now(UTC))
    counts = await stage.deliver_due(on_progress=on_progress)
    await client.aclose()
    await store.aclose()
    if counts.accepted != messages:
        raise SystemExit(str(counts))
    megabytes = {number: size / 2**20 for number, size in sizes.items()}
    return {
        "messages": messages,
        "start_mb": round(megabytes[0], 1),
        "after_a_tenth_mb": round(megabytes[messages // 10], 1),
        "at_the_end_mb": round(megabytes[messages], 1),
        "growth_mb": round(megabytes[messages] - megabytes[messages // 10], 1),
    }


if __name__ == "__main__":
    main()
