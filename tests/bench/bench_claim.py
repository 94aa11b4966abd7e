"""What claiming and recording cost: ``python -m tests.bench.bench_claim [--json] [--rows N] [--messages N]``.

With a million deliveries in the database, a hundred thousand of them due: the time of the whole stage (claim, compose,
send, record) against that of the same mails composed and sent with no store beside them, turn about in one run,
over ten connections. Once to a relay ten milliseconds away, and once to one on loopback that answers at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from newsletter.mail.smtp import SmtpTransport
from newsletter.model import OutcomeKind
from newsletter.service.deliver import Deliverer, DeliveryPolicy
from newsletter.store.sql import open_store
from tests.bench.bench_send import Load, body, relay, sink
from tests.bench.distance import far_away
from tests.bench.loaded import databases, fill
from tests.support.deliveries import PLANNED_AT, SENDER, PlainDigest, PlainRenderer
from tests.support.samples import make_subscriber

ONE_WAY_MS = 10
WARM_UP = 50  # mails: connections are opened, statements compiled


@dataclass(frozen=True)
class Times:
    """Seconds by the clock, and of this process's processor."""

    whole_s: float
    worked_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    figures = measure(options.rows, Load(options.messages, 10, options.rounds))
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:36}{value:>12,}\n")


def measure(rows: int, load: Load) -> dict[str, float]:
    """Return what the stage takes beyond sending, in percent of the sending, for both databases and both relays."""
    figures: dict[str, float] = {"rows": rows, "messages": load.messages, "connections": load.connections}
    with databases() as urls, sink() as near, far_away(near, ONE_WAY_MS) as far:
        for url in urls.values():
            fill(url, rows)
        for place, port in (("far", far), ("near", near)):
            for name, url in urls.items():
                figures |= {f"{name}_{place}_{key}": value for key, value in compared(url, port, load).items()}
    return figures


def compared(url: str, port: int, load: Load) -> dict[str, float]:
    rounds = [(asyncio.run(alone(port, load)), asyncio.run(whole(url, port, load))) for _ in range(load.rounds)]
    added = statistics.median(with_store.whole_s / bare.whole_s - 1 for bare, with_store in rounds)
    worked = statistics.median(with_store.worked_s - bare.worked_s for bare, with_store in rounds)
    return {
        "alone_per_s": round(load.messages / statistics.median(bare.whole_s for bare, _ in rounds)),
        "whole_per_s": round(load.messages / statistics.median(with_store.whole_s for _, with_store in rounds)),
        "cost_percent": round(added * 100, 1),
        "cost_cpu_us": round(worked / load.messages * 1e6),
    }


async def alone(port: int, load: Load) -> Times:
    """Compose and send as the stage does, and keep nothing of it."""
    client, digest = SmtpTransport(relay(port, load)), PlainDigest(body())
    reader = make_subscriber()

    async def send(messages: int) -> None:
        for _ in range(messages):
            message = digest.compose(reader, "<id@news.example>", PLANNED_AT)
            outcome = await client.send(message, SENDER, reader.address)
            if outcome.kind is not OutcomeKind.ACCEPTED:
                raise SystemExit(str(outcome))

    async def run(messages: int) -> Times:
        began, worked = time.perf_counter(), time.process_time()
        await asyncio.gather(*(send(messages // load.connections) for _ in range(load.connections)))
        return Times(time.perf_counter() - began, time.process_time() - worked)

    await run(WARM_UP)
    times = await run(load.messages)
    await client.aclose()
    return times


async def whole(url: str, port: int, load: Load) -> Times:
    """Work off that many deliveries, and leave the others as they are."""
    store, client = open_store(url), SmtpTransport(relay(port, load))
    policy = DeliveryPolicy(lambda _: SENDER, owner="bench", connections=load.connections)
    stage = Deliverer(store, PlainRenderer(body()), client, policy, lambda: datetime.now(UTC))

    async def run(messages: int) -> Times:
        stop = asyncio.Event()
        began, worked = time.perf_counter(), time.process_time()
        counts = await stage.deliver_due(stop, lambda now: stop.set() if now.accepted >= messages else None)
        taken, worked = time.perf_counter() - began, time.process_time() - worked
        if not messages <= counts.accepted == counts.planned <= messages + 2 * load.connections:
            raise SystemExit(str(counts))
        share = messages / counts.accepted  # some were in flight when it was told to stop
        return Times(taken * share, worked * share)

    await run(WARM_UP)
    times = await run(load.messages)
    await client.aclose()
    await store.aclose()
    return times


if __name__ == "__main__":
    main()
