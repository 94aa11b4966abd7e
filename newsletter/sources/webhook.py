"""Alerts to a web address: one JSON document by POST, as chat and paging services take it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import httpx2

from newsletter import __version__
from newsletter.sources.answers import FAILURES, failure_fault
from newsletter.sources.fetch import proxy_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from newsletter.model import Notice

TIMEOUT_S: Final = 10.0
MEANT_BY_THE_OPERATOR: Final = "the webhook"  # its address may hold a key, and is never repeated


class WebhookAnnouncer:
    """Implements :class:`newsletter.ports.Announcer` over HTTP; the address is the operator's, and may be private."""

    channel = "webhook"

    def __init__(self, url: str, newsletter_name: str, timeout_s: float = TIMEOUT_S) -> None:
        self._url = httpx2.URL(url)
        self._name = newsletter_name
        self._timeout_s = timeout_s

    async def announce(self, notices: Sequence[Notice], now: datetime) -> str | None:
        """Post all of it; return None on a 2xx answer, or in one line why there was none."""
        try:
            async with httpx2.AsyncClient(
                proxy=proxy_for(self._url),
                trust_env=False,
                timeout=self._timeout_s,
                headers={"User-Agent": f"newsletter/{__version__}", "Content-Type": "application/json"},
            ) as client:
                answer = await client.post(self._url, content=document(self._name, notices, now))
        except FAILURES as error:
            return failure_fault(MEANT_BY_THE_OPERATOR, error, self._timeout_s).message
        if answer.is_success:
            return None
        return f"{MEANT_BY_THE_OPERATOR} answered {answer.status_code}"


def document(newsletter_name: str, notices: Sequence[Notice], now: datetime) -> bytes:
    """Return the JSON document: ``text`` for chats (Slack, Mattermost), ``alerts`` for programs, times in ISO 8601."""
    lines = [f"{'Over' if notice.is_over else 'Wrong'}: {notice.summary}" for notice in notices]
    alerts = [
        {
            "condition": notice.condition,
            "state": "over" if notice.is_over else "wrong",
            "summary": notice.summary,
            "since": notice.since.isoformat(),
        }
        for notice in notices
    ]
    text = "\n".join([f"{newsletter_name}:", *lines])
    told = {"newsletter": newsletter_name, "at": now.isoformat(), "text": text, "alerts": alerts}
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
