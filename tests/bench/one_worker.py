"""One process that sends, for ``bench_workers``: it says that it is ready, begins when told, tells how it went."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime

import structlog

from newsletter.mail.smtp import SmtpTransport
from newsletter.service.deliver import Deliverer, DeliveryPolicy
from newsletter.store.sql import open_store
from tests.bench.bench_send import Load, body, relay
from tests.support.deliveries import SENDER, PlainRenderer

CONNECTIONS = 10


async def work(url: str, port: int, owner: str) -> dict[str, float]:
    """Send until nothing is left, and return when it began and ended by the machine's clock, and what it sent."""
    store, client = open_store(url), SmtpTransport(relay(port, Load(0, CONNECTIONS, 1)))
    policy = DeliveryPolicy(lambda _: SENDER, owner=owner, connections=CONNECTIONS)
    stage = Deliverer(store, PlainRenderer(body()), client, policy, lambda: datetime.now(UTC))
    await store.check_schema()  # so that it is connected
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    began = time.monotonic()
    counts = await stage.deliver_due()
    ended = time.monotonic()
    await client.aclose()
    await store.aclose()
    return {"began": began, "ended": ended, "accepted": counts.accepted, "planned": counts.planned}


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    url, port, owner = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(work(url, int(port), owner))) + "\n")


if __name__ == "__main__":
    main()
