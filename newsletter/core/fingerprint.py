"""Addresses that may not be kept, as what recognises them: a keyed hash, worthless to whoever has no key."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import cached_property
from typing import Final

PREFIX: Final = "hmac:"
DIGITS: Final = 40  # hexadecimal, of SHA-256: 160 bits


@dataclass(frozen=True)
class Fingerprints:
    """Recognises addresses by HMAC-SHA256 under a key that is made from the installation's ``secret``."""

    secret: str = ""

    def of(self, address_key: str) -> str:
        """Return what stands for an address's key: ``hmac:`` and 40 hexadecimal digits."""
        made = self._keyed.copy()
        made.update(address_key.encode("utf-8", "surrogatepass"))
        return PREFIX + made.hexdigest()[:DIGITS]

    @cached_property
    def _keyed(self) -> hmac.HMAC:
        key = hmac.digest(self.secret.encode(), b"newsletter.suppression", "sha256")
        return hmac.new(key, digestmod=hashlib.sha256)


def is_fingerprint(text: str) -> bool:
    """Return whether a text is what :meth:`Fingerprints.of` returns for some address."""
    digits = text.removeprefix(PREFIX)
    return text.startswith(PREFIX) and len(digits) == DIGITS and set(digits) <= set("0123456789abcdef")
