"""Alerting: what is wrong is set against what the operator has been told, and told where it is due.

What was told is kept in the store, so that a restart repeats nothing; while the store fails it is kept in memory, and
written when the store is back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from newsletter.core.alerts import follow, observed, told, unseen
from newsletter.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from newsletter.core.alerts import AlertPolicy, Observation
    from newsletter.model import Alert, Notice
    from newsletter.ports import Announcer, WatchStore

logger = structlog.get_logger(__name__)

RETRY_AFTER: Final = timedelta(minutes=5)  # a channel that could not be reached

Key = tuple[str, str]


class Alerter:
    """Follows what is wrong; one per process. Steps must not overlap."""

    def __init__(self, store: WatchStore) -> None:
        self._store = store
        self._stored: dict[Key, Alert] | None = None
        self._known: dict[Key, Alert] = {}
        self._retry_at: dict[str, datetime] = {}

    async def step(
        self, observation: Observation, announcers: Sequence[Announcer], policy: AlertPolicy, now: datetime
    ) -> None:
        """Tell, by every channel, what has lasted long enough and what is over.

        StoreError when it cannot be read what was told before: nothing is told then. A channel that fails is tried
        again, a while later.
        """
        if self._stored is None:
            self._stored = {_key(alert): alert for alert in await self._store.alerts()}
            self._known = dict(self._stored)
        known: dict[Key, Alert] = {}
        for announcer in announcers:
            mine = {alert.condition: alert for key, alert in self._known.items() if key[1] == announcer.channel}
            conditions = [*observed(observation, policy, now), *unseen(mine.values(), observation)]
            kept, notices = follow(mine, conditions, announcer.channel, now)
            if notices and await self._announce(announcer, notices, now):
                kept = told(kept, notices, now)
            known.update({_key(alert): alert for alert in kept.values()})
        self._known = known  # without the channels that are no longer configured
        await self._save()

    async def _announce(self, announcer: Announcer, notices: Sequence[Notice], now: datetime) -> bool:
        channel = announcer.channel
        if now < self._retry_at.get(channel, now):
            return False
        fault = await announcer.announce(notices, now)
        if fault is not None:
            self._retry_at[channel] = now + RETRY_AFTER
            logger.error("alert.not_told", channel=channel, reason=fault)
            return False
        self._retry_at.pop(channel, None)
        for notice in notices:
            logger.warning(
                "alert.over" if notice.is_over else "alert.raised",
                channel=channel,
                condition=notice.condition,
                summary=notice.summary,
            )
        return True

    async def _save(self) -> None:
        stored = self._stored or {}
        changed = [alert for key, alert in self._known.items() if not _is_same(alert, stored.get(key))]
        over = [alert for key, alert in stored.items() if key not in self._known]
        if not changed and not over:
            return
        try:
            await self._store.save_alerts(changed, over)
        except StoreError as error:
            logger.error("alert.not_stored", error=str(error))  # noqa: TRY400 (kept in memory; the next step writes it)
            return
        self._stored = dict(self._known)


def _key(alert: Alert) -> Key:
    return alert.condition, alert.channel


def _is_same(alert: Alert, stored: Alert | None) -> bool:
    """Whether nothing worth a write has changed: the words may tell a new age each time."""
    return stored is not None and replace(alert, summary=stored.summary) == stored
