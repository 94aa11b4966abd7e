"""What all providers share: a request, what may be wrong with it, and how events become reports."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 (read at run time)
from typing import TYPE_CHECKING, Any, Final, Protocol

from newsletter.bounces.limits import PART_LIMIT, TEXT_LIMIT, one_line
from newsletter.model import BounceKind, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EVENT_LIMIT: Final = 1000  # of one request; the largest batches that a provider sends have a few hundred
Fetch = Callable[[str], Awaitable[bytes]]


class RefusedError(Exception):
    """The request is not signed as the provider signs, or too old: it may be anybody's."""


class MalformedError(Exception):
    """The request is signed, and does not hold what the provider's documentation says."""


@dataclass(frozen=True, slots=True)
class Request:
    """A POST as it came: header names in lower case, the body octet by octet, and when it came."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


class Provider(Protocol):
    """One provider's webhook."""

    @property
    def name(self) -> str:
        """Its name, which is the end of the address that it posts to, and the source of its bounces."""

    async def read(self, request: Request) -> list[Report]:
        """Return what the events of a request report; RefusedError or MalformedError when it is not to be believed."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, in words that all providers have. ``identifier`` is the provider's own for it.

    ``return_path`` is the envelope sender, where the provider tells it, and ``message_id`` ours, not the provider's.
    """

    kind: BounceKind | None
    identifier: str
    recipient: str = ""
    message_id: str = ""
    return_path: str = ""
    enhanced_code: str | None = None
    text: str = ""
    unsubscribe_tokens: tuple[str, ...] = field(default=())


def reports(provider: str, events: Iterable[Event]) -> list[Report]:
    """Return signed events as reports."""
    return [
        Report(
            kind=event.kind,
            fingerprint=hashlib.sha256(f"{provider}\0{event.identifier}".encode()).hexdigest()[:40],
            recipients=(event.recipient.strip().lower(),) if event.recipient else (),
            return_paths=(event.return_path,) if event.return_path else (),
            unsubscribe_tokens=event.unsubscribe_tokens[:PART_LIMIT],
            message_ids=(event.message_id.strip("<> "),) if event.message_id else (),
            enhanced_code=event.enhanced_code,
            text=one_line(event.text)[:TEXT_LIMIT],
            is_vouched=True,
        )
        for event in events
    ]


def read_json(body: bytes) -> Any:
    """Return what a body holds; MalformedError when it is not JSON, or nested too deeply to be read."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedError("the body is not JSON") from error


def mapping(value: Any) -> Mapping[str, Any]:
    """Return ``value`` as a mapping, an empty one when it is something else."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """Return ``value`` as a list of bounded length, an empty one when it is something else."""
    return value[:EVENT_LIMIT] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return ``value`` as text, an empty one for anything but text and numbers."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def equal(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def decoded(value: str) -> bytes:
    """Return what base 64 holds; RefusedError when it is none."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError("the signature is not base 64") from error


def seconds_since(stamp: str, now: datetime) -> float:
    """Return the age of a Unix time, negative for one to come; RefusedError when it is none."""
    try:
        return now.timestamp() - float(int(stamp))
    except (ValueError, OverflowError) as error:
        raise RefusedError("the timestamp is not a time") from error
