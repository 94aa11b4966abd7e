"""Posting events to webhooks: to the public internet unless the operator allows otherwise, and never further.

As with sources, names are resolved here and the connection goes to the address that was checked
(:mod:`newsletter.sources.guard`). A redirect is not followed: it could lead anywhere.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from typing import TYPE_CHECKING

import httpx2

from newsletter import __version__
from newsletter.model import Posted
from newsletter.sources import guard
from newsletter.sources.answers import FAILURES, failure_fault
from newsletter.sources.fetch import proxy_for
from newsletter.sources.headers import retry_after_s

if TYPE_CHECKING:
    from collections.abc import Mapping

ASKS_TO_WAIT = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
MEANT = "the webhook"  # its address may hold a key, and is never repeated


class PrivateAddressError(OSError):
    """The address lies in a private network, and may not."""


class WebhookPoster:
    """Posts to one address. ``aclose`` ends it."""

    def __init__(self, url: str, timeout_s: float, *, allow_private_addresses: bool = False) -> None:
        self._url = httpx2.URL(url)
        self._timeout_s = timeout_s
        self._allows_private = allow_private_addresses
        self._client = httpx2.AsyncClient(
            verify=ssl.create_default_context(),
            proxy=proxy_for(self._url),
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": f"newsletter/{__version__}", "Content-Type": "application/json"},
            timeout=timeout_s,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Posted:
        """Post once, and return what came of it; never raises for what happens out there. The answer is not read."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(body, headers)
        except PrivateAddressError as error:
            return Posted(fault=str(error))
        except FAILURES as error:
            return Posted(fault=failure_fault(MEANT, error, self._timeout_s).message)

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Posted:
        url, address = self._url, await self._address()
        request = self._client.build_request(
            "POST",
            url.copy_with(host=address, fragment=None),
            content=body,
            headers={"Host": url.netloc.decode("ascii"), **headers},
            # The certificate is checked against the host's name, whichever address the connection went to.
            extensions={"sni_hostname": url.raw_host.decode("ascii")} if address != url.host else {},
        )
        response = await self._client.send(request, stream=True)
        try:
            return judged(response)
        finally:
            await response.aclose()

    async def _address(self) -> str:
        """Return the address to connect to; behind a proxy, which resolves names itself, the host's name."""
        host = self._url.host
        if proxy_for(self._url) is not None and guard.literal_address(host) is None:
            return host
        found = await guard.resolve(self._url.raw_host.decode("ascii"), self._url.port or 443)
        if not self._allows_private and any(not guard.is_public(ip_address(each)) for each in found):
            raise PrivateAddressError(f"{MEANT} leads into a private network; allow_private_addresses would let it")
        return found[0]

    async def aclose(self) -> None:
        """Close what is open."""
        await self._client.aclose()


def judged(response: httpx2.Response) -> Posted:
    """Return what an answer means: only 2xx is success."""
    status = response.status_code
    if response.is_success:
        return Posted(status)
    asked_s = retry_after_s(response.headers.raw, datetime.now(UTC)) if status in ASKS_TO_WAIT else None
    said = "redirects, which is not followed" if response.is_redirect else "refused the event"
    return Posted(status, f"{MEANT} {said} ({status})", asked_s)
