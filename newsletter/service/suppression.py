"""Suppressions by hand: what somebody wrote becomes one, and one is lifted when its owner comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from newsletter.core.address import parse_address
from newsletter.core.fingerprint import is_fingerprint
from newsletter.errors import AddressError
from newsletter.model import SuppressionKind, SuppressionReason

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import Subscriber, Suppression
    from newsletter.ports import Store

# What was found out by sending is settled by whoever says that the address works again; what somebody decided is not.
FOUND_OUT: Final = frozenset(
    {SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCES, SuppressionReason.COMPLAINT}
)


def read_value(text: str) -> tuple[SuppressionKind, str]:
    """Return what a text names, as the store keeps it: an address's key, a domain (``example.org`` or
    ``@example.org``) as it is on the wire, or a fingerprint (``hmac:…``); AddressError when it is none.
    """
    plain = text.strip()
    if is_fingerprint(plain):
        return SuppressionKind.HASH, plain
    local, _, domain = plain.rpartition("@")
    if local:
        return SuppressionKind.ADDRESS, parse_address(plain).key
    try:
        return SuppressionKind.DOMAIN, parse_address(f"postmaster@{domain}").domain
    except AddressError as error:
        raise AddressError(f"“{plain[:100]}” is neither a mail address nor a domain") from error


async def lift(store: Store, subscriber: Subscriber, now: datetime) -> Suppression | None:
    """Forget that mails to somebody came back, and return what still suppresses them, None when nothing does."""
    await store.forget_scores([subscriber.id])
    found = (await store.suppressed([subscriber.address], now)).get(subscriber.address.key)
    if found is None or found.kind is SuppressionKind.DOMAIN or found.reason not in FOUND_OUT:
        return found
    await store.unsuppress([(found.kind, found.value)])
    return (await store.suppressed([subscriber.address], now)).get(subscriber.address.key)
