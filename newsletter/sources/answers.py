"""What a request can come to, as values, and how each fault is told to a person."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx2

from newsletter.model import Fault
from newsletter.sources import headers
from newsletter.sources.body import Document, EncodingError, TooLargeError
from newsletter.sources.pacing import ARXIV, bucket_of

if TYPE_CHECKING:
    from datetime import datetime


# What may go wrong out there, or on the disk, while an answer is taken in.
FAILURES: Final = (OSError, TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, TooLargeError, EncodingError)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A 200: the document, which the receiver must close, and the validators exactly as they came."""

    document: Document
    url: str
    content_type: str
    etag: str | None
    last_modified: str | None
    max_age_s: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotModified:
    """A 304: what was read before is still what the source says."""

    max_age_s: float | None


Answer = Downloaded | NotModified | Fault


@dataclass(frozen=True, slots=True)
class Redirect:
    """An answer that names another address."""

    url: httpx2.URL
    is_permanent: bool


def display_url(url: httpx2.URL | str) -> str:
    """Return an address for logs and messages: without user, password, query and fragment, which may be secrets."""
    text = str(url)
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text.partition("?")[0][:200]
    authority, slash, path = rest.partition("/")
    path, query, _ = path.partition("#")[0].partition("?")
    host = authority.rpartition("@")[2].partition("?")[0].partition("#")[0]
    return f"{scheme}://{host}{slash}{path}"[:300] + ("?…" if query else "")


def private_address(url: httpx2.URL, address: str) -> Fault:
    """Return the fault of a source that leads into a private network."""
    return Fault(
        "refused",
        f"{display_url(url)}: {address} is an address of a private network; "
        "if this source is meant to be there, set allow_private_addresses",
    )


def silenced(url: httpx2.URL, seconds: float) -> Fault:
    """Return the fault of a host that asked, a moment ago, not to be asked."""
    return Fault(
        "throttled", f"{display_url(url)}: {url.host} asked to be left alone for {seconds:.0f} s more", seconds
    )


def status_fault(url: httpx2.URL, status: int, raw: list[tuple[bytes, bytes]], now: datetime) -> Fault:
    """Return what an unsuccessful status means for this source."""
    shown, retry_s = display_url(url), headers.retry_after_s(raw, now)
    named = f"{status} {HTTPStatus(status).phrase}" if status in HTTPStatus._value2member_map_ else str(status)
    # arXiv answers 406 to clients that it finds too eager.
    is_throttle = status == HTTPStatus.TOO_MANY_REQUESTS or (
        status == HTTPStatus.NOT_ACCEPTABLE and bucket_of(url.host) == ARXIV
    )
    if is_throttle or (status == HTTPStatus.SERVICE_UNAVAILABLE and retry_s is not None):
        wait = f"asks us to wait {retry_s:.0f} s" if retry_s is not None else "asks us to slow down"
        return Fault("throttled", f"{shown}: the server {wait} ({named})", retry_s)
    if (headers.raw_header(raw, "cf-mitigated") or "").strip().lower() == "challenge":
        return Fault(
            "refused", f"{shown}: Cloudflare asks for a human ({named}); ask the site to let feed readers through"
        )
    if status == HTTPStatus.GONE:
        return Fault("status", f"{shown}: the feed is gone for good ({named}); remove this source or change its url")
    return Fault("status", f"{shown}: the server answered {named}")


def failure_fault(shown: str, error: Exception, total_timeout_s: float) -> Fault:
    """Return the fault behind one of ``FAILURES``, the first kind that it is one of."""
    if isinstance(error, httpx2.HTTPError) and not isinstance(error, httpx2.TimeoutException):
        return network_fault(shown, error)
    reason = getattr(error, "strerror", None) or error
    tellings: tuple[tuple[type[Exception], str, str], ...] = (
        (httpx2.ConnectTimeout, "timeout", "the server took too long to connect"),
        (httpx2.TimeoutException, "timeout", "the server fell silent for too long"),
        (TimeoutError, "timeout", f"the answer was not complete within {total_timeout_s:g} s"),
        (httpx2.InvalidURL, "status", f"the server redirects to what is no web address: {error}"),
        (TooLargeError, "too-large", f"the document {error}; nothing of it was read"),
        (EncodingError, "parse", f"the document {error}"),
    )
    kind, message = next(
        ((kind, message) for type_, kind, message in tellings if isinstance(error, type_)),
        ("file", f"the document could not be kept on disk: {reason}"),
    )
    return Fault(kind, f"{shown}: {message}")


def network_fault(shown: str, error: httpx2.HTTPError) -> Fault:
    """Return the fault behind a failed connection; a certificate problem is not a network problem."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", "") or cause.reason or str(cause)
            return Fault("tls", f"{shown}: no secure connection: {reason}")
        cause = cause.__cause__ or cause.__context__
    detail = str(error) or type(error).__name__
    if isinstance(error, httpx2.ConnectError):
        return Fault("connect", f"{shown}: no connection: {detail}")
    return Fault("connect", f"{shown}: the connection broke: {detail}")
