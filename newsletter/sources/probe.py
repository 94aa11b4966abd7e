"""One look at a web server, as a value: status, redirect, clock and certificate."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from newsletter import __version__
from newsletter.core.findings import WebAnswer
from newsletter.sources.answers import display_url

TIMEOUT_S: Final = 10.0
LARGEST_BODY: Final = 64 * 1024


class WebProbe:
    """Asks web servers without following redirects; never raises for what happens out there."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s

    async def ask(self, method: str, url: str, form: str = "") -> WebAnswer:
        """Send one request, with a form's body when there is one, and return what came back."""
        headers = {"User-Agent": f"newsletter/{__version__} (doctor)"}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            async with (
                httpx2.AsyncClient(verify=ssl.create_default_context(), timeout=self._timeout_s) as client,
                client.stream(method, url, content=form.encode() or None, headers=headers) as response,
            ):
                return await _read(url, response)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            return WebAnswer(url, fault=f"{display_url(url)}: {str(error) or type(error).__name__}")


async def _read(url: str, response: httpx2.Response) -> WebAnswer:
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > LARGEST_BODY:
            break
    return WebAnswer(
        url,
        response.status_code,
        response.headers.get("location", ""),
        _date(response.headers.get("date", "")),
        body.decode("utf-8", "replace"),
        _certificate_until(response),
    )


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _certificate_until(response: httpx2.Response) -> datetime | None:
    stream = response.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream is not None else None
    certificate = secured.getpeercert() if secured is not None else None
    if not certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
