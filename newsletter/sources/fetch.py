"""One polite HTTP client for all sources: conditional requests, limits, turns per host, and faults as values.

It sends no cookie and no referrer, follows redirects itself so that each hop is checked, and closes every connection:
a source is asked a few times a day. A proxy from the environment (``HTTPS_PROXY``, ``NO_PROXY``) is used; it then
resolves the names, so that only literal private addresses can be refused.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.request import getproxies_environment, proxy_bypass

import httpx2

from newsletter import __version__
from newsletter.model import Fault
from newsletter.sources import guard, headers
from newsletter.sources.answers import (
    FAILURES,
    Answer,
    Downloaded,
    NotModified,
    Redirect,
    display_url,
    failure_fault,
    private_address,
    silenced,
    status_fault,
)
from newsletter.sources.body import Intake
from newsletter.sources.pacing import Pacer

if TYPE_CHECKING:
    from pathlib import Path

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
PERMANENT: Final = frozenset({301, 308})
ACCEPT: Final = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
# What is asked for is what can be decompressed piece by piece with the standard library.
ACCEPT_ENCODING: Final = "gzip"
HOST: Final = re.compile(rb"[A-Za-z0-9._:-]+")
LARGEST_PORT: Final = 65_535

Conditions = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """How to behave as a client; ``contact_url`` and ``contact`` tell servers' operators whom to ask."""

    contact_url: str
    contact: str
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    total_timeout_s: float = 90.0
    most_wire_bytes: int = 20_000_000
    most_bytes: int = 40_000_000
    most_redirects: int = 5
    spacing_s: float = 1.0
    arxiv_spacing_s: float = 3.0
    allow_private_addresses: bool = False
    ca_file: Path | None = None

    @property
    def user_agent(self) -> str:
        """Return ``newsletter/<version> (+<url>; <contact>)``."""
        contact = "; ".join(part for part in (f"+{self.contact_url}" if self.contact_url else "", self.contact) if part)
        return f"newsletter/{__version__}" + (f" ({contact})" if contact else "")


class Fetcher:
    """Asks web addresses; one per process, so that hosts get their turns. ``aclose`` ends it."""

    def __init__(self, settings: FetchSettings) -> None:
        self.settings = settings
        self.pacer = Pacer(settings.spacing_s, settings.arxiv_spacing_s)
        self.ssl_context = ssl.create_default_context()
        if settings.ca_file is not None:
            self.ssl_context.load_verify_locations(settings.ca_file)
        self.clients: dict[str | None, httpx2.AsyncClient] = {}

    async def get(self, url: str, etag: str | None = None, last_modified: str | None = None) -> Answer:
        """Ask ``url``, only for what is newer than the validators; never raises for what happens out there.

        The whole request, redirects included, ends within the total timeout; waiting for a turn does not count.
        """
        validators = ((b"If-None-Match", etag), (b"If-Modified-Since", last_modified))
        conditions = [(name, value.encode("latin-1", "replace")) for name, value in validators if value]
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            return Fault("refused", f"{display_url(url)}: this is not a web address: {error}")
        return await self.follow(parsed, conditions)

    async def aclose(self) -> None:
        """Close what is open."""
        for client in self.clients.values():
            await client.aclose()
        self.clients.clear()

    async def follow(self, url: httpx2.URL, conditions: Conditions) -> Answer:
        """Ask ``url`` and the addresses that it redirects to, each in its host's turn."""
        left_s = self.settings.total_timeout_s
        notes: list[str] = []
        start = url
        for _ in range(self.settings.most_redirects + 1):
            if fault := self.refusal(url):
                return fault
            async with self.pacer.turn(url.host):
                # Somebody who had the turn before us may have been told to stay away.
                if silence_s := self.pacer.silence_left_s(url.host):
                    return silenced(url, silence_s)
                started_s = asyncio.get_running_loop().time()
                answer = await self.ask(url, conditions, left_s)
                left_s -= asyncio.get_running_loop().time() - started_s
            if not isinstance(answer, Redirect):
                return replace(answer, notes=tuple(notes)) if isinstance(answer, Downloaded) else answer
            if answer.is_permanent and not notes:
                notes.append(f"{display_url(start)} has moved for good to {display_url(answer.url)}: change its url")
            url = answer.url
        return Fault("status", f"{display_url(start)}: more than {self.settings.most_redirects} redirects")

    def refusal(self, url: httpx2.URL) -> Fault | None:
        """Return why ``url`` must not be asked, whatever its name resolves to, or None."""
        if url.scheme not in ("http", "https") or not url.host:
            return Fault("refused", f"{display_url(url)}: only http and https addresses are fetched")
        if not HOST.fullmatch(url.raw_host) or not 0 < (url.port or 80) <= LARGEST_PORT:
            return Fault("refused", f"{display_url(url)}: this is no web address")
        literal = guard.literal_address(url.host)
        is_inside = url.host.rstrip(".").lower() == "localhost" or (
            literal is not None and not guard.is_public(literal)
        )
        if is_inside and not self.settings.allow_private_addresses:
            return private_address(url, url.host)
        return None

    async def ask(self, url: httpx2.URL, conditions: Conditions, timeout_s: float) -> Answer | Redirect:
        """Make one request within ``timeout_s`` seconds and turn whatever happens into a value."""
        shown = display_url(url)
        try:
            async with asyncio.timeout(max(timeout_s, 0.001)):
                return await self.request(url, conditions)
        except FAILURES as error:
            return failure_fault(shown, error, self.settings.total_timeout_s)

    async def request(self, url: httpx2.URL, conditions: Conditions) -> Answer | Redirect:
        """Connect, send, and read the answer; raises what :meth:`ask` turns into faults."""
        proxy = proxy_for(url)
        if proxy is not None:
            return await self.send(url, url.host, conditions, proxy)
        try:
            addresses = await guard.resolve(url.raw_host.decode("ascii"), url.port or 443)
        except OSError as error:
            return Fault(
                "connect", f"{display_url(url)}: the name {url.host} has no address ({error.strerror or error})"
            )
        if not self.settings.allow_private_addresses:
            private = [address for address in addresses if not guard.is_public(ip_address(address))]
            if private:
                return private_address(url, private[0])
        for address in addresses[:-1]:
            try:
                return await self.send(url, address, conditions, None)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue  # the next address of the same host, as every client does
        return await self.send(url, addresses[-1], conditions, None)

    async def send(self, url: httpx2.URL, address: str, conditions: Conditions, proxy: str | None) -> Answer | Redirect:
        """Send one request to ``address`` in the name of ``url``'s host, and judge the answer."""
        client = self.client(proxy)
        request = client.build_request(
            "GET",
            url.copy_with(host=address, fragment=None),
            headers=[(b"Host", url.netloc), *conditions],
            # The certificate is checked against the host's name, whichever address the connection went to.
            extensions={"sni_hostname": url.raw_host.decode("ascii")} if address != url.host else {},
        )
        response = await client.send(request, stream=True)
        try:
            return await self.judge(url, response)
        finally:
            await response.aclose()

    async def judge(self, url: httpx2.URL, response: httpx2.Response) -> Answer | Redirect:
        """Return what an answer's status and headers mean; the body is read only of a 200."""
        raw, now = response.headers.raw, datetime.now(UTC)
        if response.status_code == HTTPStatus.OK:
            return await self.download(url, response)
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            return NotModified(headers.max_age_s(raw, now))
        location = response.headers.get("location")
        if response.status_code in REDIRECTS and location:
            return Redirect(url.join(location), response.status_code in PERMANENT)
        fault = status_fault(url, response.status_code, raw, now)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and fault.retry_after_s:
            self.pacer.silence(url.host, fault.retry_after_s)
        return fault

    async def download(self, url: httpx2.URL, response: httpx2.Response) -> Answer:
        """Return the body of a 200 in a temporary file; raises for a body over the limits."""
        settings, raw = self.settings, response.headers.raw
        intake = Intake(
            headers.raw_header(raw, "content-encoding") or "", settings.most_wire_bytes, settings.most_bytes
        )
        try:
            announced = headers.raw_header(raw, "content-length") or ""
            if announced.isascii() and announced.isdigit():
                intake.check_announced(int(announced[:18]))
            async for data in response.aiter_raw():
                await intake.take(data)
            document = intake.finish()
        except BaseException:
            intake.document.close()
            raise
        return Downloaded(
            document=document,
            url=str(url.copy_with(userinfo=b"", fragment=None)),
            content_type=headers.raw_header(raw, "content-type") or "",
            etag=headers.raw_header(raw, "etag"),
            last_modified=headers.raw_header(raw, "last-modified"),
            max_age_s=headers.max_age_s(raw, datetime.now(UTC)),
        )

    def client(self, proxy: str | None) -> httpx2.AsyncClient:
        """Return the client for a proxy, or for none; one connection per request, for a kept one would belong to the
        address and not to the name that was asked for.
        """
        if proxy not in self.clients:
            settings = self.settings
            self.clients[proxy] = httpx2.AsyncClient(
                verify=self.ssl_context,
                proxy=proxy,
                trust_env=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                headers={
                    "User-Agent": settings.user_agent,
                    "Accept": ACCEPT,
                    "Accept-Encoding": ACCEPT_ENCODING,
                },
                timeout=httpx2.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
                limits=httpx2.Limits(max_keepalive_connections=0),
            )
        return self.clients[proxy]


def proxy_for(url: httpx2.URL) -> str | None:
    """Return the proxy that the environment names for ``url``, or None."""
    if proxy_bypass(url.host):
        return None
    proxies = getproxies_environment()
    return proxies.get(url.scheme) or proxies.get("all") or None
