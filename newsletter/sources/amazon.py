"""What a webhook of Amazon's refers to: certificates, and addresses that confirm a subscription."""

from __future__ import annotations

from typing import Final

import httpx2

from newsletter import __version__
from newsletter.errors import ReadingError
from newsletter.sources.answers import FAILURES, failure_fault
from newsletter.sources.fetch import proxy_for

TIMEOUT_S: Final = 10.0
SIZE_LIMIT: Final = 64 * 1024  # octets; a certificate has two thousand


async def fetch_from_amazon(url: str) -> bytes:
    """Return what is at ``url``, which the caller has found to be Amazon's; ReadingError when it cannot be had.

    No redirect is followed: it could lead to anybody.
    """
    address = httpx2.URL(url)
    headers = {"User-Agent": f"newsletter/{__version__}"}
    try:
        async with (
            httpx2.AsyncClient(
                proxy=proxy_for(address), trust_env=False, timeout=TIMEOUT_S, headers=headers, follow_redirects=False
            ) as client,
            client.stream("GET", address) as answer,
        ):
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > SIZE_LIMIT:
                    raise ReadingError(f"{address.host} answers with more than {SIZE_LIMIT} octets")
    except FAILURES as error:
        raise ReadingError(failure_fault(address.host, error, TIMEOUT_S).message) from error
    if not answer.is_success:
        raise ReadingError(f"{address.host} answered {answer.status_code}")
    return content
