"""APScheduler, which only ticks: what is due is asked of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from newsletter.daemon.running import Running


def start_ticks(running: Running, tick_s: float, stack: AsyncExitStack) -> None:
    """Tick until ``stack`` unwinds, and give the service manager's watchdog the signs of life that it asks for."""

    async def on_tick() -> None:
        running.on_tick()

    async def on_watchdog() -> None:
        if running.vitals.is_alive:
            running.notifier.alive()

    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.add_job(on_tick, "interval", seconds=tick_s, coalesce=True, max_instances=1, misfire_grace_time=None)
    if running.notifier.watchdog_s is not None:
        every_s = running.notifier.watchdog_s / 2
        scheduler.add_job(on_watchdog, "interval", seconds=every_s, misfire_grace_time=None)
    scheduler.start()
    stack.callback(scheduler.shutdown, wait=False)
