"""Delivers what is due in a store, and is killed by tests: ``python -m tests.support.deliver URL PORT``."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime

from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.service.deliver import Deliverer, DeliveryPolicy
from newsletter.store.sql import open_store
from tests.support.deliveries import SENDER, PlainRenderer

CONNECTIONS = 4


async def deliver(url: str, port: int) -> None:
    store = open_store(url)
    transport = SmtpTransport(Relay(port=port, tls=Tls.NONE, connections=CONNECTIONS, local_hostname="client.example"))
    policy = DeliveryPolicy(SENDER, owner=f"process-{os.getpid()}", connections=CONNECTIONS, batch=100)
    await store.release(None)  # whoever holds the store alone takes over what the killed one had begun
    deliverer = Deliverer(
        store, PlainRenderer(b"Three papers.\r\n" * 300), transport, policy, lambda: datetime.now(UTC)
    )
    counts = await deliverer.deliver_due()
    await transport.aclose()
    await store.aclose()
    assert counts.is_closed


if __name__ == "__main__":
    asyncio.run(deliver(sys.argv[1], int(sys.argv[2])))
